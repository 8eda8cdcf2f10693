"""May a message that carries a document be taken? By the volet that it claims in MSH-21.

A claim of volet A brings the national rules: fields, agreement of event, ORC-1 and OBX-11, the
metadata OBX, the identity of the CDA. A claim of volet B is refused: it is a letter that came in
by mail and belongs in the record, and its sender turns AA into a receipt for whoever wrote it.
Without a claim a message is read as it is; but one that carries another patient's CDA is refused
in any case.

Source: ANS CI-SIS "Transmission d'un document CDA-R2 en HL7 v2" 2.1.2. No text quotes the message,
but for codes of the closed tables that it names.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Final

from engine.decide.audiences import audience_faults
from engine.model.fact import DocumentAction
from engine.model.flow import Condition
from engine.wire.cda import CdaHeader, header_of, open_cda
from engine.wire.encapsulated import ContentError, undo_base64
from engine.wire.hl7 import Message
from engine.wire.hl7_documents import (
    REQUIRED_FLAGS,
    Carried,
    Claim,
    DocumentRules,
    Flag,
    FlagSaid,
    Volet,
    carried_by,
    claim_of,
    flags_of,
    participants_of,
    same_patient,
    txa_number,
)
from engine.wire.hl7_errors import (
    CARDINALITY,
    DATA_TYPE,
    INTERNAL,
    REQUIRED_FIELD,
    TABLE_VALUE,
    VERSION_ID,
)
from engine.wire.hl7_events import DOCUMENTS, REQUESTS, Request

_MDM: Final = MappingProxyType({"EVN": (2,), "PID": (3, 5), "PV1": (2,), "TXA": (2, 12, 17)})
_ORU: Final = MappingProxyType({"PID": (3, 5)})
_ORDER: Final = MappingProxyType({"ORC": (1,), "OBR": (4,)})
_VERSIONS: Final = MappingProxyType({"MDM": ("2.6",), "ORU": ("2.5", "2.5.1")})
_ADMITTED: Final = frozenset({"E", "I", "O", "R"})
_NO_FIELDS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType({})
# The guide wants AU (table 0271); LA, which says more, stands in examples of version 2.0.
_AUTHENTICATED: Final = frozenset({"AU", "LA"})
_BY_STATE: Final = {request.obx_11: request for request in REQUESTS}
_ORC_1: Final = frozenset(request.orc_1 for request in REQUESTS)
_OF_AGE: Final = 18
_MOST_FAULTS: Final = 50  # a hostile message may hold thousands; nobody reads them

_FROM_MAIL: Final = Condition(
    code=INTERNAL,
    location="MSH^1^21",
    text="A document that came by mail (volet LPS) is for the record; it is not taken here.",
    application="906^Autre type d'erreur^applicationErrorCondition",
)


def fields_of(message: Message) -> Mapping[str, tuple[int, ...]]:
    """Segment → numbers of the fields that the message must hold by what it claims."""
    claim = claim_of(message.header)
    if claim is None or claim.volet is not Volet.DOCUMENT:
        return _NO_FIELDS
    fields = _MDM if message.header.message_code == "MDM" else _ORU
    return {**fields, **_ORDER} if claim.orders else fields


def document_faults(message: Message, rules: DocumentRules) -> list[Condition]:
    """What forbids taking the document, the first fifty things. Empty: it may be taken."""
    return list(islice(_faults(message, rules), _MOST_FAULTS))


def _faults(message: Message, rules: DocumentRules) -> Iterator[Condition]:
    claim = claim_of(message.header)
    carried = carried_by(message)
    if claim is None:
        yield from _of_another(message, carried)
    elif claim.volet is Volet.MAIL:
        yield _FROM_MAIL
    else:
        yield from _envelope(message)
        yield from _agreement(message, claim, carried)
        yield from _content(message, carried)
        yield from _metadata(message, rules, len(carried))


def _of_another(message: Message, carried: list[Carried]) -> Iterator[Condition]:
    for one in carried:
        try:
            header = _header(one)
        except ContentError:
            continue  # no CDA, or a broken one: told when it is read
        if same_patient(message, header) is False:
            yield _identity(one)


def _envelope(message: Message) -> Iterator[Condition]:
    header = message.header
    if header.version not in _VERSIONS[header.message_code]:
        wanted = _VERSIONS[header.message_code][0]
        text = f"MSH-12 of {header.message_code} is {wanted} in this profile."
        yield Condition(code=VERSION_ID, location="MSH^1^12", text=text)
    visit = message.first("PV1")
    if visit is not None and visit.value(2) in _ADMITTED and not visit.value(19).strip():
        text = "PV1-19 is missing; the class of the patient in PV1-2 wants it."
        yield _fault(REQUIRED_FIELD, "PV1^1^19", text)
    authenticated = message.value("TXA", 17)
    if authenticated and authenticated not in _AUTHENTICATED:
        text = "TXA-17 is not AU: a document leaves once it is authenticated."
        yield _fault(TABLE_VALUE, "TXA^1^17", text)


def _agreement(message: Message, claim: Claim, carried: list[Carried]) -> Iterator[Condition]:
    """How many documents; event, ORC-1 and OBX-11; the codes of the type."""
    kind, most = message.header.message_type, 1 if message.header.message_code == "MDM" else 2
    if not carried:
        text = "No OBX of type ED carries a document."
        yield _fault(REQUIRED_FIELD, "OBX^1^5", text)
    for one in carried[most:]:
        text = f"{kind} carries {most} document{'s' if most > 1 else ''} at most."
        yield _fault(CARDINALITY, f"OBX^{one.order}^5", text)
    for one in carried:
        yield from _same_request(kind, claim, one)
        yield from _same_type(message, claim, one)
    for one in carried[1:]:
        if one.state in _BY_STATE and one.state != carried[0].state:
            text = f"OBX-11 of the two documents differ: {one.state} here."
            yield _fault(INTERNAL, f"OBX^{one.order}^11", text)


def _same_request(kind: str, claim: Claim, one: Carried) -> Iterator[Condition]:
    place = f"OBX^{one.order}^11"
    ordered = one.orc.value(1) if one.orc else ""
    known = True
    if not one.state:
        known = False
        yield _fault(REQUIRED_FIELD, place, "OBX-11 of the document is missing.")
    elif one.state not in _BY_STATE:
        known = False
        yield _fault(TABLE_VALUE, place, "OBX-11 of the document is none of F, C and D.")
    if claim.orders and ordered not in _ORC_1:
        known = False
        if ordered:  # its absence is told already
            text = f"ORC-1 is none of NW, RO and CA (document of OBX {one.order})."
            yield _fault(TABLE_VALUE, f"ORC^{one.orc_order}^1", text)
    if not known:
        return
    wanted = DOCUMENTS[kind] or _BY_STATE[one.state]
    if one.state != wanted.obx_11 or (claim.orders and ordered != wanted.orc_1):
        yield _fault(INTERNAL, place, _disagreement(kind, claim, wanted, ordered, one.state))


def _disagreement(kind: str, claim: Claim, wanted: Request, ordered: str, state: str) -> str:
    told = f"{kind} goes with" if DOCUMENTS[kind] else f"OBX-11 {state} goes with"
    if not claim.orders:
        return f"{told} OBX-11 {wanted.obx_11}; the message says {state}."
    return (
        f"{told} ORC-1 {wanted.orc_1} and OBX-11 {wanted.obx_11}; "
        f"the message says {ordered} and {state}."
    )


def _same_type(message: Message, claim: Claim, one: Carried) -> Iterator[Condition]:
    ordered = one.obr.value(4) if one.obr and claim.orders else ""
    if ordered and one.type_code != ordered:
        text = "OBX-3 of the document is not the code of OBR-4."
        yield _fault(INTERNAL, f"OBX^{one.order}^3", text)
    announced = message.value("TXA", 2)
    if announced and one.type_code != announced:
        text = f"TXA-2 is not the code in OBX-3 of OBX {one.order}."
        yield _fault(INTERNAL, "TXA^1^2", text)


def _content(message: Message, carried: list[Carried]) -> Iterator[Condition]:
    """The CDA itself: whose it is, and that its numbers are those of TXA."""
    headers: list[CdaHeader] = []
    for one in carried[:2]:
        place = f"OBX^{one.order}^5"
        try:
            header = _header(one)
        except ContentError as error:
            why = str(error)
            yield _fault(DATA_TYPE, place, f"{why[:1].upper()}{why[1:]}.")
            continue
        if not same_patient(message, header):
            yield _identity(one)
        if header.document is None:
            yield _fault(INTERNAL, place, "The CDA has no id.")
        if one.state == "C" and header.replaces is None:
            text = "The CDA names no document that it replaces (relatedDocument RPLC)."
            yield _fault(INTERNAL, place, text)
        if any(header.document == other.document for other in headers):
            yield _fault(INTERNAL, place, "Both documents have the same id.")
        if any(header.structured == other.structured for other in headers):
            text = "Of two documents one is of level 1 and one of level 3: these are alike."
            yield _fault(INTERNAL, place, text)
        headers.append(header)
        if one is carried[0]:  # TXA, which an ORU has not, speaks of one document
            yield from _numbers(message, header)


def _numbers(message: Message, header: CdaHeader) -> Iterator[Condition]:
    """TXA-12 and TXA-13 against the CDA."""
    txa = message.first("TXA")
    number, replaced = txa_number(txa, 12), txa_number(txa, 13)
    if number and header.document and number != header.document:
        yield _fault(INTERNAL, "TXA^1^12", "TXA-12 is not the id of the CDA.")
    request = DOCUMENTS[message.header.message_type]
    if request is None or request.action is not DocumentAction.REPLACE:
        return
    if not replaced:
        yield _fault(REQUIRED_FIELD, "TXA^1^13", "TXA-13 is missing: what is replaced?")
    elif header.replaces and replaced != header.replaces:
        text = "TXA-13 is not the id that the CDA says it replaces."
        yield _fault(INTERNAL, "TXA^1^13", text)


def _metadata(message: Message, rules: DocumentRules, documents: int) -> Iterator[Condition]:
    """The flags: each there, once, Y or N; and what they say together."""
    said: dict[Flag, FlagSaid] = {}
    sound = True
    for one in flags_of(message):
        place = f"OBX^{one.order}^5"
        before = said.setdefault(one.flag, one)
        if one.value not in ("Y", "N"):
            sound = False
            code, what = (TABLE_VALUE, "is neither Y nor N") if one.value else (
                REQUIRED_FIELD, "holds no value"
            )  # fmt: skip
            yield _fault(code, place, f"The OBX {one.flag} {what}.")
        elif one.value != before.value:
            sound = False
            yield _fault(CARDINALITY, place, f"The OBX {one.flag} says two things.")
    for rank, flag in enumerate(REQUIRED_FLAGS, 1):
        if flag not in said:
            sound = False
            # The place where the table of the volet puts it: after the documents.
            yield _fault(
                REQUIRED_FIELD, f"OBX^{max(documents, 1) + rank}^3", f"The OBX {flag} is missing."
            )
    if sound:
        participants = list(participants_of(message))
        yield from audience_faults(said, participants, rules, minor=_minor(message))


def _minor(message: Message) -> bool:
    """Whether the patient was under 18 on the day of the message; an unknown age is no minority."""
    born = re.match(r"\d{8}", message.value("PID", 7))
    sent = re.match(r"\d{8}", message.value("MSH", 7))
    if born is None or sent is None:
        return False
    return int(sent.group()) - int(born.group()) < _OF_AGE * 10_000


def _header(one: Carried) -> CdaHeader:
    """Open what an OBX carries as a CDA. Raises ContentError."""
    segment = one.segment
    if segment.value(5, 4).lower() != "base64":
        raise ContentError("the encoding in component 4 is not Base64")
    if segment.value(5, 3).upper() != "XML":
        raise ContentError("the type in component 3 is not XML")
    return header_of(open_cda(undo_base64(segment.value(5, 5))))


def _identity(one: Carried) -> Condition:
    text = "The patient of the CDA is not known to be that of PID-3: nothing is taken."
    return _fault(INTERNAL, f"OBX^{one.order}^5", text)


def _fault(code: int, location: str, text: str) -> Condition:
    return Condition(code=code, location=location, text=text)
