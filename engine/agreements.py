"""Files of agreements and of coming releases, and the store: whom each line is about, and the
fact that it makes."""

from collections.abc import Iterable
from datetime import UTC, datetime

from engine.model.consent import ConsentStated
from engine.model.consent_file import ConsentLine
from engine.model.fact import Heard
from engine.model.release import ReleasePlanned, ReleaseSource
from engine.model.release_file import ReleaseLine
from engine.store.interface import Tx

UNKNOWN = "no patient of that number is known"
SEVERAL = "several patients have that number, in different numbering domains"


def place_lines(
    tx: Tx,
    lines: Iterable[tuple[str, ConsentLine | ReleaseLine]],
    *,
    authority: str | None,
    heard_at: datetime,
    journal_id: int,
) -> tuple[list[Heard], list[tuple[str, str]]]:
    """The facts of the lines whose patient is known; and, by place, why the others wait.

    A line that can be placed counts though others wait: a refusal must not wait for an arrival
    that is somebody else's. Read anew, the file gives the same facts and more.
    ``authority`` is the numbering domain of numbers that give none.
    """
    facts: list[Heard] = []
    waiting: list[tuple[str, str]] = []
    for place, line in lines:
        domain = line.authority or authority
        like = tx.facts.patients_like(f"{line.patient}|{domain}" if domain else line.patient)
        found = sorted({tx.facts.root(one) for one in like})
        if len(found) == 1:
            facts.append(_heard(found[0], line, heard_at, journal_id))
        else:
            waiting.append((place, SEVERAL if found else UNKNOWN))
    return facts, waiting


def _heard(
    patient: str, line: ConsentLine | ReleaseLine, heard_at: datetime, journal_id: int
) -> Heard:
    instant = heard_at.astimezone(UTC).isoformat(timespec="microseconds")
    return Heard(
        patient=patient,
        fact=_agreed(line) if isinstance(line, ConsentLine) else _planned(line),
        # The doctor whom an agreement means is the one declared when it was given.
        recorded_at=min(line.at, heard_at),
        sender_order=f"{instant}|{str(journal_id).zfill(24)}",
        heard_at=heard_at,
        journal_id=journal_id,
    )


def _agreed(line: ConsentLine) -> ConsentStated:
    return ConsentStated(
        purpose=line.purpose,
        recipient=line.recipient,
        state=line.state,
        at=line.at,
        by=line.by,
        visit=line.visit,
        how=line.how,
        language=line.language,
        voice=line.voice,
    )


def _planned(line: ReleaseLine) -> ReleasePlanned:
    return ReleasePlanned(
        on=line.on, source=ReleaseSource.REGISTRY, at=line.at, by=line.by, visit=line.visit
    )
