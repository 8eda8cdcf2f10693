"""What became of releases: the ladder from the gate to the doctor who has read."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from engine.commands.context import Context, refused, words_of
from engine.commands.report_text import told_report
from engine.decide.report import Ladder, Release, ladders, sentence_of, total
from engine.model.continuity import Rung
from engine.model.trail import AuditKind
from engine.releases import WATCHED, releases
from engine.store.interface import StayRow, Tx


def report(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Count releases by rung; with ``list``, name those whose way broke, and why.

    ``since`` and ``until`` are days of the hospital's calendar, both included; the last 30 days
    when left out.
    """
    zone = ZoneInfo(context.settings.config.time_zone)
    since, until = _days(context.now(), args, zone)
    unit = words_of(args, "unit")
    if unit is not None and unit not in context.settings.config.units:
        raise refused(
            "There is no such unit.",
            where="--unit",
            remedy="one of: " + ", ".join(sorted(context.settings.config.units)),
        )
    listed = bool(args.get("list"))

    def work(tx: Tx) -> dict[str, Any]:
        found = [
            (row, one)
            for row, one in releases(tx, since, until)
            if unit is None or one.unit == unit
        ]
        broken = [(row, one) for row, one in found if one.lacks] if listed else []
        for row, _ in broken:
            context.audit(
                tx, AuditKind.READ, patient=row.patient, stay=row.key, what="report of releases"
            )
        return _told([one for _, one in found], broken, since, until, zone)

    return context.store.write_sync(work)


def _days(now: datetime, args: dict[str, Any], zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The start of the first day, and the end of the last."""
    today = now.astimezone(zone).date()
    days = []
    for name, default in (("since", today - WATCHED), ("until", today)):
        text = words_of(args, name)
        try:
            days.append(datetime.fromisoformat(text).date() if text else default)
        except ValueError:
            raise refused(
                "That is no day.", where=f"--{name}", remedy="write it as 2026-11-24"
            ) from None
    first, last = days
    if last < first:
        raise refused("The last day is before the first.", where="--until", remedy="exchange them")
    return (
        datetime.combine(first, time(), zone),
        datetime.combine(last + timedelta(days=1), time(), zone),
    )


def _told(
    found: list[Release],
    broken: list[tuple[StayRow, Release]],
    since: datetime,
    until: datetime,
    zone: ZoneInfo,
) -> dict[str, Any]:
    by_unit = ladders(found) | {"": total(found)}
    told: dict[str, Any] = {
        "since": since.date().isoformat(),
        "until": (until - timedelta(days=1)).date().isoformat(),
        "units": {name: _counts(one) for name, one in by_unit.items() if name},
        "all": _counts(by_unit[""]),
        "broken": [
            {
                "released": one.at.released_at.astimezone(zone).isoformat(timespec="minutes"),
                "unit": one.unit,
                "visit": one.visit,
                "patient": row.patient.partition("|")[0],
                "reached": one.rung.value,
                "needs": [need.value for need in one.at.needs],
                "lacks": [{"word": word, "what": sentence_of(word)} for word in one.chain],
            }
            for row, one in sorted(broken, key=lambda pair: pair[1].at.released_at)
        ],
    }
    return told | {"text": told_report(told)}


def _counts(ladder: Ladder) -> dict[str, Any]:
    return {
        "all": {rung.value: ladder.all[rung] for rung in Rung},
        "needing": {rung.value: ladder.needing[rung] for rung in Rung},
        "need_without_letter": ladder.need_without_letter,
        "need_checked": ladder.need_checked,
        "lacks": [
            {"word": word, "what": sentence_of(word), "count": count}
            for word, count in ladder.lacks.most_common()
        ],
    }
