"""PID, PD1, NK1, PV1-16, PV2, ROL: who the patient is, and their médecin traitant.

Source: PAM FR 2.11, sections 3 and 4 of the reference.
"""

from typing import Final

from engine.mapping.reading import Notes, is_delete
from engine.mapping.times import read_birth_date
from engine.model.fact import GpStated, IdentityStatusSeen, PersonStated
from engine.model.people import INS_NIR, QUALIFIED, Ins, Professional, Traits
from engine.wire.hl7 import Message, Repetition, Segment

_LONGEST: Final = 100  # characters of a place or a telephone number
_INS_ORDER: Final = (INS_NIR,)  # with both, the NIR is used (PAM FR, 3.2)


def patient_key(notes: Notes, identifiers: tuple[Repetition, ...]) -> str | None:
    """``IPP|authority`` of the first PID-3 whose type the mapping wants; None without one."""
    numbers = notes.dialect.mapping.patient
    for wanted in numbers.types:
        for one in identifiers:
            value = one.value(1).strip()
            if one.value(5) == wanted and value and not is_delete(value):
                authority = numbers.authority or one.value(4, 2) or one.value(4, 1)
                return f"{value}|{authority}"
    return None


def read_person(notes: Notes) -> None:
    """Add the PersonStated of a message that has a PID."""
    pid = notes.message.first("PID")
    if pid is None:
        return
    removed: list[str] = []
    traits = Traits(
        ins=_ins(pid, removed),
        **_names(pid, removed),
        birth_date=_birth_date(pid, notes),
        sex=pid.value(8) if pid.value(8) in ("F", "M", "U") else None,
        birth_place_code=_birth_place(pid),
        identity_status=tuple(r.value() for r in pid.repetitions(32) if r.value()) or None,
        identity_unknown=_yes_no(pid.value(31)),
        dead=_dead(pid),
        data_protected=_yes_no(notes.message.value("PD1", 12)),
        visit_protected=_yes_no(notes.message.value("PV2", 22)),
        vip=_yes_no(notes.message.value("PV1", 16)),
        contact_not_told=_contact_not_told(notes.message),
        has_no_gp=_has_no_gp(notes.message),
    )
    notes.facts.append(PersonStated(traits=traits, removed=tuple(removed)))


def read_status(notes: Notes) -> None:
    """Add the IdentityStatusSeen of a message that is no ADT: only what speaks against a VALI."""
    pid = notes.message.first("PID")
    status = [one.value() for one in pid.repetitions(32)] if pid else []
    against = tuple(one for one in status if one not in ("", QUALIFIED))
    if against:
        notes.facts.append(IdentityStatusSeen(status=against))


def read_gp(notes: Notes) -> None:
    """Add the GpStated of a ROL whose ROL-3 is ODRP, valid at the time of the message."""
    for role in notes.message.all("ROL"):
        if role.value(3) != "ODRP":
            continue
        ends = notes.time(role.value(6)) if role.value(6) else None
        if ends is not None and ends < notes.recorded_at:
            continue
        gp = None if role.value(2) == "DE" else _professional(notes, role.repetitions(4))
        if gp is not None:
            gp = gp.model_copy(update=_practice(role))
        notes.facts.append(GpStated(gp=gp))
        return


def _professional(notes: Notes, spellings: tuple[Repetition, ...]) -> Professional | None:
    """One person under several numbers: the RPPS is preferred (PAM FR, 4)."""
    rpps: str | None = None
    other: str | None = None
    family = given = ""
    types = notes.dialect.mapping.gp_rpps_types
    for one in spellings:
        number, kind = one.value(1).strip(), one.value(13)
        if kind in types and rpps is None and number:
            # IDNPS is one digit for the type of number, 8 for RPPS, then the number.
            rpps = number[1:] if len(number) == 12 and number[0] == "8" else number
            family, given = one.value(2), one.value(3)
        elif number and other is None:
            other = number
        family, given = family or one.value(2), given or one.value(3)
    if not (rpps or other or family):
        return None
    return Professional(rpps=rpps, other_id=other, family=family, given=given)


def _practice(role: Segment) -> dict[str, str | None]:
    """ROL-11 and ROL-12: where the doctor practises, by which a name alone is corroborated."""
    address = role.repetitions(11)[0] if role.repetitions(11) else None
    phones = [
        one.value(12) or one.value(1) or one.value(6) + one.value(7)
        for one in role.repetitions(12)
        if one.value(3) in ("", "PH", "CP")
    ]
    found = {
        "postal": address.value(5) if address else "",
        "town": address.value(3) if address else "",
        "phone": next(filter(None, phones), ""),
    }
    return {name: text[:_LONGEST] or None for name, text in found.items() if not is_delete(text)}


def _ins(pid: Segment, removed: list[str]) -> Ins | None:
    found: dict[str, str] = {}
    for one in pid.repetitions(3):
        if one.value(5) != "INS":
            continue
        if is_delete(one.value(1)):
            removed.append("ins")
        elif one.value(1):
            found.setdefault(one.value(4, 2), one.value(1))
    if not found:
        return None
    removed[:] = [name for name in removed if name != "ins"]
    for oid in (*_INS_ORDER, *sorted(found)):
        if oid in found:
            return Ins(matricule=found[oid], oid=oid)
    return None


def _names(pid: Segment, removed: list[str]) -> dict[str, str | None]:
    names: dict[str, str | None] = {}
    for one in pid.repetitions(5):
        family, given = one.value(1), one.value(2)
        match one.value(7) or "L":
            case "L" if is_delete(family) or is_delete(given):
                removed.extend(("birth_family", "birth_given", "birth_given_all"))
            case "L":
                names["birth_family"] = family or None
                names["birth_given"] = given or None
                names["birth_given_all"] = one.value(3) or None
            case "D" if is_delete(family):
                removed.extend(("used_family", "used_given"))
            case "D":
                names["used_family"] = family or None
                names["used_given"] = given or None
            case _:
                pass
    return names


def _birth_date(pid: Segment, notes: Notes) -> str | None:
    text = pid.value(7)
    if not text or is_delete(text):
        return None
    date = read_birth_date(text)
    if date is None:
        notes.missing("PID-7", "is no date of the calendar")
    return date


def _birth_place(pid: Segment) -> str | None:
    for address in pid.repetitions(11):
        if address.value(7) == "BDL" and address.value(9):
            return address.value(9)
    return None


def _dead(pid: Segment) -> bool | None:
    told = _yes_no(pid.value(30))
    if told is not True and pid.value(29) and not is_delete(pid.value(29)):
        return True
    return told


def _yes_no(text: str) -> bool | None:
    return {"Y": True, "N": False}.get(text)


def _contact_not_told(message: Message) -> bool | None:
    contacts = message.all("NK1")
    if not contacts:
        return None
    return any(one.value(7) == "P" for one in contacts)


def _has_no_gp(message: Message) -> bool | None:
    code = message.value("PV2", 7)
    return code == "SM" if code else None
