"""The whole story of one patient, in a page a person reads. Pure: values in, text out."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import assert_never

from engine.decide.gp import GP_STATES, gp_state
from engine.decide.plan import Plan, ThreadPlan
from engine.decide.reasons import SENTENCES
from engine.decide.scene import Scene
from engine.decide.undone import sent_at, too_late_for
from engine.model.capacity import ProtectionStated, Regime
from engine.model.consent import Collected, ConsentStated, Voice
from engine.model.fact import (
    AccountMoved,
    ClinicalStated,
    DocumentPublished,
    ExitKindDecided,
    Fact,
    GpConfirmed,
    GpDisowned,
    GpFound,
    GpStated,
    Heard,
    IdentifierChanged,
    IdentityStatusSeen,
    MovementStated,
    PatientsMerged,
    PersonStated,
)
from engine.model.flow import Delivery
from engine.model.release import ReleasePlanned
from engine.model.stay import Person, Stay
from engine.model.task import Task


def tell(
    scene: Scene,
    decided: Plan,
    facts: Sequence[Heard],
    attempts: Mapping[str, Sequence[str]],
    tasks: Sequence[Task],
    sentences: Mapping[str, str],
    zone: tzinfo,
) -> str:
    """Lay the story out. ``attempts`` gives, by delivery, a line an attempt; ``sentences`` the
    words of each kind of task."""
    lines = [*_person(scene), ""]
    for stay in scene.record.stays:
        lines += _stay(scene, decided, stay, attempts, zone)
    if not scene.record.stays:
        lines += ["No stay is known: cancelled, never heard, or told by test messages alone.", ""]
    lines += ["What was heard", *_heard(facts, zone), ""]
    lines += ["What a person must do, or did", *_tasks(tasks, sentences, zone)]
    return "\n".join(lines) + "\n"


def _person(scene: Scene) -> list[str]:
    person = scene.record.person
    traits = person.traits
    names = " ".join(filter(None, (traits.birth_family, traits.birth_given)))
    gp = person.gp
    doctor = "not recorded"
    if gp is not None:
        doctor = f"{gp.family} {gp.given}, RPPS {gp.rpps or 'not given'}"
        if person.gp_named is not None:
            doctor += f" (found by the name {person.gp_named.family} {person.gp_named.given})"
        if person.gp_disputed:
            doctor += ", disputed"
    elif person.no_gp:
        doctor = "the patient has none"
    return [
        f"Patient {person.patient.partition('|')[0]}  {names}, born {traits.birth_date or '?'}, "
        f"{traits.sex or '?'}, identity {' '.join(traits.identity_status or ('?',))}",
        f"Médecin traitant: {doctor}",
        *_gp_said(person),
        *_capacity(scene),
    ]


def _gp_said(person: Person) -> list[str]:
    """What each source says, where more than one does."""
    if len(person.gp_said) < 2:
        return []
    lines = []
    for one in person.gp_said:
        who = "the patient has none"
        if one.doctor is not None:
            name = f"{one.doctor.family} {one.doctor.given}".strip()
            who = f"{name}, RPPS {one.doctor.rpps or 'not given'}"
        lines.append(f"  {one.source}, {one.at:%d/%m/%Y}: {who}")
    return lines


def _stay(
    scene: Scene,
    decided: Plan,
    stay: Stay,
    attempts: Mapping[str, Sequence[str]],
    zone: tzinfo,
) -> list[str]:
    ended = f"{stay.exit.kind} {_at(stay.exit.at, zone)}" if stay.exit else str(stay.presence)
    lines = [
        f"Stay in {stay.usmp} since {_at(stay.arrived_at, zone)}: {ended}"
        f" (visit {stay.visit}; seen by {', '.join(stay.halves)})"
    ]
    if stay.exit and stay.exit.evidence:
        lines.append(f"  the way out is told by: {', '.join(stay.exit.evidence)}")
    lines += [f"  in doubt: {doubt}" for doubt in stay.doubts]
    lines.append(f"  médecin traitant: {GP_STATES[gp_state(scene.record.person, stay)]}")
    for said in stay.consents:
        lines.append(f"  {_at(said.at, zone)}  {_consent(said)}")
        lines += [
            f"      too late for {one.letter_kind} v{one.version}, sent {_at(sent_at(one), zone)} "
            f"to {one.intended} (RPPS {one.rpps}), Message-ID {one.message_id}"
            for one in too_late_for(said, scene.deliveries)
            if one.stay == stay.key
        ]
    for one in decided.threads:
        if one.stay == stay.key:
            lines += _thread(scene, one, attempts, zone)
    return [*lines, ""]


def _consent(said: ConsentStated) -> str:
    """One statement, with who said it and how, where that is told."""
    told = [
        said.recipient,
        "" if said.voice is Voice.PATIENT else f"said by: {said.voice}",
        "" if said.how is Collected.UNKNOWN else str(said.how),
        f"in {said.language}" if said.language else "",
        f"collected by {said.by}",
    ]
    return f"{said.purpose}: {said.state} ({', '.join(filter(None, told))})"


def _capacity(scene: Scene) -> list[str]:
    """What is recorded of who must agree besides the patient."""
    known = scene.record.person.protection
    lines = []
    if known.regime is not Regime.NONE:
        who = known.representative or "no representative recorded"
        lines.append(f"Protected adult: {known.regime}, {who}")
    if known.secret_since is not None:
        lines.append("Care kept from the holders of parental authority")
    if known.emancipated:
        lines.append("Emancipated minor")
    if known.infant:
        lines.append("Child who lives with a detained mother: no patient of the unit")
    return lines


def _thread(
    scene: Scene, one: ThreadPlan, attempts: Mapping[str, Sequence[str]], zone: tzinfo
) -> list[str]:
    until = f", until {_at(one.until, zone)}" if one.until else ""
    lines = [f"  {one.thread} → {one.standing}: {SENTENCES[one.reason]}{until}"]
    for delivery in scene.of_thread(one.stay, one.thread):
        lines.append(f"    {_delivery(delivery, zone)}")
        lines += [f"      {line}" for line in attempts.get(delivery.id, ())]
    return lines


def _delivery(one: Delivery, zone: tzinfo) -> str:
    reason = f" ({one.reason})" if one.reason else ""
    test = "" if one.address == one.intended else f", diverted to {one.address}"
    face = ", discreet" if one.discreet else ""
    return (
        f"{_at(one.created_at, zone)}  {one.letter_kind} v{one.version}{face} "
        f"to {one.intended}{test}: "
        f"{one.state}{reason}; delivery {one.id}, Message-ID {one.message_id}"
    )


def _heard(facts: Sequence[Heard], zone: tzinfo) -> list[str]:
    ordered = sorted(facts, key=lambda one: (one.heard_at, one.recorded_at, one.sender_order))
    lines: list[str] = []
    for heard in ordered:
        source = f"journal {heard.journal_id}" if heard.journal_id else "said here"
        test = "  [test message]" if heard.test else ""
        lines.append(f"  {_at(heard.heard_at, zone)}  {source}: {_fact(heard.fact, zone)}{test}")
    return lines or ["  nothing"]


def _fact(fact: Fact, zone: tzinfo) -> str:
    match fact:
        case PersonStated():
            return "identity and traits"
        case IdentityStatusSeen(status=status):
            return f"identity not qualified: PID-32 {' '.join(status)}"
        case GpStated(gp=gp):
            return f"médecin traitant {gp.family} {gp.given}" if gp else "no médecin traitant"
        case GpConfirmed(by=by):
            return f"médecin traitant confirmed ({by})"
        case GpFound(source=source, gp=gp, by=by):
            who = f"médecin traitant {gp.family} {gp.given}" if gp else "nobody"
            return f"{source}: {'the patient has none' if fact.none else who} ({by})"
        case GpDisowned(by=by):
            return f"a doctor said: not my patient ({by})"
        case MovementStated():
            kind = f", {fact.exit_kind}" if fact.exit_kind else ""
            where = f"{fact.care.usmp} {fact.care.half}" if fact.care else "elsewhere"
            return (
                f"{fact.event or 'update'} {fact.action} of {_at(fact.at, zone)} "
                f"in unit {fact.unit or '?'} ({where}){kind}"
            )
        case PatientsMerged():
            return "another record merged into this one"
        case AccountMoved():
            return "a stay was moved to another record"
        case IdentifierChanged():
            return "identifier changed"
        case DocumentPublished():
            half = fact.half or "half not told"
            state = "validated" if fact.validated else "not validated"
            return f"document {fact.action} ({half}, {fact.type_code}, {state})"
        case ConsentStated():
            return _consent(fact)
        case ProtectionStated():
            return f"who must agree besides the patient ({fact.by})"
        case ClinicalStated():
            told = "said" if fact.items is not None else "ended"
            state = "validated" if fact.validated else "not validated"
            return f"{fact.topic} {told} in a message ({fact.half}, {state})"
        case ExitKindDecided():
            return f"way out decided: {fact.exit_kind} ({fact.by})"
        case ReleasePlanned():  # its day is for those who organise it: relais release show
            said = "a coming release" if fact.on else "no coming release any more"
            return f"{said}, told by {fact.source} ({fact.by})"
        case _:
            assert_never(fact)


def _tasks(tasks: Sequence[Task], sentences: Mapping[str, str], zone: tzinfo) -> list[str]:
    lines: list[str] = []
    for one in sorted(tasks, key=lambda one: one.id):
        state = "open"
        if one.closed_at is not None:
            state = f"closed {_at(one.closed_at, zone)} by {one.closed_by}: {one.answer}"
        lines.append(
            f"  task {one.id}  {_at(one.raised_at, zone)}  {sentences[one.kind]} [{state}]"
        )
    return lines or ["  nothing"]


def _at(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime("%d/%m/%Y %H:%M")
