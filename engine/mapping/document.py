"""MDM T02, T10, T04 and ORU R01: a document of the DPI.

Source: HL7 v2.5/2.6, sections 7.3 and 9.6; ANS CI-SIS "Transmission d'un document CDA-R2 en HL7
v2" 2.1.2. What the profile asks of a message that claims it is decided at the door
(decide.documents); here a document is read as well as it can be, and never where it must not.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from engine.mapping.content import Content, ContentError, is_text, read_encapsulated, read_text
from engine.mapping.reading import Notes
from engine.model.fact import (
    DocumentAction,
    DocumentForm,
    DocumentPublished,
    Half,
    Visibility,
)
from engine.model.people import Professional
from engine.wire.hl7 import Repetition, Segment
from engine.wire.hl7_documents import (
    Carried,
    Flag,
    Role,
    carried_by,
    claim_of,
    flags_of,
    is_metadata,
    kept_from_doctors,
    number_of,
    participants_of,
    same_patient,
    txa_number,
)
from engine.wire.hl7_events import DOCUMENTS, REQUESTS

# OBX-11 of an ORU (HL7 table 0085): F final, C corrected, D deleted, W posted as wrong. Any other
# is a document that its author has not finished.
_ACTIONS: Final = {one.obx_11: one.action for one in REQUESTS} | {"W": DocumentAction.WITHDRAW}
_FINAL: Final = frozenset({"F", "C"})
_HIDDEN: Final = {
    Flag.MASQUE_PS: Visibility.MASQUE_PS,
    Flag.INVISIBLE_PATIENT: Visibility.INVISIBLE_PATIENT,
    Flag.INVISIBLE_REP_LEGAUX: Visibility.INVISIBLE_REPRESENTANTS_LEGAUX,
}
_NOTHING: Final = Content(DocumentForm.TEXT, b"")


def of_wanted_type(notes: Notes) -> bool:
    """Whether the document is of a type that belongs in an exit letter."""
    return _type_code(notes) in notes.dialect.mapping.document.types


def read_document(notes: Notes) -> None:
    """Add the DocumentPublished of a message, and keep its bytes.

    Of two documents of the same content, one of level 1 and one of level 3, the latter is taken.
    """
    if not of_wanted_type(notes):
        place = "TXA-2" if notes.message.first("TXA") else "OBX-3"
        notes.missing(place, "documents of this type do not belong in an exit letter")
        return
    carried = carried_by(notes.message)
    action = _action(notes, carried)
    try:
        contents = _contents(notes, carried, action)
    except ContentError as error:
        notes.missing("OBX-5", str(error), grave=True)
        return
    if not _of_this_patient(notes, contents):
        notes.missing("PID-3", "the CDA is not known to be of this patient", grave=True)
        return
    chosen = max(contents, key=lambda one: one.header is not None and one.header.structured)
    number, replaced = _numbers(notes, carried, chosen)
    if not number:
        place = "TXA-12" if notes.message.header.message_code == "MDM" else "OBR-3"
        notes.missing(place, "the document has no number", grave=True)
        return
    also = tuple(
        one.header.document
        for one in contents
        if one is not chosen
        and one.header is not None
        and one.header.document is not None
        and action is not DocumentAction.WITHDRAW
    )
    taken = _published(notes, carried, action, chosen).model_copy(
        update={
            "document": number,
            "replaces": replaced,
            "also": also,
            "half": _half(notes, _type_code(notes), contents),
        }
    )
    notes.facts.append(taken)
    for other in contents:
        # The other level leaves with it, or what it replaced does: each has numbers of its own.
        if other is not chosen and other.header is not None and action is not DocumentAction.ADD:
            withdraws = action is DocumentAction.WITHDRAW
            gone = other.header.document if withdraws else other.header.replaces
            if gone and gone not in (number, replaced):
                notes.facts.append(_withdrawn(notes, taken, gone))


def _type_code(notes: Notes) -> str:
    message = notes.message
    if (code := message.value("TXA", 2)) != "":
        return code
    for one in message.all("OBX"):
        if not is_metadata(one) and (one.value(2) == "ED" or is_text(one)):
            return one.value(3)
    return ""


def _action(notes: Notes, carried: Sequence[Carried]) -> DocumentAction:
    request = DOCUMENTS[notes.message.header.message_type]
    if request is not None:
        return request.action
    return _ACTIONS.get(carried[0].state, DocumentAction.ADD) if carried else DocumentAction.ADD


def _contents(notes: Notes, carried: Sequence[Carried], action: DocumentAction) -> list[Content]:
    """What is carried, opened. Raises ContentError; of a withdrawal only the numbers matter."""
    withdraws = action is DocumentAction.WITHDRAW
    if not carried:
        lines = [one for one in notes.message.all("OBX") if is_text(one) and not is_metadata(one)]
        return [_NOTHING] if withdraws else [read_text(lines)]
    if len(carried) > 1 and notes.message.header.message_code == "MDM" and not withdraws:
        raise ContentError("more than one encapsulated document in one message")
    opened = []
    for one in carried[:2]:
        try:
            opened.append(read_encapsulated(one.segment))
        except ContentError:
            if not withdraws:
                raise
            opened.append(_NOTHING)
    levels = {one.header.structured for one in opened if one.header is not None}
    if not withdraws and (len(carried) > 2 or (len(carried) == 2 and len(levels) < 2)):
        raise ContentError("more than one encapsulated document in one message")
    return opened


def _of_this_patient(notes: Notes, contents: Sequence[Content]) -> bool:
    """No CDA of another patient; and where the profile is claimed, each shown to be of this one."""
    found = [same_patient(notes.message, one.header) for one in contents if one.header is not None]
    if claim_of(notes.message.header) is not None:
        return all(found)
    return False not in found


def _numbers(notes: Notes, carried: Sequence[Carried], chosen: Content) -> tuple[str, str | None]:
    """The document's number and that of the one it replaces."""
    txa, header = notes.message.first("TXA"), chosen.header
    number, replaced = txa_number(txa, 12), txa_number(txa, 13)
    if header is not None and (claim_of(notes.message.header) is not None or not number):
        # The profile names the CDA's own id, for a withdrawal too.
        number, replaced = header.document or number, replaced or header.replaces or ""
    if not number and notes.message.header.message_code == "ORU":
        orders = [one for part in carried[:1] for one in (part.obr, part.orc) if one is not None]
        fillers = [found for one in orders for found in one.repetitions(3) if found.value()]
        number = number_of(fillers[0]) if fillers else ""
    return number, replaced or None


def _published(
    notes: Notes, carried: Sequence[Carried], action: DocumentAction, chosen: Content
) -> DocumentPublished:
    message, documents = notes.message, notes.dialect.mapping.document
    txa, type_code = message.first("TXA"), _type_code(notes)
    flags = flags_of(message)
    content = _NOTHING if action is DocumentAction.WITHDRAW else chosen
    told_at = txa.value(4) if txa else ""
    written_at = notes.time(told_at) if told_at else None
    if written_at is None and chosen.header is not None:
        written_at = notes.time(chosen.header.written_at)
    hidden = {one.flag for one in flags if one.value == "Y"}
    return DocumentPublished(
        document="",
        action=action,
        visit=message.value("PV1", 19) or None,
        half=None,  # by all that it carries: read_document
        type_code=type_code,
        form=content.form,
        content=_keep(notes, content.data),
        written_at=written_at or notes.recorded_at,
        validated=(
            txa.value(17) in documents.validated
            if txa
            else bool(carried) and all(one.state in _FINAL for one in carried)
        ),
        masked=kept_from_doctors(flags, claim_of(message.header)),
        visibility=tuple(said for flag, said in _HIDDEN.items() if flag in hidden),
        author=_author(notes, txa),
    )


def _withdrawn(notes: Notes, taken: DocumentPublished, number: str) -> DocumentPublished:
    return taken.model_copy(
        update={
            "document": number,
            "replaces": None,
            "action": DocumentAction.WITHDRAW,
            "form": _NOTHING.form,
            "content": _keep(notes, _NOTHING.data),
        }
    )


def _keep(notes: Notes, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    notes.blobs[digest] = data
    return digest


def _half(notes: Notes, type_code: str, contents: Sequence[Content]) -> Half | None:
    """The half that wrote it, where all that tells of it agrees; else None: silence in doubt.

    PV1-3 says where the patient was, and a psychiatrist writes of patients of any ward: no place
    outweighs the other.
    """
    documents = notes.dialect.mapping.document
    if any(one.joint for one in contents):
        notes.missing("OBX-5", "a letter of ours that speaks for more than one part")
        return None
    half = documents.half_of_type.get(type_code)
    places = " or ".join(path.text for path in documents.units)
    if half is None:
        cares = (
            notes.dialect.units.care_of(code)
            for path in documents.units
            for code in path.values(notes.message)
        )
        halves = {care.half for care in cares if care is not None}
        if not halves:
            notes.missing(places, "no unit says which half (DSS or DSP) wrote the document")
        elif len(halves) > 1:
            notes.missing(places, "units of both halves (DSS and DSP): which wrote the document?")
        half = halves.pop() if len(halves) == 1 else None
    if half is Half.DSS and any(
        one.header.specialties & set(documents.psychiatrists)
        for one in contents
        if one.header is not None
    ):
        notes.missing("OBX-5", "a psychiatrist wrote the CDA, in a unit of the somatic half")
        return None
    return half


def _author(notes: Notes, txa: Segment | None) -> Professional | None:
    """TXA-22 (authenticator), else TXA-9 (originator), else PRT-5 of the sender."""
    named: list[Repetition] = []
    if txa is not None:
        named += (*txa.repetitions(22), *txa.repetitions(9))
    for part in participants_of(notes.message):
        if part.role is Role.SENDER:
            named += part.segment.repetitions(5)
    for one in named:
        number = one.value(1)
        if len(number) == 12 and number[0] == "8":
            number = number[1:]
        if one.value(2):
            rpps = number if len(number) == 11 and number.isdecimal() else None
            return Professional(
                rpps=rpps,
                other_id=None if rpps else number,
                family=one.value(2),
                given=one.value(3),
            )
    return None
