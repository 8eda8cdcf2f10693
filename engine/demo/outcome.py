"""What came of the day, read from the store and from the mailboxes; compared with what must."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Final

from engine.decide.reasons import SENTENCES, Reason
from engine.demo.day import Expected, Mail
from engine.model.flow import Delivery, DeliveryState, JournalState
from engine.store.interface import Tx

_SOON: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one patient."""

    ipp: str
    verdicts: dict[str, str]
    deliveries: tuple[Delivery, ...]
    tasks: tuple[str, ...]

    @property
    def mails(self) -> tuple[Mail, ...]:
        """Letters that somebody took."""
        return tuple(
            Mail(
                kind=one.letter_kind.value,
                version=one.version,
                to=one.intended,
                face="discreet" if one.discreet else "open",
            )
            for one in self.deliveries
            if one.state is DeliveryState.RELAYED
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """The mails that lie in the mailboxes and in the gateway's folder."""

    by_message_id: dict[str, list[Path]] = field(default_factory=dict)


def outcome_of(tx: Tx, ipp: str) -> Outcome:
    """Read the rows of one patient."""
    verdicts: dict[str, str] = {}
    deliveries: list[Delivery] = []
    tasks: list[str] = []
    for patient in tx.facts.patients_like(ipp):
        for row in tx.facts.stays_of(patient):
            if set(row.verdicts) != {"stay"}:
                verdicts.update(row.verdicts)
        deliveries.extend(tx.outbox.of_patient(patient))
        tasks.extend(one.kind.value for one in tx.tasks.of_patient(patient) if one.open)
    return Outcome(ipp, verdicts, tuple(deliveries), tuple(sorted(tasks)))


def settled(tx: Tx, now: datetime) -> bool:
    """Nothing waits to be read, decided or sent today: what is asked one week after a release is
    not waited for."""
    return (
        not tx.journal.counts().get(JournalState.RECEIVED)
        and not any(
            tx.outbox.counts().get(state) for state in (DeliveryState.QUEUED, DeliveryState.SENDING)
        )
        and not any(
            row.next_look_at is not None and row.next_look_at < now + _SOON
            for row in tx.facts.all_stays()
        )
    )


def kept_mails(folders: Iterable[Path]) -> Kept:
    """Every mail file, by its Message-ID."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.eml")):
            with path.open("rb") as file:
                head = BytesParser(policy=policy.default).parse(file, headersonly=True)
            found.setdefault(str(head["Message-ID"]).strip(), []).append(path)
    return Kept(found)


def faults(expected: Expected, actual: Outcome, kept: Kept) -> list[str]:
    """Everything in which the outcome is not exactly the expected one."""
    wrong: list[str] = []
    if Counter(actual.mails) != Counter(expected.mails):
        wrong.append(f"mails {_told(actual.mails)}, expected {_told(expected.mails)}")
    if actual.verdicts != expected.verdicts:
        wrong.append(f"verdicts {actual.verdicts}, expected {expected.verdicts}")
    if actual.tasks != expected.tasks:
        wrong.append(f"open tasks {list(actual.tasks)}, expected {list(expected.tasks)}")
    wrong.extend(
        f"delivery {one.id} is relayed and lies in no mailbox"
        for one in actual.deliveries
        if one.state is DeliveryState.RELAYED and one.message_id not in kept.by_message_id
    )
    return wrong


def strangers(outcomes: Iterable[Outcome], kept: Kept) -> list[str]:
    """Mails whose Message-ID no relayed letter has: something left that should not have."""
    known = {
        one.message_id
        for outcome in outcomes
        for one in outcome.deliveries
        if one.state is DeliveryState.RELAYED
    }
    return sorted(set(kept.by_message_id) - known)


def doubled(outcomes: Iterable[Outcome], kept: Kept) -> list[str]:
    """One letter under two Message-IDs: same stay, thread, doctor and version."""
    seen: dict[tuple[str, str, str, int], set[str]] = {}
    for outcome in outcomes:
        for one in outcome.deliveries:
            if one.message_id in kept.by_message_id:
                thread = one.letter_kind.value.partition("-")[0]
                seen.setdefault((one.stay, thread, one.rpps, one.version), set()).add(
                    one.message_id
                )
    return sorted(
        f"{stay} {thread} v{version}"
        for (stay, thread, _, version), ids in seen.items()
        if len(ids) > 1
    )


def parts_of(path: Path) -> list[str]:
    """Names of what a mail carries, as a reader shows them."""
    message = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(path.read_bytes())
    names = []
    for part in message.walk():
        if part.is_multipart():
            continue
        name = part.get_filename()
        kind = part.get_content_type()
        names.append({"application/pdf": "PDF"}.get(kind, name or "text"))
    return names


def reason_of(verdict: str) -> str:
    """The sentence of a verdict such as ``silent: transfer``."""
    return SENTENCES[Reason(verdict.partition(": ")[2])]


def _told(mails: Iterable[Mail]) -> list[str]:
    return sorted(f"{one.face} {one.kind} v{one.version} to {one.to}" for one in mails)
