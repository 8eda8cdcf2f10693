"""A verdict → the bytes of an ACK.

Original mode (HL7 v2.5 section 2.9.2): AA, AE or AR. Enhanced mode (section 2.9.3) when MSH-15
holds a value of table 0155: a commit acknowledgement, CA, CE or CR, which says what Relais can
say at the door: the message is safely stored, or it is not.

The application acknowledgement that MSH-16 may ask for is not sent besides the commit one: what
becomes of a message is the hospital's affair hours later, not an HL7 error. Only when MSH-15 is
NE and MSH-16 wants an answer does the one answer carry AA, AE or AR, so that no sender waits for
ever.

Fields of the request are echoed as they stand, without control characters and within a length;
nothing else of it is.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from engine.model.flow import AckCode, Condition
from engine.wire.hl7_charset import CODECS
from engine.wire.hl7_errors import TABLE_0357
from engine.wire.hl7_header import STANDARD, Header, Separators

AckMode = Literal["auto", "original", "enhanced"]

_NOT_ECHOED: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_LONGEST_ECHO: Final = 200
_MOST_ERRORS: Final = 20
_NO_HEADER: Final = Header(STANDARD, ["MSH"])
_OLD: Final = frozenset({"2.1", "2.2", "2.3", "2.3.1", "2.4"})


def ack(
    header: Header | None,
    code: AckCode,
    conditions: Sequence[Condition] = (),
    *,
    control_id: str,
    at: datetime,
    software: str,
    charset: str | None = None,
    mode: AckMode = "auto",
) -> bytes | None:
    """Build the answer; None when the request wants none.

    `header` is that of the request, None when it has none that can be read. `control_id` becomes
    MSH-10, `at` (aware) MSH-7, `software` MSH-3 when the request names no receiver. `charset` is
    the codec the request was read with; without it the answer keeps to ASCII.
    """
    header = (header or _NO_HEADER).shortened(_LONGEST_ECHO)
    msa_1 = _msa_1(header, code, mode)
    if msa_1 is None:
        return None
    separators, field = header.separators, header.field
    fs, cs = separators.field, separators.component
    errors, text = "", ""
    if code is not AckCode.AA and conditions:
        if header.version in _OLD:
            errors, text = _err_1(conditions, separators), _escape(conditions[0].text, separators)
        else:
            errors = _err_2(conditions, separators)
    kind = "ACK"
    if header.event:
        kind = f"ACK{cs}{header.event}"
        if header.version != "2.3":  # MSH-9.3 came with v2.3.1
            kind += f"{cs}ACK"
    declared = field(18)
    if charset is None and declared.upper() not in CODECS:
        declared = ""
    msh = (
        f"MSH{fs}{separators.encoding}{fs}{field(5) or software}{fs}{field(6)}{fs}{field(3)}{fs}"
        f"{field(4)}{fs}{_time(at)}{fs}{fs}{kind}{fs}{control_id}{fs}{field(11) or 'P'}{fs}"
        f"{field(12) or '2.5'}{fs}{fs}{fs}{fs}{fs}{field(17)}{fs}{declared}"
    ).rstrip(fs)
    msa = f"MSA{fs}{msa_1}{fs}{header.control_id}"
    if text:
        msa += f"{fs}{text}"
    if not (msh.isprintable() and msa.isprintable()):
        msh, msa = _NOT_ECHOED.sub("", msh), _NOT_ECHOED.sub("", msa)
    return f"{msh}\r{msa}\r{errors}".encode(charset or "ascii", "replace")


def _time(at: datetime) -> str:
    """DTM with its offset (HL7 v2.5 section 2.A.22)."""
    if at.tzinfo is UTC:
        return f"{at.year:04}{at.month:02}{at.day:02}{at.hour:02}{at.minute:02}{at.second:02}+0000"
    return f"{at:%Y%m%d%H%M%S%z}"


def _msa_1(header: Header, code: AckCode, mode: AckMode) -> str | None:
    """MSA-1, by table 0155 in MSH-15 and MSH-16; None: no answer."""
    accept, application = header.accept_ack, header.application_ack
    if mode == "original" or (mode == "auto" and accept not in {"AL", "ER", "SU", "NE"}):
        return code.value
    if _wanted(accept or "AL", code):
        return f"C{code.value[1]}"
    if accept == "NE" and application and _wanted(application, code):
        return code.value
    return None


def _wanted(condition: str, code: AckCode) -> bool:
    match condition:
        case "NE":
            return False
        case "ER":
            return code is not AckCode.AA
        case "SU":
            return code is AckCode.AA
        case _:
            return True


def _err_2(conditions: Sequence[Condition], separators: Separators) -> str:
    """ERR of v2.5 and later, one segment a condition (section 2.15.5)."""
    fs, cs = separators.field, separators.component
    lines = []
    for condition in conditions[:_MOST_ERRORS]:
        place = cs.join(condition.location.split("^"))
        name = _escape(TABLE_0357.get(condition.code, ""), separators)
        code = f"{condition.code}{cs}{name}{cs}HL70357"
        ours = cs.join(_escape(part, separators) for part in condition.application.split("^"))
        text = _escape(condition.text, separators)
        lines.append(f"ERR{fs}{fs}{place}{fs}{code}{fs}E{fs}{ours}{fs}{fs}{fs}{text}\r")
    return "".join(lines)


def _err_1(conditions: Sequence[Condition], separators: Separators) -> str:
    """ERR before v2.5: one segment, ERR-1 (ELD) repeated: segment, sequence, field, code."""
    cs, ss = separators.component, separators.subcomponent
    found = []
    for condition in conditions[:_MOST_ERRORS]:
        place = (*condition.location.split("^"), "", "")[:3]
        name = _escape(TABLE_0357.get(condition.code, ""), separators)
        found.append(cs.join((*place, f"{condition.code}{ss}{name}{ss}HL70357")))
    return f"ERR{separators.field}{separators.repetition.join(found)}\r"


def _escape(text: str, separators: Separators) -> str:
    mark = separators.escape
    for sign, name in (
        (mark, "E"),
        (separators.field, "F"),
        (separators.component, "S"),
        (separators.subcomponent, "T"),
        (separators.repetition, "R"),
    ):
        if sign in text:
            text = text.replace(sign, f"{mark}{name}{mark}")
    return _NOT_ECHOED.sub(" ", text)
