"""How far a letter is known to have come: the ladder of honest states, and what it asks of people.

Pure, and a function of a *set* of receipts: doubled ones, late ones, and any order give the same
rung. Nothing is claimed that was not said by, or of, the box that the letter was sent to:
"relayed" is no delivery, "deleted" and an automatic reply are no reading, and a report of another
mailbox is evidence and no proof. Reports that contradict one another end in UNKNOWN, and a person.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from engine.model.config import Proof
from engine.model.flow import Delivery, DeliveryState
from engine.model.letter import LetterKind
from engine.model.receipt import IDENTITY_CODES, Clue, Kept, ReceiptKind
from engine.model.task import TaskKind, WantedTask


class Rung(StrEnum):
    """Where a letter is known to be. From QUEUED to CONFIRMED each says more than the one before;
    the others stand beside the ladder."""

    QUEUED = "queued"
    ATTEMPTED = "attempted"  # tried, or being tried
    POSSIBLY_SENT = "possibly-sent"  # silence after the final dot, or cut there
    ACCEPTED = "accepted"  # taken by the operator's server. Not a delivery
    DELIVERED = "delivered"  # in the box. Not a reading
    DISPLAYED = "displayed"  # shown to whoever reads that box
    FILED = "filed"  # taken by the doctor's software
    CONFIRMED = "confirmed"  # the doctor told a person
    DISOWNED = "disowned"  # the doctor told a person: not my patient
    REFUSED = "refused"  # the doctor's software did not take it
    FAILED = "failed"  # refused on the way, bounced, or too old
    UNKNOWN = "unknown"  # what came back does not agree
    CANCELLED = "cancelled"  # never left


PROOFS: Final = frozenset({Rung.DISPLAYED, Rung.FILED, Rung.CONFIRMED})
RUNGS_SAID: Final[dict[Rung, str]] = {
    Rung.QUEUED: "waits to leave",
    Rung.ATTEMPTED: "tried; not taken so far",
    Rung.POSSIBLY_SENT: "possibly sent: no answer came after the whole mail had left",
    Rung.ACCEPTED: "taken by the mail operator; no word of a delivery",
    Rung.DELIVERED: "in the doctor's box; no word of a reading",
    Rung.DISPLAYED: "displayed to somebody who reads the doctor's box",
    Rung.FILED: "taken by the doctor's software",
    Rung.CONFIRMED: "the doctor has it: said to a person who asked",
    Rung.DISOWNED: "the doctor says: not my patient",
    Rung.REFUSED: "the doctor's software refused it",
    Rung.FAILED: "not delivered",
    Rung.UNKNOWN: "what came back does not agree: a person must find out",
    Rung.CANCELLED: "never left",
}

_SURE: Final = {
    ReceiptKind.DELIVERED: Rung.DELIVERED,
    ReceiptKind.DISPLAYED: Rung.DISPLAYED,
    ReceiptKind.FILED: Rung.FILED,
    # Who answers has the mail. That a person has read it, another person must see: notices of
    # absence that do not say so (RFC 3834) look the same.
    ReceiptKind.ANSWERED: Rung.DELIVERED,
}
_HEIGHT: Final = {rung: height for height, rung in enumerate(Rung)}
_BAD: Final = frozenset({ReceiptKind.FAILED, ReceiptKind.REFUSED})


@dataclass(frozen=True, slots=True)
class Standing:
    """A rung, and what led to it. ``codes``: of refusals and bounces, in order, each once."""

    rung: Rung
    since: datetime | None = None  # when the receipt that settles it came; None: by our own doing
    codes: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """A reading was seen, and nothing speaks against it."""
        return self.rung in PROOFS


def standing(delivery: Delivery, receipts: Iterable[Kept]) -> Standing:
    """Say how far a letter is known to have come. Total, and blind to order and repetition."""
    about = [one for one in receipts if one.delivery == delivery.id]
    if not_theirs := [one for one in about if one.receipt.kind is ReceiptKind.DISOWNED]:
        return Standing(Rung.DISOWNED, _first(not_theirs))
    if asked := [one for one in about if one.receipt.kind is ReceiptKind.CONFIRMED]:
        return Standing(Rung.CONFIRMED, _first(asked))
    ours = [one for one in about if not one.other_box]
    sure = [one for one in ours if one.receipt.kind in _SURE]
    refused = [one for one in ours if one.receipt.kind is ReceiptKind.REFUSED]
    failed = [one for one in ours if one.receipt.kind is ReceiptKind.FAILED]
    best = max((_SURE[one.receipt.kind] for one in sure), key=_HEIGHT.__getitem__, default=None)
    contradicted = (best is Rung.FILED and refused) or (best is not None and failed)
    if contradicted or (refused and failed):
        bad = [*refused, *failed]
        return Standing(Rung.UNKNOWN, _first(bad), _codes(bad))
    if refused:
        return Standing(Rung.REFUSED, _first(refused), _codes(refused))
    if failed:
        return Standing(Rung.FAILED, _first(failed), _codes(failed))
    if best is not None:
        return Standing(best, _first(one for one in sure if _SURE[one.receipt.kind] is best))
    # A bounce of a mailbox that we did not write to: the letter may have been sent on, or an
    # alias may hide who bounced. Neither a failure nor a delivery.
    if strays := [one for one in about if one.receipt.kind in _BAD]:
        return Standing(Rung.UNKNOWN, _first(strays), _codes(strays))
    return Standing(_by_our_own_doing(delivery))


def _by_our_own_doing(delivery: Delivery) -> Rung:
    match delivery.state:
        case DeliveryState.RELAYED:
            return Rung.ACCEPTED
        case _ if delivery.possibly_sent:
            return Rung.POSSIBLY_SENT
        case DeliveryState.REJECTED | DeliveryState.EXPIRED:
            return Rung.FAILED
        case DeliveryState.CANCELLED:
            return Rung.CANCELLED
        case DeliveryState.QUEUED | DeliveryState.SENDING | DeliveryState.HELD:
            tried = delivery.attempts or delivery.state is DeliveryState.SENDING
            return Rung.ATTEMPTED if tried else Rung.QUEUED


def _first(receipts: Iterable[Kept]) -> datetime:
    return min(one.received_at for one in receipts)


def _codes(receipts: Iterable[Kept]) -> tuple[str, ...]:
    said = (one.receipt for one in receipts)
    words = {" ".join(str(part) for part in (r.code, r.status) if part is not None) for r in said}
    return tuple(sorted(filter(None, words)))


# What a receipt is about -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Match:
    """The delivery that a report is about. ``other_box``: the mailbox named is not its own."""

    delivery: str
    other_box: bool


def candidates(clue: Clue) -> tuple[str, ...]:
    """Ids of deliveries that a report may be about, to be looked up."""
    named = (clue.envelope_id, _id_in(clue.original_id), *(_id_in(one) for one in clue.thread))
    return tuple(dict.fromkeys(filter(None, named)))


def match(clue: Clue, known: Mapping[str, Delivery]) -> Match | None:
    """Tie a report to the one delivery that it is about; None: to none, or to more than one.

    ``known`` holds, by id, those of `candidates` that exist. The thread is asked last: it names
    earlier versions too, and its nearest one is meant.
    """
    by_envelope = known.get(clue.envelope_id)
    by_id = _carrying(clue.original_id, known)
    if by_envelope and by_id and by_envelope.id != by_id.id:
        return None  # two keys that should name the same mail and do not
    meant = (
        by_envelope or by_id or next(filter(None, (_carrying(i, known) for i in clue.thread)), None)
    )
    return None if meant is None else Match(meant.id, other_box=_is_other_box(clue, meant))


def _id_in(message_id: str) -> str:
    """A Message-ID of ours begins with the id of its delivery: decide.letters.message_id."""
    return message_id[1:-1].partition("@")[0]


def _carrying(message_id: str, known: Mapping[str, Delivery]) -> Delivery | None:
    found = known.get(_id_in(message_id))
    # Some systems change the case of a domain; nobody may change the rest.
    same = found is not None and found.message_id.lower() == message_id.lower()
    return found if same else None


def match_by_box(clue: Clue, written_to: Iterable[Delivery]) -> Match | None:
    """Tie a report that names mailboxes alone: only to the one letter that it can be about.

    ``written_to``: letters that left not long ago. Never used for good news (see `by_box_alone`).
    """
    meant = [one for one in written_to if one.address.lower() in clue.recipients]
    return Match(meant[0].id, other_box=False) if len(meant) == 1 else None


# Reports that nobody can make of a mail that did not come: they prove that it left.
ARRIVED: Final = frozenset({*_SURE, ReceiptKind.REFUSED, ReceiptKind.DELETED})


def by_box_alone(kind: ReceiptKind) -> bool:
    """Whether a report may be tied by the mailbox alone: bad news, which a person looks at."""
    return kind in (ReceiptKind.FAILED, ReceiptKind.DELAYED, ReceiptKind.ABSENT)


def _is_other_box(clue: Clue, delivery: Delivery) -> bool:
    box = delivery.address.lower()
    # RFC 8098 section 3: the From of an MDN is the mailbox of whom it speaks.
    return bool(clue.recipients and box not in clue.recipients) or clue.writer not in ("", box)


def reply_wanted(delivery: Delivery, kept: Kept) -> WantedTask | None:
    """The task to read an answer, whoever wrote it."""
    if kept.receipt.kind is not ReceiptKind.ANSWERED:
        return None
    return WantedTask(
        key=f"reply:{delivery.id}:{kept.id}",
        kind=TaskKind.REPLY,
        patient=delivery.patient,
        stay=delivery.stay,
        about=delivery.id,
    )


# How long silence is borne --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Watch:
    """What a site expects to hear. ``channels``: those whose receipts some mailbox brings back;
    of the letters of others nothing is expected, and nobody is asked."""

    proof: Proof
    channels: frozenset[str]

    @property
    def enough(self) -> Rung:
        """The rung at which silence may go on."""
        return Rung.DELIVERED if self.proof.enough == "delivered" else Rung.DISPLAYED

    def wait(self, kind: LetterKind) -> timedelta:
        """How long a letter of that kind may go without proof."""
        match kind:
            case LetterKind.ARRIVAL_NOTICE:
                return self.proof.arrival_notice
            case LetterKind.EXIT_NOTICE:
                return self.proof.exit_notice
            case LetterKind.EXIT_LETTER:
                return self.proof.exit_letter
            case _:
                return self.proof.correction

    def overdue(self, delivery: Delivery, now: datetime) -> bool:
        """Whether the operator took it that long ago."""
        if delivery.state is not DeliveryState.RELAYED or delivery.closed_at is None:
            return False
        due = delivery.closed_at + self.wait(delivery.letter_kind)
        return delivery.channel in self.channels and due <= now


# What people must do ---------------------------------------------------------------------------


def task_wanted(
    delivery: Delivery, now_at: Standing, *, overdue: bool, enough: Rung
) -> WantedTask | None:
    """The one task that a standing calls for. ``overdue``: the silence has lasted too long.

    REJECTED and EXPIRED have their task from the attempt: none here.
    """
    kind: TaskKind | None = None
    if now_at.rung is Rung.REFUSED:
        identity = any(code.split()[0] in _IDENTITY for code in now_at.codes)
        kind = TaskKind.IDENTITY_REFUSED if identity else TaskKind.FILING_REFUSED
    elif now_at.rung is Rung.UNKNOWN:
        kind = TaskKind.REPORTS_DISAGREE
    elif now_at.rung is Rung.FAILED and now_at.since is not None:
        kind = TaskKind.RETURNED
    elif now_at.rung is Rung.DISOWNED:
        return None
    elif overdue and not is_enough(now_at, enough) and delivery.state is DeliveryState.RELAYED:
        kind = TaskKind.PROOF_MISSING
    if kind is None:
        return None
    return WantedTask(
        key=f"returns:{delivery.id}:{kind.value}",
        kind=kind,
        patient=delivery.patient,
        stay=delivery.stay,
        about=delivery.id,
    )


_IDENTITY: Final = frozenset(str(code) for code in IDENTITY_CODES)


def is_enough(now_at: Standing, enough: Rung) -> bool:
    """Whether silence may go on: a proof, or a delivery where the site says that it will do."""
    return now_at.proven or (enough is Rung.DELIVERED and now_at.rung is Rung.DELIVERED)
