"""Whom a document is meant for, by its metadata OBX: which combinations may be taken.

Source: ANS CI-SIS "Transmission d'un document CDA-R2 en HL7 v2" 2.1.2, volume 2, "Règles de
gestion MSSANTE". That table is declared exhaustive; read to the letter it forbids ordinary cases
(a document for the doctor alone that the patient may see) and an official sample. Hence two
readings: `strict` is the table, `tolerant` refuses only what contradicts itself.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from engine.model.flow import Condition
from engine.wire.hl7_documents import (
    PATIENT_DOMAIN,
    Audiences,
    DocumentRules,
    Flag,
    FlagSaid,
    Participant,
    Role,
)
from engine.wire.hl7_errors import DATA_TYPE, INTERNAL, REQUIRED_FIELD

_LOOKED_AT: Final = (
    *(Flag.MASQUE_PS, Flag.INVISIBLE_PATIENT, Flag.INVISIBLE_REP_LEGAUX, Flag.CONNEXION_SECRETE),
    *(Flag.DESTDMP, Flag.DESTMSSANTEPS, Flag.DESTMSSANTEPAT),
)
# The rows of the table, in its order; "." is any.
_ROWS: Final = ("NNN..YY", "NYN..YN", ".N.NNNY")
# The local part of a patient's mailbox is the INS: 15 characters (13 and the key), 2A and 2B
# for Corsica. A published sample has 20.
_PATIENT_BOX: Final = re.compile(
    rf"\d{{5}}[0-9AB]\d{{9}}@{re.escape(PATIENT_DOMAIN)}", re.IGNORECASE
)


def audience_faults(
    flags: Mapping[Flag, FlagSaid],
    participants: Sequence[Participant],
    rules: DocumentRules,
    *,
    minor: bool,
) -> Iterator[Condition]:
    """What is wrong with the flags as a whole. Every flag must be there, Y or N."""
    yield from _unserved(flags, participants)
    if rules.audiences is Audiences.STRICT:
        yield from _not_in_table(flags)
    else:
        yield from _contradictions(flags, rules, minor=minor)


def _not_in_table(flags: Mapping[Flag, FlagSaid]) -> Iterator[Condition]:
    if "Y" not in (flags[Flag.DESTMSSANTEPS].value, flags[Flag.DESTMSSANTEPAT].value):
        return  # the table is about secure mail alone
    said = "".join(flags[flag].value for flag in _LOOKED_AT)
    if not any(re.fullmatch(row, said) for row in _ROWS):
        told = ", ".join(f"{flag} {flags[flag].value}" for flag in _LOOKED_AT)
        text = f"The national table of audiences has no row for {told}."
        yield _at(flags[Flag.DESTMSSANTEPS], INTERNAL, text)


def _contradictions(
    flags: Mapping[Flag, FlagSaid], rules: DocumentRules, *, minor: bool
) -> Iterator[Condition]:
    def yes(flag: Flag) -> bool:
        return flags[flag].value == "Y"

    patient = flags[Flag.DESTMSSANTEPAT]
    if yes(Flag.INVISIBLE_PATIENT) and yes(Flag.DESTMSSANTEPAT):
        yield _at(patient, INTERNAL, "DESTMSSANTEPAT is Y, and so is INVISIBLE_PATIENT.")
    if minor and yes(Flag.INVISIBLE_REP_LEGAUX) and yes(Flag.DESTMSSANTEPAT):
        # A minor's mailbox is read by those who are in charge of them.
        text = "DESTMSSANTEPAT is Y, and so is INVISIBLE_REP_LEGAUX, of a minor."
        yield _at(patient, INTERNAL, text)
    if yes(Flag.MASQUE_PS) and yes(Flag.DESTMSSANTEPS) and not rules.masked_to_doctors:
        text = "DESTMSSANTEPS is Y, and so is MASQUE_PS."
        yield _at(flags[Flag.DESTMSSANTEPS], INTERNAL, text)


def _unserved(
    flags: Mapping[Flag, FlagSaid], participants: Sequence[Participant]
) -> Iterator[Condition]:
    """A destination that no PRT serves, and patients' addresses that cannot be one."""
    boxes = [one for one in participants if one.role is Role.RECIPIENT and one.address]
    wrong = [one for one in boxes if one.patient and not _PATIENT_BOX.fullmatch(one.address)]
    for one in wrong:
        text = "The local part of the patient's mailbox is no INS of 15 characters."
        yield Condition(code=DATA_TYPE, location=f"PRT^{one.order}^15", text=text)
    for flag, patient, whose in (
        (Flag.DESTMSSANTEPS, False, "a professional"),
        (Flag.DESTMSSANTEPAT, True, "the patient"),
    ):
        served = any(one.patient is patient and one not in wrong for one in boxes)
        if flags[flag].value == "Y" and not served:
            text = f"{flag} is Y, and no PRT of role RCT holds a mailbox of {whose}."
            yield _at(flags[flag], REQUIRED_FIELD, text)


def _at(said: FlagSaid, code: int, text: str) -> Condition:
    return Condition(code=code, location=f"OBX^{said.order}^5", text=text)
