"""Runs the measurements, prints the table, writes build/bench.json."""

import json
import sys
from pathlib import Path

from tests.bench import daemon, directory, firewall, ingest, letters
from tests.bench.row import Row

SUBJECTS = {
    "ingest": ingest.run,
    "letters": letters.run,
    "firewall": firewall.run,
    "daemon": daemon.run,
    "directory": directory.run,
}
TARGET = Path(__file__).parents[2] / "build" / "bench.json"


def main(wanted: list[str]) -> int:
    unknown = set(wanted) - SUBJECTS.keys()
    if unknown:
        print(f"no such subject: {', '.join(sorted(unknown))}; there are: {', '.join(SUBJECTS)}")
        return 2
    rows = [row for name, run in SUBJECTS.items() if name in (wanted or SUBJECTS) for row in run()]
    print(table(rows))
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n", "utf-8")
    print(f"\nwritten: {TARGET.relative_to(TARGET.parents[1])}")
    return 0


def table(rows: list[Row]) -> str:
    """The rows in columns."""
    lines = [("what", "ours", "unit", "peer", "peer's", "ratio", "target")]
    for row in rows:
        lines.append(
            (
                row.name,
                f"{row.value:,.2f}".rstrip("0").rstrip("."),
                row.unit,
                row.peer or "",
                "" if row.peer_value is None else f"{row.peer_value:,.1f}",
                "" if row.ratio is None else f"{row.ratio:.1f}",
                row.target,
            )
        )
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
