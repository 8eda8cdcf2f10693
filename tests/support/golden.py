"""Golden files: what was once read and found right, compared byte for byte."""

import difflib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "fixtures" / "golden"


@dataclass(frozen=True)
class Golden:
    """Compares with ``fixtures/golden``; with --update-golden, writes there instead."""

    update: bool

    def check(self, name: str, actual: str | bytes) -> None:
        """Compare with one file; show the difference when there is one."""
        path = ROOT / name
        found = actual.encode() if isinstance(actual, str) else actual
        if self.update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(found)
            return
        if not path.exists():
            raise AssertionError(f"no golden file {name}; make it with --update-golden")
        wanted = path.read_bytes()
        if found != wanted:
            lines = difflib.unified_diff(_lines(wanted), _lines(found), "approved", "now", n=1)
            raise AssertionError(
                "\n".join([f"{name} differs", *lines])
                + "\nRead the diff; if it is right: --update-golden"
            )


def _lines(content: bytes) -> list[str]:
    # As it is written: a CR at the end of a line must show.
    return [repr(line)[1:-1] for line in content.decode("utf-8", "backslashreplace").split("\n")]
