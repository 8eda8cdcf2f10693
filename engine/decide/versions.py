"""What was already told, compared with what should be told now: the same, an addition, or wrong."""

import hashlib

from engine.decide.reasons import Reason
from engine.decide.scene import Scene, left
from engine.decide.statement import same_person, same_statement, statement_of
from engine.decide.wish import Say
from engine.model.flow import Delivery
from engine.model.letter import CANCELLATIONS, THREAD_OF, LetterKind, Thread
from engine.model.stay import Stay
from engine.model.task import TaskKind


def envelope(postal: tuple[str, ...]) -> str:
    """Digest of the lines on an envelope, by which a delivery knows that they have changed."""
    return hashlib.sha256("\n".join(postal).encode()).hexdigest()[:32]


def says_the_same(say: Say, delivery: Delivery) -> bool:
    """Same kind, same doctor at the same address, by the same way and in the same role, same
    content under the same face, and nothing stated is wrong."""
    return (
        told_the_same(say, delivery)
        and say.mailbox.address == delivery.intended
        and say.mailbox.channel == delivery.channel
        and delivery.postal in ("", envelope(say.mailbox.postal))
        and say.mailbox.role is delivery.role
        and say.discreet is delivery.discreet
    )


def told_the_same(say: Say, delivery: Delivery) -> bool:
    """As says_the_same, wherever it went and under whichever face: a doctor who moves is not told
    twice, nor one who was told where the patient is and should no longer be."""
    return _carries_the_same(say, delivery) and same_statement(say.statement, delivery.statement)


def stands_cancelled(scene: Scene, stay: str, thread: Thread, say: Say) -> Delivery | None:
    """The letter of this kind and doctor that a person cancelled, for as long as nobody asked for
    it again; whatever it would say now. None: nothing stops it.

    Of notices of cancellation each takes back one letter, and is another letter.
    """
    cancelled = [
        one
        for one in scene.of_thread(stay, thread)
        if one.reason == Reason.CANCELLED_BY_PERSON
        and one.letter_kind is say.kind
        and one.rpps == say.mailbox.rpps
        and (one.statement == say.statement or say.kind not in CANCELLATIONS)
    ]
    if not cancelled:
        return None
    last = cancelled[-1]
    asked = f"{TaskKind.CANCELLED_LETTER}:{stay}:{last.id}:"
    return None if any(key.startswith(asked) for key in scene.cleared) else last


def may_follow(say: Say, earlier: Delivery) -> bool:
    """Whether a new version may annul and replace what the doctor has.

    It keeps every half that the doctor has, goes to the same doctor, and is about the same
    person. What would take a part away, go elsewhere, or change nothing but the identity, is no
    new version: a person corrects it.
    """
    if say.mailbox.rpps != earlier.rpps:
        return False
    had = {part.partition(":")[0] for part in earlier.parts}
    has = {part.half.value for part in say.parts}
    if not had <= has:
        return False
    return same_person(say.statement, earlier.statement) or not _carries_the_same(say, earlier)


def told_of_void(scene: Scene) -> list[Delivery]:
    """What doctors have, or may have, of stays that no longer exist: an A11 came, or a merge.

    The last word of each thread; nothing where that was to disregard the letter.
    """
    known = {stay.key for stay in scene.record.stays}
    last = {one.set_oid: one for one in scene.deliveries if left(one) and scene.counts(one)}
    return [
        one
        for one in last.values()
        if one.stay not in known and one.letter_kind not in CANCELLATIONS
    ]


def describes(scene: Scene, stay: Stay, delivery: Delivery) -> bool:
    """Whether a letter about a stay that was taken back is right of this one: an arrival entered
    anew under another visit number is the same arrival."""
    if delivery.letter_kind is LetterKind.ARRIVAL_NOTICE:
        now = statement_of(scene, stay)
    elif stay.exit is None:
        return False
    else:
        now = statement_of(scene, stay, way_out=stay.exit, parts=delivery.parts)
    return same_statement(now, delivery.statement)


def misstates(scene: Scene, stay: Stay, delivery: Delivery) -> bool:
    """Whether what a letter says of its stay is no longer right, whoever may be written to now."""
    if stay.exit is not None and delivery.letter_kind is LetterKind.ARRIVAL_NOTICE:
        return not same_person(statement_of(scene, stay), delivery.statement)
    gone = set(delivery.parts) - {one.part for one in stay.documents if one.usable}
    return bool(gone) or not describes(scene, stay, delivery)


def adopted(scene: Scene, stay: Stay, thread: Thread) -> list[Delivery]:
    """Letters of stays taken back that are right of this one: they count as its own."""
    return [
        one
        for one in told_of_void(scene)
        if THREAD_OF[one.letter_kind] is thread
        and one.id not in scene.recalled
        and describes(scene, stay, one)
    ]


def _carries_the_same(say: Say, delivery: Delivery) -> bool:
    return (
        say.kind is delivery.letter_kind
        and say.mailbox.rpps == delivery.rpps
        and tuple(sorted(str(part) for part in say.parts)) == delivery.parts
    )
