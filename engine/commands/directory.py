"""The national directory at the command line: public data, in a file beside the store.

Not an operation of the daemon but for the audit line: an import takes half a minute of one
processor, and a search needs nothing of the daemon's. Both work while it runs, and without it.
"""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from engine.commands.context import Context, list_of, refused
from engine.directory.boxes import BoxPolicy, Seat, seats
from engine.directory.compare import Asked
from engine.directory.domains import TrustedDomains, fault_of, trusted_domains
from engine.directory.folding import town_of
from engine.directory.resolve import Resolved, resolve
from engine.directory.search import Candidate, search
from engine.directory.territory_extract import (
    NOT_LISTED,
    Area,
    LeftOut,
    practises_in,
    row_of,
)
from engine.model.directory import (
    BoxRow,
    Origin,
    Person,
    PracticeRow,
    Source,
    WordKind,
    generation_of,
)
from engine.model.errors import OperationError
from engine.model.people import Mailbox, rpps_ok
from engine.model.trail import AuditKind
from engine.store.directory import directory_path
from engine.store.directory_reader import DirectoryReader, shared_of
from engine.store.interface import Tx

CSV_HEADER: Final = ("rpps", "family", "given", "place", "mailbox", "type", "channel")
_LEFT_OUT_HEADER: Final = ("rpps", "family", "given", "why", "mailboxes")
_MOST_LINES: Final = 100_000


def imported(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Keep in the audit trail that files of the directory were imported, by whom."""
    files = list_of(args, "files")

    def work(tx: Tx) -> None:
        for one in files:
            context.audit(
                tx,
                AuditKind.HUMAN_ACT,
                subject="directory",
                what="imported",
                origin=Origin(str(one["origin"])).value,
                dated=str(one["dated"])[:40],
                rows=int(one["rows"]),
                sha256=str(one["sha256"])[:64],
            )

    try:
        context.store.write_sync(work)
    except (KeyError, TypeError, ValueError):
        raise refused(
            "That is no account of an import.", where="the command", remedy="see --help"
        ) from None
    return {"noted": len(files)}


def opened(data: Path) -> DirectoryReader:
    """The directory of a data folder. Raises OperationError when nothing was imported yet."""
    reader = DirectoryReader.open(directory_path(data))
    if reader is None:
        raise OperationError(
            what="There is no national directory yet.",
            where=str(directory_path(data)),
            effect="nothing was looked up",
            remedy="import the extraction of annuaire.sante.fr: relais directory import FILE…",
        )
    return reader


def searched(reader: DirectoryReader, fields: dict[str, Any], limit: int) -> dict[str, Any]:
    """As `told_search`; ``fields`` are those of directory.compare.Asked."""
    return told_search(reader, Asked(**fields), limit)


def told_search(
    reader: DirectoryReader, asked: Asked, limit: int, trusted: TrustedDomains | None = None
) -> dict[str, Any]:
    """Candidates with their evidence, and whether one of them is meant beyond doubt."""
    found = search(reader, asked, limit)
    trusted = trusted or trusted_of(reader)[0]
    told: dict[str, Any] = {
        "candidates": [_candidate(reader, one, trusted) for one in found.candidates[:limit]]
    }
    if asked.rpps or asked.family:
        judged = resolve(asked, found, complete=Origin.PRACTICES in reader.sources())
        told["beyond_doubt"] = (
            judged.candidate.person.rpps if isinstance(judged, Resolved) else None
        )
        if not isinstance(judged, Resolved):
            told["why_not"] = judged.why.value
    return told


def _candidate(reader: DirectoryReader, one: Candidate, trusted: TrustedDomains) -> dict[str, Any]:
    person = one.person
    rows: tuple[PracticeRow | BoxRow, ...] = (*person.practices, *person.boxes)
    labels = [row.skill_label or row.profession_label for row in rows]
    places = {f"{row.postal} {town_of(row.town)}".strip(): None for row in rows}
    return {
        "rpps": person.rpps,
        "family": person.family,
        "given": person.given,
        "speciality": next(filter(None, labels), ""),
        "places": [one for one in places if one],
        "mailboxes": [
            {
                "address": seated.box.address,
                "type": seated.box.type,
                "seat": seated.seat.value,
                "refused": seated.fault.value if seated.fault else None,
            }
            for seated in seats(person, shared_of(reader, person), trusted)
        ],
        "evidence": list(one.evidence.sentences()),
        "score": one.evidence.worth,
    }


def trusted_of(reader: DirectoryReader) -> tuple[TrustedDomains, bool]:
    """The domains that may be written to, and whether the white list itself says so.

    Without a white list, the domains that the extraction publishes: it lists mailboxes of the
    trust space alone.
    """
    listed = reader.listed_domains()
    return trusted_domains(listed or reader.seen_domains()), bool(listed)


def told_status(reader: DirectoryReader, now: datetime) -> dict[str, Any]:
    """What the present generation was made of, and how old it is."""
    sources = reader.sources()
    return {
        "files": [_told_source(one, now) for one in sources.values()],
        "generation": generation_of(sources.values()),
        **{f"{name}_rows": count for name, count in reader.counts().items()},
    }


def _told_source(one: Source, now: datetime) -> dict[str, Any]:
    return {
        "origin": one.origin.value,
        "file": one.file,
        "version": one.version,
        "dated": one.dated.isoformat(timespec="minutes"),
        "days_old": (now - one.dated).days,
        "imported": one.imported.isoformat(timespec="seconds"),
        "rows": one.rows,
        "left_out": one.left_out,
        "sha256": one.sha256,
    }


def told_services(reader: DirectoryReader, kind: str | None) -> list[dict[str, Any]]:
    """The site's own file, each mailbox judged as a doctor's is."""
    trusted, _ = trusted_of(reader)
    told = []
    for one in reader.territory():
        if kind is None or one.kind == kind:
            fault = fault_of(one.address, trusted) if one.address else None
            told.append(one._asdict() | {"refused": fault.value if fault else None})
    return told


@dataclass(frozen=True)
class Wanted:
    """Whose rows are wanted: numbers, and everybody in general practice in an area."""

    numbers: tuple[str, ...] = ()
    area: Area = field(default_factory=Area)
    all_physicians: bool = False


def wanted_of(
    numbers: Iterable[str], towns: Iterable[str], postals: Iterable[str], lines: Iterable[str]
) -> Wanted:
    """Read what was typed, and the lines of a territory file: a number of 11 digits, a postal code
    or its beginning, or a town. Raises OperationError."""
    found_numbers, found_towns = list(numbers), [town_of(one) for one in towns]
    found_postals = list(postals)
    for number, raw in enumerate(lines, 1):
        line = raw.partition("#")[0].strip().strip(";,")
        if number > _MOST_LINES:
            raise refused("That file is too long.", where="--territory", remedy="split it")
        if not line:
            continue
        if line.isdigit() and len(line) == 11:
            found_numbers.append(line)
        elif line[:1].isdigit() and len(line) in (2, 3, 5) and line.isalnum():
            found_postals.append(line.upper())
        elif town_of(line):
            found_towns.append(town_of(line))
        else:
            raise refused(
                "A line is no RPPS number, postal code or town.",
                where=f"--territory, line {number}",
                remedy="one a line; what follows # is not read",
            )
    for one in found_numbers:
        if not rpps_ok(one):
            raise refused(
                "That is not an RPPS number: 11 digits whose key holds.",
                where=f"…{one[-4:]}",
                remedy="copy it again from annuaire.sante.fr, as text",
            )
    return Wanted(
        tuple(dict.fromkeys(found_numbers)),
        Area(frozenset(filter(None, found_towns)), tuple(filter(None, found_postals))),
    )


@dataclass(frozen=True)
class Extract:
    """Rows for `directory.csv`, and everybody who has none."""

    rows: tuple[Mailbox, ...]
    left_out: tuple[LeftOut, ...]
    by_white_list: bool


def extract(reader: DirectoryReader, wanted: Wanted, channel: str, *, shared: bool) -> Extract:
    """The rows of those wanted. ``shared``: mailboxes of organisations may be taken, last."""
    trusted, by_white_list = trusted_of(reader)
    contested = reader.contested()
    policy = BoxPolicy(order=(*BoxPolicy().order, Seat.SHARED)) if shared else BoxPolicy()
    rows: list[Mailbox] = []
    left_out: list[LeftOut] = []
    people: dict[str, Person] = {}
    for number in wanted.numbers:
        person = reader.by_rpps(number)
        if person is None:
            left_out.append(LeftOut(number, "", "", NOT_LISTED))
        else:
            people[number] = person
    for person in _in_area(reader, wanted):
        people.setdefault(person.rpps, person)
    for person in people.values():
        row = row_of(
            person, shared_of(reader, person), trusted=trusted, policy=policy,
            contested=contested, channel=channel,
        )  # fmt: skip
        rows.append(row) if isinstance(row, Mailbox) else left_out.append(row)
    return Extract(tuple(rows), tuple(left_out), by_white_list)


def _in_area(reader: DirectoryReader, wanted: Wanted) -> Iterable[Person]:
    words = [reader.word(WordKind.TOWN, one) for one in sorted(wanted.area.towns)]
    numbers = {n for word in words if word is not None for n in reader.people_of(word.id)}
    for beginning in wanted.area.postals:
        for word in reader.at_postal(beginning):
            numbers.update(reader.people_of(word.id))
    for listed in sorted(reader.listed(sorted(numbers)), key=lambda one: one.names[0]):
        if listed.holder.startswith("8") and (listed.family_doctor or wanted.all_physicians):
            person = reader.person(listed)
            if practises_in(person, wanted.area):
                yield person


def as_csv(rows: Sequence[Mailbox]) -> str:
    """The file that `directory` of relais.toml names."""
    return _csv(
        CSV_HEADER,
        (
            (one.rpps, one.family, one.given, one.place, one.address, one.type.value, one.channel)
            for one in rows
        ),
    )


def left_out_csv(rows: Sequence[LeftOut]) -> str:
    """Everybody without a row, and why."""
    lines = ((one.rpps, one.family, one.given, one.why, " / ".join(one.seen)) for one in rows)
    return _csv(_LEFT_OUT_HEADER, lines)


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def write_whole(path: Path, text: str) -> None:
    """Put a file in place whole, or not at all. Raises OperationError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise refused(
            f"It cannot be written: {(error.strerror or 'unknown reason').lower()}.",
            where=str(path.parent),
            remedy="give a path in a folder that you may write to",
        ) from None
