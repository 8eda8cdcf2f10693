"""Takes a mail of a stranger apart, within bounds: a tree of parts, headers decoded on demand.

Spec    RFC 5322 (headers), 2045 and 2046 (parts), 2047 (words in headers).
The standard library's parser recurses and asks each open boundary about each line: a mail of
256 KiB made of boundaries costs it seconds. Here the work is linear in the size, and a mail that
goes over a bound gives the parts found so far, marked `cut`.
"""

import binascii
import quopri
import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from typing import Final

MOST_PARTS: Final = 64
MOST_DEPTH: Final = 6
MOST_HEADERS: Final = 256
MOST_HEADER: Final = 16 * 1024  # characters of one header, unfolded

_MOST_ENCODED: Final = 2048  # characters: the library's search is quadratic
_MOST_PARAMETERS: Final = 1024  # the same of ours

# Parts that are a mail, or the headers of one (RFC 6522, RFC 6532).
MAILS: Final = frozenset(
    {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"}
)

_FIELD: Final = re.compile(rb"([!-9;-~]{1,80})[ \t]*:(.*)", re.DOTALL)
_NAME: Final = r"[^\s()<>@,;:\\\"/\[\]?=]+"
_TYPE: Final = re.compile(rf"\s*({_NAME})/({_NAME})", re.ASCII)
_PARAMETER: Final = re.compile(rf';\s*({_NAME})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))', re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its headers as they stand, its body as it travelled.

    ``children`` are those of a multipart, or the one mail inside a part of MAILS.
    """

    headers: tuple[tuple[str, str], ...]  # names in lower case; values unfolded, not decoded
    body: bytes
    kind: str = "text/plain"  # type/subtype, in lower case
    children: tuple["Part", ...] = ()
    cut: bool = False  # a bound was met: something is missing

    def first(self, name: str) -> str:
        """The first header of that name, RFC 2047 undone; "" when there is none."""
        for known, value in self.headers:
            if known == name:
                return decoded(value)
        return ""

    def parameter(self, name: str) -> str:
        """A parameter of Content-Type, in lower case."""
        return _parameters(self.first("content-type")).get(name, "").lower()

    def content(self, most: int = 64 * 1024) -> bytes:
        """The body, its transfer encoding undone, of the first `most` bytes of it."""
        raw = self.body[:most]
        match self.first("content-transfer-encoding").strip().lower():
            case "base64":
                whole = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
                return binascii.a2b_base64(whole[: len(whole) // 4 * 4])
            case "quoted-printable":
                return quopri.decodestring(raw)
            case _:
                return raw

    def text(self, most: int = 64 * 1024) -> str:
        """The content as text. Never fails: what cannot be read becomes U+FFFD."""
        charset = self.parameter("charset") or "utf-8"
        data = self.content(most)
        try:
            return data.decode(charset, "replace")
        except (LookupError, ValueError, UnicodeError):
            return data.decode("utf-8", "replace")

    def walk(self) -> "list[Part]":
        """This part and all below it, in the order of the mail."""
        found: list[Part] = []
        rest = [self]
        while rest:
            one = rest.pop()
            found.append(one)
            rest.extend(reversed(one.children))
        return found


def read(raw: bytes) -> Part:
    """Take a mail apart. Total: any bytes give a part."""
    return _Reader().part(raw, 0)


def decoded(value: str) -> str:
    """RFC 2047 words undone; a word that cannot be read stays as it is."""
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value[:_MOST_ENCODED])
        return "".join(
            piece if isinstance(piece, str) else piece.decode(charset or "latin-1", "replace")
            for piece, charset in pieces
        )
    except (LookupError, ValueError, HeaderParseError):
        return value


def fields(block: bytes) -> tuple[tuple[str, str], ...]:
    """The fields of a header block, unfolded; a line that is none is left out (RFC 5322 2.2)."""
    found: list[tuple[str, str]] = []
    name, pieces, size = "", [], 0
    for line in [*block.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"), b"x:"]:
        if line[:1] in (b" ", b"\t"):
            size += len(line)
            if name and size <= MOST_HEADER:
                pieces.append(line)
            continue
        if name:
            found.append((name, b"".join(pieces).decode("utf-8", "replace").strip()))
            if len(found) >= MOST_HEADERS:
                break
        matched = _FIELD.fullmatch(line)
        name = matched[1].decode("ascii").lower() if matched else ""
        pieces = [matched[2][:MOST_HEADER]] if matched else []
        size = len(line)
    return tuple(found)


class _Reader:
    """Counts the parts of one mail, however they are nested."""

    def __init__(self) -> None:
        self._parts = 0

    def part(self, raw: bytes, depth: int) -> Part:
        self._parts += 1
        head, body = _split(raw)
        headers = fields(head)
        told = next((value for name, value in headers if name == "content-type"), "")
        matched = _TYPE.match(told)
        kind = f"{matched[1]}/{matched[2]}".lower() if matched else "text/plain"
        plain = Part(headers, body, kind)
        mail = kind in MAILS
        if not mail and not kind.startswith("multipart/"):
            return plain
        if depth >= MOST_DEPTH:
            return Part(headers, body, kind, cut=True)
        if mail:
            # RFC 2046 section 5.2.1 allows no Base64 here; some gateways do it all the same.
            inner = plain.content(len(body))
            return Part(headers, body, kind, (self.part(inner, depth + 1),))
        boundary = _parameters(told).get("boundary", "")
        if not boundary or len(boundary) > 200:
            return Part(headers, body, kind, cut=True)
        children: list[Part] = []
        cut = False
        for piece in _pieces(body, boundary.encode("utf-8")):
            if self._parts >= MOST_PARTS:
                cut = True
                break
            children.append(self.part(piece, depth + 1))
        return Part(headers, body, kind, tuple(children), cut or not children)


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Headers and body. A part that begins with an empty line has no headers."""
    if raw[:2] == b"\r\n":
        return b"", raw[2:]
    if raw[:1] == b"\n":
        return b"", raw[1:]
    ends = [(raw.find(mark), len(mark)) for mark in (b"\r\n\r\n", b"\n\n", b"\r\r")]
    place, size = min(((at, n) for at, n in ends if at >= 0), default=(len(raw), 0))
    return raw[:place], raw[place + size :]


def _pieces(body: bytes, boundary: bytes) -> list[bytes]:
    """What lies between the delimiters; the last piece may lack its end (RFC 2046 5.1.1)."""
    mark = re.compile(rb"(?:^|\r\n|\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    found: list[bytes] = []
    start = -1
    for one in mark.finditer(body):
        if start >= 0:
            found.append(body[start : one.start()])
            if len(found) > MOST_PARTS:
                return found
        start = one.end()
        if one[1]:
            return found
        start += 2 if body[start : start + 2] == b"\r\n" else 1
    if 0 <= start < len(body):
        found.append(body[start:])
    return found


def _parameters(value: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in _PARAMETER.finditer(value[:_MOST_PARAMETERS]):
        text = one[3] if one[2] is None else re.sub(r"\\(.)", r"\1", one[2])
        found.setdefault(one[1].lower(), text)
    return found
