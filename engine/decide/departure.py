"""The way out: exit notice, exit letter, or silence, and why."""

from datetime import timedelta
from typing import assert_never

from engine.decide import gate
from engine.decide.arrival import (
    identity_wish,
    neutral_face_missing,
    uncleared_doubts,
    unit_not_set_up,
)
from engine.decide.capacity import REFUSALS, asking, infant, infant_wish
from engine.decide.reasons import Reason
from engine.decide.recipients import recipient
from engine.decide.scene import Scene
from engine.decide.statement import statement_of
from engine.decide.wish import Ask, Part, Say, Silent, Wait, Wish, task
from engine.decide.without_gp import alternatives, instead
from engine.model.consent import Purpose
from engine.model.fact import DocumentForm, ExitKind, Half
from engine.model.letter import PURPOSE_OF_HALF, LetterKind, Thread
from engine.model.people import Mailbox
from engine.model.stay import Document, Exit, Stay
from engine.model.task import TaskKind, WantedTask

_FINAL = (
    *REFUSALS,
    Reason.CONSENT_COULD_NOT_BE_ASKED,
    Reason.GP_NONE,
)


def departure_wish(scene: Scene, stay: Stay) -> Wish:
    """What the way out calls for now. Total over the kinds of exit."""
    way_out = stay.exit
    if way_out is None:
        return _goes_on(scene, stay)
    patient = scene.record.person.patient
    if scene.record.person.dead:
        return Silent(reason=Reason.DEATH)
    match way_out.kind:
        case ExitKind.DEATH:
            return Silent(reason=Reason.DEATH)
        case ExitKind.TRANSFER:
            tell = task(TaskKind.TRANSFER_TELL_UNIT, patient, stay.key, way_out.movement)
            return Silent(reason=Reason.TRANSFER, tasks=(tell,))
        case ExitKind.ESCAPE:
            return Silent(reason=Reason.ESCAPE)
        case ExitKind.EXPULSION:
            return Silent(reason=Reason.EXPULSION)
        case ExitKind.UNKNOWN:
            ask = task(TaskKind.EXIT_KIND_UNKNOWN, patient, stay.key, way_out.movement)
            doubts = uncleared_doubts(scene, stay)
            return Ask(reason=Reason.EXIT_KIND_UNKNOWN, tasks=(ask, *doubts))
        case ExitKind.HOSPITAL | ExitKind.LEAVE:
            return Silent(reason=Reason.STAY_GOES_ON)
        case ExitKind.RELEASE:
            return _release(scene, stay, way_out)
        case _:
            assert_never(way_out.kind)


def _goes_on(scene: Scene, stay: Stay) -> Wish:
    """Nothing to say of an exit; but doubts are shown, and who stays away is asked about."""
    if scene.record.person.dead:
        return Silent(reason=Reason.STAY_GOES_ON)
    doubts = uncleared_doubts(scene, stay)
    if stay.away_since is None:
        return Silent(reason=Reason.STAY_GOES_ON, tasks=doubts)
    longest = scene.policy.away_max
    if stay.left_hospital_at is not None:
        since, first = stay.left_hospital_at, scene.policy.transfer_window
    else:
        since, first = stay.away_since, longest
    waited = scene.now - (since + first)
    if waited < timedelta(0):
        return Silent(reason=Reason.STAY_GOES_ON, tasks=doubts, until=since + first)
    # Asked anew for as long as it lasts: an answer given once would be silence for ever.
    times = waited // longest + 1
    where = "left the hospital" if stay.left_hospital_at else f"away ({stay.presence})"
    about = f"{where} since {since:%Y-%m-%d}, asked {times} times"
    asked = task(TaskKind.WHEREABOUTS, scene.record.person.patient, stay.key, about)
    return Silent(
        reason=Reason.WHEREABOUTS,
        tasks=(*doubts, asked),
        until=since + first + times * longest,
    )


def _release(scene: Scene, stay: Stay, way_out: Exit) -> Wish:
    patient = scene.record.person.patient
    identity = gate.identity(scene.record.person, scene.policy, scene.cleared)
    if identity is not None:
        return identity_wish(scene, stay, identity)
    if infant(scene.record.person, scene.now):
        return infant_wish(scene.record.person, stay.key)
    if stay.usmp not in scene.policy.units:
        return unit_not_set_up(scene, stay)
    if stay.came_back_at is not None:
        return Silent(reason=Reason.CAME_BACK)
    if scene.now - way_out.at > scene.policy.notice_max_age:
        late = task(TaskKind.LATE_ARRIVAL, patient, stay.key, "exit")
        if late.key not in scene.cleared:
            return Ask(reason=Reason.TOO_OLD, tasks=(late,))
    doubts = uncleared_doubts(scene, stay)
    if doubts:
        return Ask(reason=Reason.STAY_DOUBT, tasks=doubts)
    found = recipient(scene.record.person, scene.answer, LetterKind.EXIT_LETTER)
    gp = scene.record.person.gp
    rpps = found.rpps if isinstance(found, Mailbox) else (gp.rpps or "" if gp else "")
    refusals = {
        purpose: scene.refusal(stay, purpose, rpps)
        for purpose in (Purpose.EXIT_NOTICE, *PURPOSE_OF_HALF.values())
    }
    unwritten = scene.said_no(stay, Purpose.LETTER_WRITTEN, rpps)
    if unwritten is not None:
        # No letter is written, nor asked for; that the patient left may be told all the same.
        refusals |= dict.fromkeys(PURPOSE_OF_HALF.values(), unwritten)
    if all(one in _FINAL for one in refusals.values()):
        return Silent(reason=_weightiest(list(refusals.values())))
    if isinstance(found, Reason):
        return _stopped(scene, stay, found)
    if None not in refusals.values():
        return _stopped(scene, stay, _weightiest(list(refusals.values())))
    if not stay.gp_confirmed:
        return _stopped(scene, stay, Reason.GP_UNCONFIRMED)
    return _content(scene, stay, way_out, found, refusals)


def _weightiest(reasons: list[Reason | None]) -> Reason:
    """The reason that a person should read first: what can still be asked."""
    order = (
        Reason.CONSENT_OTHER_DOCTOR,
        Reason.CONSENT_NOT_ASKED,
        Reason.PARENT_NOT_ASKED,
        Reason.REPRESENTATIVE_NOT_ASKED,
        Reason.KEPT_FROM_PARENTS,
        Reason.CONSENT_WITHDRAWN,
        Reason.CONSENT_REFUSED,
        Reason.PARENT_REFUSED,
        Reason.REPRESENTATIVE_REFUSED,
        Reason.NEVER_FOR_PARENTS,
        Reason.CONSENT_COULD_NOT_BE_ASKED,
    )
    return next(one for one in order if one in reasons)


def _stopped(scene: Scene, stay: Stay, reason: Reason) -> Wish:
    if reason is Reason.GP_NONE:
        return Silent(reason=reason, tasks=alternatives(scene, stay, Thread.EXIT))
    if reason in _FINAL:
        return Silent(reason=reason)
    person = scene.record.person
    rpps = person.gp.rpps or "" if person.gp else ""
    asked = asking(reason, person.patient, stay.key, Thread.EXIT, rpps)
    return Ask(reason=reason, tasks=(asked, *instead(scene, stay, Thread.EXIT, reason)))


def _content(
    scene: Scene,
    stay: Stay,
    way_out: Exit,
    mailbox: Mailbox,
    refusals: dict[Purpose, Reason | None],
) -> Wish:
    """Join what is there and agreed to; ask for what is missing."""
    patient = scene.record.person.patient
    discreet = scene.discreet(stay, mailbox.rpps)
    if scene.faceless(stay.usmp, discreet):
        return neutral_face_missing(scene, stay)
    delays = scene.policy.delays_of(stay.usmp)
    agreed = [half for half in Half if refusals[PURPOSE_OF_HALF[half]] is None]
    documents = [one for one in stay.documents if one.half in agreed and usable(one)]
    unread = _unread_pages(scene, stay, documents) if discreet else {}
    documents = [one for one in documents if one.content not in unread]
    # The same bytes under two document numbers are one part.
    parts = tuple(
        dict.fromkeys(
            Part(half=one.half, content=one.content) for one in documents if one.half is not None
        )
    )
    # A half that never saw the patient owes no part; the somatic half sees everybody.
    expected = [half for half in agreed if half in stay.halves or half is Half.DSS] or agreed
    missing = [half for half in expected if all(part.half is not half for part in parts)]
    # What lies there unread is not missing: to read it is what is asked.
    absent = [half for half in missing if half not in {half for half, _ in unread.values()}]
    tasks = (
        *(asked for _, asked in unread.values()),
        *_missing_letters(patient, stay, absent),
        *(_document_doubts(patient, stay) if agreed else ()),
    )
    # A discharge recorded ahead of its time waits for it.
    released = max(way_out.heard_at + delays.release, way_out.at)
    if parts:
        newest = max(one.heard_at for one in documents)
        return Say(
            kind=LetterKind.EXIT_LETTER,
            mailbox=mailbox,
            discreet=discreet,
            parts=parts,
            purposes=tuple(
                PURPOSE_OF_HALF[half] for half in agreed if any(p.half is half for p in parts)
            ),
            withheld=tuple(missing),
            statement=statement_of(
                scene, stay, way_out=way_out, parts={str(part) for part in parts}
            ),
            not_before=max(released, newest + delays.version),
            tasks=tasks,
        )
    if refusals[Purpose.EXIT_NOTICE] is None:
        found = recipient(scene.record.person, scene.answer, LetterKind.EXIT_NOTICE)
        if isinstance(found, Reason):
            return _stopped(scene, stay, found)
        return Say(
            kind=LetterKind.EXIT_NOTICE,
            mailbox=found,
            discreet=discreet,
            purposes=(Purpose.EXIT_NOTICE,),
            withheld=tuple(missing),
            statement=statement_of(scene, stay, way_out=way_out),
            not_before=released,
            tasks=tasks,
        )
    if scene.now < released:
        return Wait(reason=Reason.HOLD_BACK, until=released)
    return Ask(reason=Reason.LETTER_MISSING, tasks=tasks)


def usable(document: Document) -> bool:
    """Validated by its author, and not hidden from professionals."""
    return document.usable


def _unread_pages(
    scene: Scene, stay: Stay, documents: list[Document]
) -> dict[str, tuple[Half | None, WantedTask]]:
    """PDFs by content, each with the task to read it, until a person has: they are printed as
    pictures, in which nothing can be searched for, and have the letterhead of who wrote them."""
    patient = scene.record.person.patient
    found = {
        one.content: (
            one.half,
            task(TaskKind.PAGES_UNREAD, patient, stay.key, f"part {one.half}, {one.content[:12]}"),
        )
        for one in documents
        if one.form is DocumentForm.PDF
    }
    return {
        content: (half, asked)
        for content, (half, asked) in found.items()
        if asked.key not in scene.cleared
    }


def _missing_letters(patient: str, stay: Stay, missing: list[Half]) -> tuple[WantedTask, ...]:
    return tuple(task(TaskKind.LETTER_MISSING, patient, stay.key, half) for half in missing)


def _document_doubts(patient: str, stay: Stay) -> tuple[WantedTask, ...]:
    """Documents whose half cannot be told: they stay here until a person has looked."""
    return tuple(
        task(TaskKind.DOCUMENT_DOUBT, patient, stay.key, one.content[:12])
        for one in stay.documents
        if one.half is None and one.validated and not one.masked
    )
