"""Where there is no médecin traitant: who else may take over, by the site's rules.

And, where one may be found out, the look on the insurer's portal, which the patient must have
agreed to. Both end in a person's task: no machine writes to a service that nobody chose.
"""

from collections.abc import Iterable

from engine.decide.gp import gp_state
from engine.decide.reasons import Reason
from engine.decide.scene import Scene
from engine.decide.wish import task
from engine.model.care import Half
from engine.model.consent import Purpose
from engine.model.letter import Thread
from engine.model.policy import WithoutGp
from engine.model.recipient import Service
from engine.model.stay import GpState, Stay
from engine.model.summary import Items
from engine.model.task import TaskKind, WantedTask

# Where the portal may help. A doctor whose mailbox is missing is known already.
_UNSURE = frozenset({Reason.GP_UNKNOWN, Reason.GP_UNCONFIRMED, Reason.GP_DOUBT, Reason.GP_DISOWNED})
_PORTAL = "amelipro"


def instead(scene: Scene, stay: Stay, thread: Thread, reason: Reason) -> tuple[WantedTask, ...]:
    """What a person may do about a médecin traitant who is not known, or not there."""
    return (*portal(scene, stay, reason), *alternatives(scene, stay, thread))


def portal(scene: Scene, stay: Stay, reason: Reason) -> tuple[WantedTask, ...]:
    """The look on the portal, once the patient has agreed to it and while nobody has looked."""
    if reason not in _UNSURE or stay.gp_looked_up or not may_look_up(scene, stay):
        return ()
    return (task(TaskKind.GP_ON_PORTAL, scene.record.person.patient, stay.key),)


def may_look_up(scene: Scene, stay: Stay) -> bool:
    """Whether the patient, and whoever must agree besides, let staff look: about no doctor."""
    asked = tuple(
        one.model_copy(update={"recipient": _PORTAL})
        for one in stay.consents
        if one.purpose is Purpose.GP_LOOKUP
    )
    hearing = scene.hearing(stay.key, statements=asked)
    return hearing.refusal(Purpose.GP_LOOKUP, _PORTAL) is None


def alternatives(scene: Scene, stay: Stay, thread: Thread) -> tuple[WantedTask, ...]:
    """A task for each rule that fits, naming the services of the territory file that it means."""
    state = gp_state(scene.record.person, stay)
    if state not in (GpState.NONE, GpState.NOT_RECORDED):
        return ()
    found = []
    for rule in scene.policy.without_gp:
        if fits(rule, stay, thread, state):
            about = _told(rule, scene.services)
            found.append(task(TaskKind.WITHOUT_GP, scene.record.person.patient, stay.key, about))
    return tuple(found)


def fits(rule: WithoutGp, stay: Stay, thread: Thread, state: GpState) -> bool:
    """Whether a rule is meant of this stay."""
    return (
        state in rule.gp
        and thread in rule.thread
        and (not rule.units or stay.usmp in rule.units)
        and (not rule.halves or bool(set(rule.halves) & set(stay.halves)))
        and (not rule.items or bool(set(rule.items) & _said_of(stay)))
    )


def _said_of(stay: Stay) -> set[str]:
    """Names of the items that messages told of the stay, in either half."""
    return {
        name
        for one in stay.background
        if one.said.validated and one.half in Half
        for name, value in one.items
        if value != Items.model_fields[name].default
    }


def _told(rule: WithoutGp, services: Iterable[Service]) -> str:
    """The rule, and how to reach whom it means: of the territory, never of the patient."""
    meant = [
        one
        for one in services
        if one.kind == rule.service and (not rule.areas or one.area in rule.areas)
    ]
    names = [", ".join(filter(None, (one.name, one.town, one.phone, one.address))) for one in meant]
    return f"{rule.name}: {rule.service} ({rule.role}): " + (
        "; ".join(names[:5]) or "none in the territory file"
    )
