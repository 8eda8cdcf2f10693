"""The report of releases, for a person."""

from typing import Any, Final

from engine.model.continuity import Rung

_HEADS: Final = {
    Rung.RELEASED: "released",
    Rung.AGREED: "agreed",
    Rung.GP_KNOWN: "GP known",
    Rung.LETTER_SENT: "letter sent",
    Rung.PROVEN: "read",
}
_NEED: Final = {
    "chronic-disease": "chronic disease",
    "treatment": "treatment to renew",
    "vaccination": "vaccination due",
    "examination": "examination or care due",
    "appointment": "appointment",
}


def told_report(told: dict[str, Any]) -> str:
    """The table of rungs, why ways broke, and the list when it was asked for."""
    lines = [
        f"Releases from {told['since']} to {told['until']}. Transfers, deaths, escapes and "
        "expulsions are left out.",
        "",
        *_table(told),
        "",
    ]
    whole = told["all"]
    released, needing = whole["all"]["released"], whole["needing"]["released"]
    if released:
        lines.append(
            f"Of {released} released, {needing} need follow-up; of the others nothing that a "
            "machine can read says so."
        )
        lines.append(f"Released with need, and no letter: {whole['need_without_letter']}")
        lines.append(f"Released with need, and asked after one week: {whole['need_checked']}")
    if whole["lacks"]:
        lines += ["", "Where the way broke, of those who need follow-up:"]
        lines += [f"  {one['count']:>4}  {one['what']} ({one['word']})" for one in whole["lacks"]]
    if told["broken"]:
        lines += ["", "One by one:"]
        for one in told["broken"]:
            lines += _line(one)
    return "\n".join(lines)


def _table(told: dict[str, Any]) -> list[str]:
    rows: list[tuple[str, ...]] = [("unit", "", *_HEADS.values())]
    units = dict(told["units"])
    if len(units) != 1:
        units["all units"] = told["all"]
    for name, counts in units.items():
        rows.append((name, "all", *_cells(counts["all"])))
        rows.append(("", "with need", *_cells(counts["needing"])))
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if n < 2 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _cells(counts: dict[str, int]) -> list[str]:
    base = counts["released"]
    return [
        str(counts[rung])
        if rung is Rung.RELEASED or not base
        else f"{counts[rung]} ({100 * counts[rung] / base:.0f} %)"
        for rung in Rung
    ]


def _line(one: dict[str, Any]) -> list[str]:
    needs = ", ".join(_NEED[need] for need in one["needs"]) or "not known"
    head = f"  {one['released']}  {one['unit']}  patient {one['patient']}, visit {one['visit']}"
    return [
        f"{head}; need: {needs}",
        *(f"      {lack['what']} ({lack['word']})" for lack in one["lacks"]),
    ]
