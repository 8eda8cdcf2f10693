"""MDM T02, T10, T04: a document of the DPI.

Source: HL7 v2.5/2.6, section 9.6; ANS CI-SIS "Transmission d'un document CDA-R2 en HL7 v2".
"""

import hashlib
from typing import Final

from engine.mapping.content import ContentError, is_document, read_content
from engine.mapping.reading import Notes
from engine.model.fact import DocumentAction, DocumentForm, DocumentPublished, Half
from engine.model.people import Professional
from engine.wire.hl7 import Segment

ACTIONS: Final = {
    "T02": DocumentAction.ADD,
    "T10": DocumentAction.REPLACE,
    "T04": DocumentAction.WITHDRAW,
}


def read_document(notes: Notes) -> None:
    """Add the DocumentPublished of an MDM message, and keep its bytes."""
    message = notes.message
    txa = message.first("TXA")
    if txa is None or not txa.value(12):
        notes.missing("TXA-12", "the document has no number", grave=True)
        return
    documents = notes.dialect.mapping.document
    flags, content = _sort(message.all("OBX"))
    type_code = txa.value(2) or (content[0].value(3) if content else "")
    action = ACTIONS[notes.event]
    if type_code not in documents.types:
        notes.missing("TXA-2", "documents of this type do not belong in an exit letter")
        return
    form, data = DocumentForm.TEXT, b""
    if action is not DocumentAction.WITHDRAW:
        try:
            form, data = read_content(content)
        except ContentError as error:
            notes.missing("OBX-5", str(error), grave=True)
            return
    digest = hashlib.sha256(data).hexdigest()
    notes.blobs[digest] = data
    notes.facts.append(
        DocumentPublished(
            document=txa.value(12),
            replaces=txa.value(13) or None,
            action=action,
            visit=message.value("PV1", 19) or None,
            half=_half(notes, type_code),
            type_code=type_code,
            form=form,
            content=digest,
            written_at=notes.time(txa.value(4)) or notes.recorded_at,
            validated=txa.value(17) in documents.validated,
            masked=flags.get("MASQUE_PS") == "Y",
            author=_author(txa),
        )
    )


def _sort(segments: tuple[Segment, ...]) -> tuple[dict[str, str], list[Segment]]:
    """Part the metadata OBX (table MetaDMPMSS) from those that carry the document."""
    flags: dict[str, str] = {}
    content: list[Segment] = []
    for one in segments:
        if one.value(3, 3) == "MetaDMPMSS":
            flags[one.value(3)] = one.value(5)
        elif is_document(one):
            content.append(one)
    return flags, content


def _half(notes: Notes, type_code: str) -> Half | None:
    documents = notes.dialect.mapping.document
    if type_code in documents.half_of_type:
        return documents.half_of_type[type_code]
    for path in documents.units:
        for code in path.values(notes.message):
            care = notes.dialect.units.care_of(code)
            if care is not None:
                return care.half
    notes.missing(
        " or ".join(path.text for path in documents.units),
        "no unit says which half (DSS or DSP) wrote the document",
    )
    return None


def _author(txa: Segment) -> Professional | None:
    """TXA-22 (authenticator), else TXA-9 (originator)."""
    for field in (22, 9):
        for one in txa.repetitions(field):
            number = one.value(1)
            if len(number) == 12 and number[0] == "8":
                number = number[1:]
            if one.value(2):
                rpps = number if len(number) == 11 and number.isdigit() else None
                return Professional(
                    rpps=rpps,
                    other_id=None if rpps else number,
                    family=one.value(2),
                    given=one.value(3),
                )
    return None
