"""The door of this package: any bytes in, a judgement out. Total: no bytes make it raise."""

import re
from typing import Final

from engine.verify import cda, hprim, mail, pdf, xdm
from engine.verify.report import Fault, Finding, Kind, Report, Weight
from engine.verify.xml import XmlError, parse

MOST_BYTES: Final = 64 * 1024 * 1024
_MARK: Final = b"\xef\xbb\xbf"
_HL7: Final = re.compile(rb"[\s\x0b]*(?:MSH|FHS|BHS)[^A-Za-z0-9\s]")
_HEADER: Final = re.compile(
    # [^\n] takes the CR of a line's end: an optional one after it would double the ways of
    # reading each line.
    rb"(?:(?:[!-9;-~]++:|[ \t]|From )[^\n]*+\n)*?"
    rb"(?:From|Received|Return-Path|Message-ID|MIME-Version|Content-Type|Date|Subject|To):",
    re.IGNORECASE,
)
_WORDS: Final = {
    Kind.XDM: "IHE XDM zip",
    Kind.METADATA: "XDM metadata (ebRIM 3.0)",
    Kind.HPRIM: "HPRIM Médecins",
    Kind.PDF: "PDF, as PDF/A-1",
    Kind.HL7: "HL7 v2",
    Kind.MAIL: "mail",
}


def check(name: str, data: bytes, *, leaving: bool = False) -> Report:
    """Judge a file, told by its bytes and never by its name.

    ``leaving``: it is a letter of ours that is about to be sent; what readers would live with is
    grave too.
    """
    kind, what, faults = _judged(data)
    findings = tuple(
        Finding(
            place=one.place,
            sentence=one.sentence,
            grave=one.weight is Weight.GRAVE or (leaving and one.weight is Weight.OURS),
            rule=one.rule,
        )
        for one in faults
    )
    return Report(name, kind, what, findings)


def kind_of(data: bytes) -> Kind:
    """What the first bytes say."""
    head = data[:8192].removeprefix(_MARK).lstrip()
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Kind.XDM
    if b"%PDF-" in data[:1024]:
        return Kind.PDF
    if head.startswith(b"<") or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Kind.METADATA if b"SubmitObjectsRequest" in head else Kind.CDA
    if _HL7.match(data.removeprefix(_MARK)):
        return Kind.HL7
    if _HEADER.match(data[:8192]):
        return Kind.MAIL
    return Kind.HPRIM if hprim.looks_like(data) else Kind.UNKNOWN


def _judged(data: bytes) -> tuple[Kind, str, list[Fault]]:
    if len(data) > MOST_BYTES:
        sentence = f"larger than {MOST_BYTES // 1024 // 1024} MB"
        return Kind.UNKNOWN, "unread", [Fault("size", "", sentence)]
    kind = kind_of(data)
    match kind:
        case Kind.CDA:
            return _cda(data)
        case Kind.UNKNOWN:
            return kind, "unknown", [Fault("kind", "", _unknown(data))]
        case _:
            return kind, _WORDS[kind], _faults(kind, data)


def _faults(kind: Kind, data: bytes) -> list[Fault]:
    match kind:
        case Kind.XDM:
            return xdm.read(data).faults
        case Kind.METADATA:
            return xdm.judge_metadata(data)
        case Kind.HPRIM:
            return list(hprim.judge(data))
        case Kind.PDF:
            return list(pdf.judge(data))
        case Kind.HL7:
            from engine.verify import hl7  # hl7apy takes a third of a second to load

            return hl7.judge(data)
        case _:
            return mail.judge(data, _part)


def _part(data: bytes) -> list[Fault] | None:
    """A part of a mail that is none of a mail's own kinds."""
    kind = kind_of(data)
    if kind in (Kind.UNKNOWN, Kind.MAIL):
        return None
    return _judged(data)[2]


def _cda(data: bytes) -> tuple[Kind, str, list[Fault]]:
    try:
        root = parse(data)
    except XmlError as error:
        return Kind.CDA, "XML", [Fault(error.rule, "", str(error))]
    if root.tag != cda.ROOT:
        known = "HPRIM XML, " if "hprim.org" in str(root.tag) else ""
        sentence = f"{known}XML of a kind that is not judged here"
        return Kind.UNKNOWN, "XML", [Fault("kind", "", sentence)]
    return Kind.CDA, cda.said_of(root), list(cda.judge(root))


def _unknown(data: bytes) -> str:
    if not data.strip():
        return "the file is empty"
    if data[:2] == b"H|":
        return "HPRIM Santé, which is not judged here"
    if data.startswith(b"{\\rtf"):
        return "RTF, which is not judged here"
    return "none of the kinds that are known here: CDA, XDM, HPRIM Médecins, PDF, HL7 v2, mail"
