"""HPRIM Médecins: read as tolerantly as the field's readers are, and judged as a letter of ours.

Source  H.PR.I.M. Médecins 3.0 (March 1997), and what its readers in the field accept: a letter
that one of them refuses, or files under another patient, is gravely at fault.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from engine.verify.report import Fault, Weight, bounded

HEADER_LINES: Final = 12
MOST_BYTES: Final = 4 * 1024 * 1024
FIN: Final = "****FIN****"
END: Final = "****FINFICHIER****"
LAB: Final = "****LAB****"
_MARK_LINE: Final = re.compile(rb"(?:\A|[\r\n])[ \t]{0,8}\*{4}FIN(?:FICHIER)?\*{4}[ \t]{0,8}[\r\n]")
_WIDTH: Final = 78
_HARD_WIDTH: Final = 250
_DATE: Final = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4}|[0-9]{2})")
_NIR: Final = re.compile(r"[1-478][0-9]{4}(?:[0-9]{2}|2[AB])[0-9]{8}")
_CITY: Final = re.compile(r"[0-9]{5} \S.*")


@dataclass(frozen=True, slots=True)
class LabLine:
    """A RES line: label, code, kind (N, A, C), value, unit, low, high, flag, status."""

    label: str = field(repr=False)
    code: str = field(repr=False)
    kind: str
    value: str = field(repr=False)
    unit: str
    low: str
    high: str
    flag: str
    status: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of a file."""

    code: str = field(repr=False)
    family: str = field(repr=False)
    given: str = field(repr=False)
    address: tuple[str, ...] = field(repr=False)
    birth: date | None = field(repr=False)
    nir: str = field(repr=False)
    reference: str = field(repr=False)
    day: date | None
    sender: tuple[str, str] = field(repr=False)
    recipient: tuple[str, str] = field(repr=False)
    text: str = field(repr=False)
    results: tuple[LabLine, ...] = field(repr=False)


class HprimError(Exception):
    """No letter can be read; ``rule`` and the text say why."""

    def __init__(self, rule: str, place: str, sentence: str) -> None:
        self.rule, self.place = rule, place
        super().__init__(sentence)


def looks_like(data: bytes) -> bool:
    """Twelve lines with a birth date on the seventh, or a line that is an end mark."""
    head = data[:4096].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    dated = len(head) > 7 and re.fullmatch(rb"\s*[0-9]{2}/[0-9]{2}/[0-9]{2,4}\s*", head[6])
    return bool(dated) or (b"****FIN" in data and _MARK_LINE.search(data) is not None)


def decoded(data: bytes) -> str:
    """The text of a file: UTF-16 by its mark, UTF-8 where it is, else Windows-1252."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    body = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def read(data: bytes) -> tuple[Letter, ...]:
    """The letters of a file, at least one. CRLF, LF or CR; blanks around values are dropped.

    Raises HprimError: no end mark, a header of fewer than twelve lines, marks in the wrong order.
    """
    if len(data) > MOST_BYTES:
        raise HprimError("hprim-size", "", f"larger than {MOST_BYTES // 1024 // 1024} MB")
    lines = re.split(r"\r\n|\n|\r", decoded(data))
    bare = [line.strip() for line in lines]
    if bare and bare[0].lower() == "[apicrypt]":
        lines, bare = lines[1:], bare[1:]
    end = bare.index(END) if END in bare else None
    if end is None:
        raise HprimError("hprim-end", "", f"the file does not end with {END}")
    if FIN not in bare[:end]:
        raise HprimError("hprim-fin", "", f"no {FIN} before {END}")
    letters, start = [], 0
    for at in [n for n, line in enumerate(bare[:end]) if line == FIN]:
        letters.append(_letter(lines[start:at], start))
        start = at + 1
    if any(bare[start:end]):
        raise HprimError(
            "hprim-between", f"line {start + 1}", f"there is text between {FIN} and {END}"
        )
    return tuple(letters)


def _letter(lines: list[str], start: int) -> Letter:
    if len(lines) < HEADER_LINES:
        raise HprimError(
            "hprim-header", f"line {start + 1}", "the header has fewer than twelve lines"
        )
    head = [line.strip() for line in lines[:HEADER_LINES]]
    body = lines[HEADER_LINES:]
    if body and not body[0].strip():
        body = body[1:]
    cut = next((n for n, line in enumerate(body) if line.strip() == LAB), len(body))
    return Letter(
        code=head[0],
        family=head[1],
        given=head[2],
        address=tuple(part for part in head[3:6] if part not in ("", ".")),
        birth=_day(head[6]),
        nir=head[7].replace(" ", ""),
        reference=head[8],
        day=_day(head[9]),
        sender=_party(lines[10]),
        recipient=_party(lines[11]),
        text="\n".join(line.rstrip() for line in body[:cut]).strip("\n"),
        results=tuple(_result(line) for line in body[cut + 1 :] if line.startswith("RES|")),
    )


def _day(text: str) -> date | None:
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    day, month, year = (int(part) for part in found.groups())
    if year < 100:
        year += 1900 if year > 50 else 2000
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _party(line: str) -> tuple[str, str]:
    """Code in ten columns, a blank, a name."""
    code, name = line[:10].strip(), line[10:].strip()
    return ("" if code == "." else code, name) if name else ("", code)


def _result(line: str) -> LabLine:
    fields = [part.strip() for part in line.split("|")[1:10]]
    return LabLine(*fields, *[""] * (9 - len(fields)))


def judge(data: bytes) -> Iterator[Fault]:
    """What readers would stumble over, in a letter that is to be filed by itself."""
    return bounded(_judge(data))


def _judge(data: bytes) -> Iterator[Fault]:
    try:
        letters = read(data)
    except HprimError as error:
        yield Fault(error.rule, error.place, str(error))
        return
    if len(letters) > 1:
        yield Fault("hprim-one", "", "more than one letter: some readers take the first alone")
    yield from _bytes(data)
    text = decoded(data)
    lines = text.split("\r\n") if "\r\n" in text else re.split(r"[\r\n]", text)
    yield from _head(lines[:HEADER_LINES])
    yield from _body(lines)


def _bytes(data: bytes) -> Iterator[Fault]:
    """a.7, 1 and 8: line ends, characters, the end."""
    if b"\n" not in data:
        yield Fault("hprim-cr", "", "lines end in CR alone: three of four readers see one line")
    elif data.count(b"\r\n") != data.count(b"\n") or data.count(b"\r") != data.count(b"\n"):
        yield Fault("hprim-line-end", "", "not every line ends in CRLF", Weight.OURS)
    if data[:3] == b"\xef\xbb\xbf" or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        yield Fault("hprim-mark", "line 1", "a byte order mark begins the patient's code")
    elif not data.isascii() and _is_utf_8(data):
        yield Fault("hprim-charset", "", "written in UTF-8; readers take ISO-8859-1", Weight.OURS)
    if re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", data) and not _is_utf_8(data):
        yield Fault(
            "hprim-control", "", "control characters, or signs of Windows-1252", Weight.OURS
        )
    elif re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", data):
        yield Fault("hprim-control", "", "control characters or tabs", Weight.OURS)
    even = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not even.endswith(b"\n****FIN****\n****FINFICHIER****\n"):
        tail = data.rstrip()
        weight = Weight.OURS if tail.endswith(b"****FINFICHIER****") else Weight.GRAVE
        yield Fault("hprim-tail", "last line", "something follows the last mark", weight)


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _head(head: list[str]) -> Iterator[Fault]:
    """a.7, 2 to 6."""
    code, family, given = head[:3]
    if not re.fullmatch(r"[A-Za-z0-9_/-]{1,10}", code.strip()):
        yield Fault("hprim-code", "line 1", "the patient's code is 1 to 10 letters and digits")
    elif not re.fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9]+[_-][A-Za-z0-9_-]+", code):
        yield Fault(
            "hprim-prefix",
            "line 1",
            "without a prefix of the site, the code may equal a patient number of the reader",
            Weight.OURS,
        )
    for number, name in ((2, family), (3, given)):
        if not name.strip(" .-"):
            yield Fault("hprim-name", f"line {number}", "the name is empty")
        elif not re.fullmatch(r"[A-Z][A-Z -]{0,49}", name):
            yield Fault(
                "hprim-alphabet",
                f"line {number}",
                "a name is A to Z, blank and hyphen, 50 at most: readers search with it",
                Weight.OURS,
            )
    if head[5].strip(" .") and not _CITY.fullmatch(head[5].strip()):
        yield Fault("hprim-city", "line 6", "the city is five digits, a blank and its name")
    for number, what in ((7, "the birth date"), (10, "the letter's date")):
        line = head[number - 1]
        if _day(line.strip()) is None:
            yield Fault("hprim-date", f"line {number}", f"{what} is not a date dd/mm/yyyy")
        elif len(line) != 10:
            yield Fault(
                "hprim-date-form", f"line {number}", f"{what} is ten characters, no blank around"
            )
    nir = head[7].strip()
    if nir and not _NIR.fullmatch(nir):
        split = _NIR.fullmatch(nir.replace(" ", ""))
        yield Fault(
            "hprim-nir",
            "line 8",
            "the number is 15 digits in one piece, or nothing",
            Weight.OURS if split else Weight.ADVICE,
        )
    for number, who in ((11, "the sender"), (12, "the recipient")):
        line = head[number - 1]
        if not line.strip():
            yield Fault("hprim-party", f"line {number}", f"{who} is empty: the header shifts")
        elif not re.fullmatch(r"(?:[A-Za-z][A-Za-z0-9]{0,9}|\.) *(?<=^.{10}) \S.*", line):
            yield Fault(
                "hprim-columns",
                f"line {number}",
                f"{who} is a code in ten columns (or a point), a blank, and a name",
                Weight.OURS,
            )


def _body(lines: list[str]) -> Iterator[Fault]:
    """a.7, 1 and 7."""
    if len(lines) > HEADER_LINES and lines[HEADER_LINES].strip():
        yield Fault(
            "hprim-blank", "line 13", "line 13 is not empty: one reader drops it", Weight.OURS
        )
    for number, line in enumerate(lines[HEADER_LINES:], HEADER_LINES + 1):
        bare = line.strip()
        if bare in (FIN, END):
            if line != bare:
                yield Fault("hprim-mark-blank", f"line {number}", "blanks around a mark")
            continue
        if bare == LAB:
            yield Fault("hprim-lab", f"line {number}", "a part for machines", Weight.ADVICE)
            return
        if len(line) > _HARD_WIDTH:
            yield Fault("hprim-long", f"line {number}", f"longer than {_HARD_WIDTH} characters")
        elif len(line) > _WIDTH:
            yield Fault(
                "hprim-wide", f"line {number}", f"wider than {_WIDTH} characters", Weight.OURS
            )
        if "****" in line:
            yield Fault("hprim-stars", f"line {number}", "four stars, which open a mark")
        if line.startswith(("RES|", "TEX|")):
            yield Fault("hprim-res", f"line {number}", "a line that readers take for a result")
