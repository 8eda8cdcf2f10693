"""A whole mail: its headers, its parts, and each part by the rules of what it holds.

Source  Référentiel MSSanté #2 (ECO.2.1.1 to 2.4.3); RFC 5322, 2045, 2047, 8098. Parts are told by
their bytes. Sizes, number of parts and nesting are bounded.
"""

import binascii
import quopri
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime
from typing import Final

from engine.model.letter import LEAFLET_NAME
from engine.verify import hprim, pdf, xdm
from engine.verify.cda_header import INS_ROOTS
from engine.verify.report import Fault, Weight
from engine.verify.rules import V3
from engine.verify.xdm import Submission
from engine.verify.xml import Element

MOST_BYTES: Final = 60 * 1024 * 1024
MOST_PARTS: Final = 50
MOST_DEPTH: Final = 5
MOST_HEAD: Final = 256 * 1024
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_BASE64: Final = string.ascii_letters.encode() + b"0123456789+/=\r\n\t "
_SUBJECT: Final = re.compile(r"XDM/1\.0/DDM\+\S.*")
_PDF_NAME: Final = re.compile(r"[0-9]{8}_[^_]{1,40}(?:_[^_]+){0,3}\.pdf", re.IGNORECASE)
_CHARSETS: Final = frozenset(
    {"us-ascii", "utf-8", "iso-8859-1", "iso-8859-15", "windows-1252", "utf8", "latin1", "ascii"}
)
_C: Final = f"{{{V3}}}"


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf of the tree: its place ("part 2"), its type, its bytes with the encoding undone."""

    place: str
    kind: str
    charset: str
    name: str = field(repr=False)
    content: bytes = field(repr=False)


def judge(data: bytes, other: Callable[[bytes], list[Fault] | None]) -> list[Fault]:
    """Every fault of a mail. ``other`` judges bytes of other kinds; None: it knows them not."""
    if len(data) > MOST_BYTES:
        return [Fault("mail-size", "", f"larger than {MOST_BYTES // 1024 // 1024} MB")]
    faults: list[Fault] = []
    parts: list[Part] = []
    message = _open(data, "", 0, parts, faults)
    faults += _lines(data)
    if message is None:
        return faults
    faults += _head(message)
    submissions = []
    for part in parts:
        if part.content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            submission = xdm.read(part.content)
            submissions.append(submission)
            faults += (one.within(part.place) for one in submission.faults)
    known = set().union(*(one.files for one in submissions))
    for part in parts:
        faults += (one.within(part.place) for one in _part(part, known, other))
    faults += _submission(message, parts, submissions, known)
    return faults


def _open(
    data: bytes, place: str, depth: int, parts: list[Part], faults: list[Fault]
) -> Message | None:
    """Walk the tree; give the head of the outermost message."""
    found = _BLANK_LINE.search(data, 0, MOST_HEAD)
    if found is None and len(data) > MOST_HEAD:
        faults.append(Fault("mail-head", place, "a head larger than any mail's"))
        return None
    head, body = (data, b"") if found is None else (data[: found.end()], data[found.end() :])
    message = BytesHeaderParser().parsebytes(head)
    kind = message.get_content_type()
    if depth > MOST_DEPTH or len(parts) >= MOST_PARTS:
        faults.append(
            Fault("mail-parts", place, f"more than {MOST_PARTS} parts, or nested too deep")
        )
        return message
    if kind.startswith("multipart/"):
        boundary = message.get_boundary()
        if not boundary:
            faults.append(Fault("mail-boundary", place, "a multipart without a boundary"))
            return message
        pieces, closed = _split(body, boundary)
        if not closed or not pieces:
            faults.append(Fault("mail-cut", place, "the last part is not closed: the mail is cut"))
        for number, piece in enumerate(pieces, 1):
            name = f"{place}.{number}" if place else f"part {number}"
            _open(piece, name, depth + 1, parts, faults)
        return message
    content = _decoded(message, body, place, faults)
    if kind == "message/rfc822":
        _open(content, f"{place or 'body'} (mail)", depth + 1, parts, faults)
        return message
    charset = (message.get_content_charset() or "").lower()
    name = message.get_filename() or ""
    parts.append(Part(place or "body", kind, charset, str(name), content))
    return message


def _split(body: bytes, boundary: str) -> tuple[list[bytes], bool]:
    """The parts between the lines of a boundary, and whether the last line closes them."""
    mark = b"--" + boundary.encode("ascii", "replace")
    pieces: list[bytes] = []
    start, at = -1, body.find(mark)
    while at >= 0 and len(pieces) <= MOST_PARTS:
        end = at + len(mark)
        last = body.startswith(b"--", end)
        rest = body[end + 2 * last : end + 2 * last + 100].split(b"\n", 1)[0]
        if (at == 0 or body[at - 1 : at] == b"\n") and not rest.strip():
            if start >= 0:
                piece = body[start : max(start, at - 1)]
                pieces.append(piece.removesuffix(b"\r"))
            if last:
                return pieces, True
            start = body.find(b"\n", end) + 1 or len(body)
        at = body.find(mark, end)
    return pieces, False


def _decoded(message: Message, body: bytes, place: str, faults: list[Fault]) -> bytes:
    coding = str(message.get("Content-Transfer-Encoding", "7bit")).strip().lower()
    match coding:
        case "base64":
            try:
                if body.translate(None, _BASE64):
                    raise binascii.Error
                return binascii.a2b_base64(body)
            except binascii.Error:
                faults.append(Fault("mail-base64", place, "not Base64, as it says it is"))
                return b""
        case "quoted-printable":
            return quopri.decodestring(body)
        case "7bit" | "8bit" | "binary":
            if coding == "7bit" and not body.isascii():
                faults.append(
                    Fault("mail-7bit", place, "eight-bit bytes under 7bit: a relay may break them")
                )
            return body
        case _:
            faults.append(Fault("mail-encoding", place, "a transfer encoding that nobody knows"))
            return body


def _lines(data: bytes) -> Iterator[Fault]:
    if max(map(len, data.split(b"\n"))) > 999:
        yield Fault("mail-line", "", "a line of more than 998 bytes (RFC 5322, 2.1.1)")
    ends = data.count(b"\r\n")
    if ends != data.count(b"\n") or ends != data.count(b"\r"):
        yield Fault("mail-line-end", "", "a line that does not end in CRLF", Weight.OURS)


def _text(message: Message, name: str) -> str:
    try:
        folded = re.sub(r"[\r\n]+", "", str(message.get(name, "")))
        return str(make_header(decode_header(folded))).strip()
    except (ValueError, LookupError):
        return ""


def _head(message: Message) -> Iterator[Fault]:
    for name in ("From", "To", "Date", "Message-ID", "Subject"):
        count = len(message.get_all(name, []))
        if count == 0:
            yield Fault("mail-header", name, "the header is missing")
        elif count > 1:
            yield Fault("mail-header-twice", name, "the header stands more than once")
    raw = "".join(str(value) for value in message.values())
    if not raw.isascii():
        yield Fault("mail-header-ascii", "headers", "a header is not encoded (RFC 2047)")
    if str(message.get("MIME-Version", "")).strip() != "1.0":
        yield Fault("mail-mime", "MIME-Version", "it is 1.0")
    if (date := message.get("Date")) is not None:
        yield from _date(str(date))
    if not re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", str(message.get("Message-ID", "")).strip()):
        yield Fault("mail-id", "Message-ID", "it is <unique@domain>")
    senders, told = _addresses(message, "From"), _addresses(message, "Disposition-Notification-To")
    if len(senders) != 1 or len(_addresses(message, "To")) != 1:
        yield Fault("mail-addresses", "From, To", "one sender and one recipient", Weight.OURS)
    if told and told != senders:
        yield Fault(
            "mail-receipt",
            "Disposition-Notification-To",
            "it is not the sender: no receipt comes by itself (RFC 8098, 2.1)",
            Weight.OURS,
        )


def _date(told: str) -> Iterator[Fault]:
    try:
        moment = parsedate_to_datetime(told)
    except ValueError:
        yield Fault("mail-date", "Date", "not a date of RFC 5322")
        return
    if moment.tzinfo is None:
        yield Fault("mail-date-zone", "Date", "the zone is not told", Weight.OURS)


def _addresses(message: Message, name: str) -> list[str]:
    pairs = getaddresses([str(value) for value in message.get_all(name, [])])
    return [address.lower() for _, address in pairs if address]


def _part(
    part: Part, known: set[bytes], other: Callable[[bytes], list[Fault] | None]
) -> list[Fault]:
    content = part.content
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return []  # judged before the others
    if content.startswith(b"%PDF-") or part.kind == "application/pdf":
        return [] if content in known else list(pdf.judge(content))
    if part.kind.startswith("text/"):
        if (text := _words(content, part.charset or "us-ascii")) is None:
            return [Fault("mail-charset", "", "the text is not in the character set that it says")]
        if hprim.looks_like(content):
            return list(hprim.judge(content))
        if not text.strip():
            return [Fault("mail-empty", "", "the text is empty", Weight.ADVICE)]
        return []
    if part.kind.startswith("message/"):
        return []  # reports of delivery and of reading
    found = other(content)
    if found is None:
        return [Fault("mail-part", "", "a part of a kind that is not known here", Weight.OURS)]
    return found


def _words(content: bytes, charset: str) -> str | None:
    """The text of a part; None when it is in no character set of letters, or not in its own."""
    try:
        return content.decode(charset) if charset in _CHARSETS else None
    except UnicodeDecodeError:
        return None


def _submission(
    message: Message, parts: list[Part], submissions: list[Submission], known: set[bytes]
) -> Iterator[Fault]:
    """ECO.2.1.1, 2.1.3, 2.1.6, 2.4.1 to 2.4.3."""
    marks = {name: _text(message, name) for name in ("X-MSS-CODECDA", "X-MSS-INS")}
    subject = _text(message, "Subject")
    roots = [root for one in submissions for root in one.documents]
    if not submissions:
        if any(marks.values()) or subject.startswith("XDM/"):
            yield Fault("mss-without", "headers", "it announces an XDM that is not there")
        return
    if len(submissions) > 1:
        yield Fault("mss-one", "", "more than one zip")
    if not _SUBJECT.fullmatch(subject):
        yield Fault("mss-subject", "Subject", "it is XDM/1.0/DDM+<label> <NOM> <prenom>")
    if not _text(message, "X-MSS-NIL"):
        yield Fault("mss-nil", "X-MSS-NIL", "the software's number is missing", Weight.OURS)
    codes = [_code(root) for root in roots]
    if marks["X-MSS-CODECDA"].replace(" ", "").split(",") != codes:
        yield Fault("mss-code", "X-MSS-CODECDA", "not the codes of the documents in the zip")
    qualified = bool(roots) and all(_qualified(root) for root in roots)
    if marks["X-MSS-INS"] != ("O" if qualified else "N"):
        yield Fault("mss-ins", "X-MSS-INS", "O when the documents have a qualified INS, else N")
    pdfs = [part for part in parts if part.content.startswith(b"%PDF-")]
    if len(pdfs) < len(roots):
        yield Fault("mss-pdf", "", "a document has no PDF beside it")
    if not known <= {part.content for part in pdfs}:
        yield Fault("mss-same-pdf", "", "the PDF beside a level 1 document is not the one in it")
    for part in pdfs:
        # The unit's leaflet is no document of the patient's.
        if part.name and part.name != LEAFLET_NAME and not _PDF_NAME.fullmatch(part.name):
            yield Fault(
                "mss-pdf-name",
                part.place,
                "the file's name is <AAAAMMJJ>_<type>_<NOM>_<prenom>.pdf",
                Weight.OURS,
            )


def _code(root: Element) -> str:
    found = root.find(_C + "code")
    return "" if found is None else found.get("code", "")


def _qualified(root: Element) -> bool:
    role = f"{_C}recordTarget/{_C}patientRole/{_C}id"
    return any(one.get("root") in INS_ROOTS for one in root.iterfind(role))
