"""Who receives, at which mailbox; or why nobody does. Never a guess."""

from collections.abc import Mapping, Sequence

from engine.decide.reasons import Reason
from engine.model.people import Mailbox, comparable_name, rpps_ok
from engine.model.stay import Person

Directory = Mapping[str, Sequence[Mailbox]]


def recipient(person: Person, directory: Directory) -> Mailbox | Reason:
    """The one mailbox of the declared médecin traitant, or the reason why there is none.

    Doubt is a reason: a number whose key is wrong, a name that differs between the message and
    the directory, two mailboxes, a patient said to have no médecin traitant who has one. So is
    the doctor's own word: not my patient.
    """
    gp = person.gp
    if gp is None:
        return Reason.GP_NONE if person.traits.has_no_gp else Reason.GP_UNKNOWN
    if person.traits.has_no_gp or gp.rpps is None or not rpps_ok(gp.rpps):
        return Reason.GP_DOUBT
    if gp.rpps in person.disowned:
        return Reason.GP_DISOWNED
    found = directory.get(gp.rpps, ())
    if not found:
        return Reason.MAILBOX_MISSING
    names = {comparable_name(gp.family)} - {""}
    if names and any(comparable_name(one.family) not in names for one in found):
        return Reason.GP_DOUBT
    if len({one.address.lower() for one in found}) > 1:
        return Reason.MAILBOX_DOUBT
    return found[0]
