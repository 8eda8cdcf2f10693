"""From the bytes of a mail to every text in it: parts, zips, documents inside documents.

What can go wrong
    A part may be encrypted, of an unknown kind, a bomb, or nested without end. Whatever cannot be
    read to its end is told as unreadable, which holds the letter as a leak would.

Source  RFC 2045, 2046 (a mail's parts), PKWARE APPNOTE (by way of verify.archive), IHE ITI XDM.
"""

import binascii
import hashlib
import quopri
import re
import struct
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Final

from engine.privacy import markup, pdf_text
from engine.privacy.headers import MOST_HEAD, head_end, headers
from engine.privacy.pieces import Budget, decoded
from engine.verify import archive
from engine.verify.xml import XmlError, parse

MOST_PARTS: Final = 100
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_WORDS: Final = re.compile(rb"[\x20-\x7e\x80-\xff]{8,}")
_LINE_END: Final = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")
_PLAIN_NAME: Final = re.compile(
    r"INDEX\.HTM|README\.TXT|IHE_XDM/?|IHE_XDM/SUBSET[0-9]{2}/?"
    r"|IHE_XDM/SUBSET[0-9]{2}/(?:METADATA\.XML|DOC[0-9]{4,5}\.(?:XML|PDF)|[A-Z]{3,6}\.XSL)"
)


def unpack(mime: bytes) -> Budget:
    """Every piece of text of a mail, and what of it cannot be read. Total: it never raises."""
    budget = Budget()
    _mail(mime, "", 0, budget)
    return budget


def _mail(data: bytes, place: str, depth: int, budget: Budget) -> None:
    if not budget.opens(place or "mail", len(data), depth):
        return
    end = head_end(data)
    if end is None:
        if len(data) > MOST_HEAD:
            budget.unreadable(place or "mail")
            return
        end = len(data)
    head, body = data[:end], data[end:]
    budget.add_segments(place, headers(head))
    message = BytesHeaderParser().parsebytes(head)
    kind = message.get_content_type()
    boundary = message.get_boundary()
    if kind.startswith("multipart/") and boundary:
        outside, parts = _split(body, boundary)
        budget.add(_at(place, "outside the parts"), "\n\n".join(decoded(outside, "")))
        for number, part in enumerate(parts, 1):
            _mail(part, f"{place}.{number}" if place else f"part {number}", depth + 1, budget)
        if len(parts) >= MOST_PARTS:
            budget.unreadable(_at(place, "further parts"))
        return
    here = place or "body"
    content = _undone(message, body)
    if content is None:
        budget.unreadable(here)
        return
    if kind in ("message/rfc822", "message/global"):
        _mail(content, f"{here} (mail)", depth + 1, budget)
        return
    _file(content, here, kind, _charset(message), depth, budget)


def _charset(message: Message) -> str:
    try:
        return (message.get_content_charset() or "").lower()
    except (LookupError, ValueError, UnicodeError):
        return "unknown"


def _at(place: str, inner: str) -> str:
    return f"{place} > {inner}" if place else inner


def _split(body: bytes, boundary: str) -> tuple[bytes, list[bytes]]:
    """What lies before the first part and behind the last, and the parts."""
    mark = b"--" + boundary.encode("ascii", "replace")
    outside, start, at = b"", -1, body.find(mark)
    parts: list[bytes] = []
    while at >= 0 and len(parts) < MOST_PARTS:
        line = _LINE_END.match(body, at + len(mark))
        if line is not None and (at == 0 or body[at - 1 : at] == b"\n"):
            if start < 0:
                outside += body[:at]
            else:
                parts.append(body[start:at])
            start = line.end()
            if line[1]:
                return outside + b"\n" + body[start:], parts
        at = body.find(mark, at + len(mark))
    if start < 0:
        return body, []
    return outside, [*parts, body[start:]]


def _undone(message: Message, body: bytes) -> bytes | None:
    """The bytes of a part; None when the encoding is not known or does not hold."""
    coding = str(message.get("Content-Transfer-Encoding", "7bit")).strip().lower()
    match coding:
        case "base64":
            packed = body.translate(None, b"\r\n\t ").rstrip(b"=")
            try:
                return binascii.a2b_base64(packed + b"=" * (-len(packed) % 4), strict_mode=True)
            except binascii.Error:
                return None
        case "quoted-printable":
            return quopri.decodestring(body)
        case "7bit" | "8bit" | "binary" | "":
            return body
        case _:
            return None


def _file(
    data: bytes, place: str, kind: str, charset: str, depth: int, budget: Budget, file: str = ""
) -> None:
    """One file, told by its bytes."""
    if budget.seen(data):
        return  # the PDF beside a level 1 document is the one in it
    if data.startswith(_ZIP):
        _zip(data, place, depth, budget)
        return
    if b"%PDF-" in data[:1024]:
        digest = file or hashlib.sha256(data).hexdigest()
        for inner, held in pdf_text.read(data, place, budget, digest):
            if budget.opens(inner, len(held), depth + 1):
                _file(held, inner, "", "", depth + 1, budget, digest)
        return
    body = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if kind.startswith("image/") or (_CONTROL.search(data) and not _wide(data, charset)):
        budget.unreadable(place)
        return
    if body.startswith(b"{\\rtf"):
        budget.unreadable(place)
        return
    if body.startswith(b"<"):
        _marked_up(data, place, charset, depth, budget, file)
        return
    try:
        readings = decoded(data, charset)
    except LookupError:
        budget.unreadable(place)
        return
    for text in readings:
        budget.add(place, text, file=file)
        if kind == "text/html":
            budget.add_segments(place, markup.html_segments(text), file)


def _wide(data: bytes, charset: str) -> bool:
    return data[:2] in (b"\xff\xfe", b"\xfe\xff") or charset.startswith(("utf-16", "utf-32"))


def _marked_up(
    data: bytes, place: str, charset: str, depth: int, budget: Budget, file: str
) -> None:
    """XML by its elements; what is no XML, or has a document type, as HTML is read."""
    try:
        root = parse(data)
    except XmlError as error:
        if error.rule != "xml-doctype":
            budget.unreadable(place)
        try:
            readings = decoded(data, charset)
        except LookupError:
            budget.unreadable(place)
            return
        for text in readings:
            budget.add_segments(place, markup.html_segments(text), file)
        return
    text, inner, held = markup.xml_text(root)
    budget.add(place, text, inner, file)
    for where, packed in held:
        here = _at(place, where)
        if budget.opens(here, len(packed), depth + 1):
            _file(packed, here, "", "", depth + 1, budget, file)


def _zip(data: bytes, place: str, depth: int, budget: Budget) -> None:
    try:
        entries = archive.entries(data)
        if any(True for _ in archive.judge(data, entries)):
            budget.unreadable(place)
            return
        names = [(_named(place, one), one.name) for one in entries]
        budget.add_segments("", names)
        budget.add(_at(place, "comments"), _comments(data))
        for one in entries:
            here = _named(place, one)
            if one.name.endswith("/") and not one.size:
                continue
            if budget.opens(here, one.size, depth + 1):
                _file(archive.unpack(data, one), here, "", "", depth + 1, budget)
    except archive.ZipError:
        budget.unreadable(place)


def _named(place: str, one: archive.Entry) -> str:
    plain = _PLAIN_NAME.fullmatch(one.name.upper()) and one.name.isupper()
    return _at(place, one.name if plain else f"entry {one.number}")


def _comments(data: bytes) -> str:
    """An archive's own comment, and the names, extra fields and comments of its directory.

    Not the sums and places of the files: they read as anything. Wants an archive that
    `archive.entries` has read to its end.
    """
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - 66_000))
    count, _, at = struct.unpack_from("<H2I", data, end + 10)
    told = [data[end + 22 :]]
    for _ in range(count):
        at, lengths = at + 46, struct.unpack_from("<3H", data, at + 28)
        for length in lengths:
            told.append(data[at : at + length])
            at += length
    return "\n".join(one.decode("latin-1") for row in told for one in _WORDS.findall(row))
