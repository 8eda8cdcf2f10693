"""The head of a mail or of a part: lines unfolded, encoded words and parameters undone.

Source  RFC 5322 section 2.2.3 (folding), RFC 2047 (encoded words), RFC 2231 (parameters).
"""

import binascii
import quopri
import re
from typing import Final

from engine.privacy.pieces import decoded

MOST_HEAD: Final = 256 * 1024
_LINE: Final = re.compile(rb"([!-9;-~]{1,80})[ \t]*:(.*)", re.DOTALL)
_ENCODED: Final = re.compile(r"=\?([A-Za-z0-9_.:-]+)(?:\*[A-Za-z-]+)?\?([bBqQ])\?([^?]*)\?=")
_BETWEEN: Final = re.compile(r"(?<=\?=)[ \t\r\n]+(?==\?)")
_EXTENDED: Final = re.compile(
    r"([A-Za-z0-9_-]{1,30})\*(?:([0-9]{1,3})\*?)?=(\"(?:[^\"\\]|\\.)*\"|[^;\s]*)"
)
# The number of a delivery (base 32 of a digest) before the @ of its Message-ID. Its letters fell by
# chance: any three of them stand in one of a thousand. One without a digit may be words.
_NUMBER: Final = re.compile(r"<(?=[a-z]{0,25}[2-7])[a-z2-7]{26}(?=@)")
_OF_MAILS: Final = frozenset(["message-id", "in-reply-to", "references"])
_SHOWN: Final = frozenset(
    [
        "from",
        "to",
        "cc",
        "bcc",
        "reply-to",
        "sender",
        "subject",
        "date",
        "message-id",
        "in-reply-to",
        "references",
        "mime-version",
        "content-type",
        "content-disposition",
        "content-transfer-encoding",
        "content-description",
        "content-id",
        "content-location",
        "disposition-notification-to",
        "return-receipt-to",
        "x-mss-nil",
        "x-mss-codecda",
        "x-mss-ins",
        "x-mss-mes",
        "comments",
        "keywords",
        "organization",
        "x-mailer",
        "user-agent",
    ]
)


def head_end(data: bytes) -> int | None:
    """Where the head ends and the body begins; None: there is no blank line."""
    if data.startswith((b"\r\n", b"\n")):
        return data.index(b"\n") + 1
    found = re.compile(rb"\r?\n[ \t]*\r?\n").search(data, 0, MOST_HEAD)
    return found.end() if found else None


def headers(head: bytes) -> list[tuple[str, str]]:
    """For each header, what to call its place, and everything that it says."""
    rows: list[bytes] = []
    for line in head.replace(b"\r", b"").split(b"\n"):
        if line[:1] in (b" ", b"\t") and rows:
            rows[-1] += b"\n" + line
        elif line:
            rows.append(line)
    told = []
    for number, row in enumerate(rows, 1):
        found = _LINE.match(row)
        name = found[1].decode("ascii") if found else ""
        place = f"header {name}" if name.lower() in _SHOWN else f"header number {number}"
        for raw in decoded(found[2] if found else row, ""):
            text = said(_NUMBER.sub("<", raw) if name.lower() in _OF_MAILS else raw)
            told.append((place, f"{name if place.startswith('header number') else ''} {text}"))
    return told


def said(raw: str) -> str:
    """A header's value as written and as shown: both are searched."""
    shown = [_ENCODED.sub(" ", raw)]
    if "=?" in raw:
        shown.append(_words_undone(_BETWEEN.sub("", raw)))
    if "*" in raw:
        shown += _parameters(raw)
    return "\n\n".join(shown)


def _words_undone(raw: str) -> str:
    """Encoded words side by side in one character set are joined as bytes: a letter may lie in
    both."""
    out: list[str] = []
    at, charset, held = 0, "", b""
    for found in _ENCODED.finditer(raw):
        if held and (found.start() > at or found[1].lower() != charset):
            out.append(_text(held, charset))
            held = b""
        out.append(raw[at : found.start()])
        charset, at = found[1].lower(), found.end()
        if found[2] in "bB":
            held += _base64(found[3])
        else:
            told = found[3].replace("_", " ").encode("latin-1", "replace")
            held += quopri.decodestring(told)
    out += [_text(held, charset), raw[at:]]
    return "".join(out)


def _base64(text: str) -> bytes:
    clean = re.sub(r"[^A-Za-z0-9+/]", "", text)
    clean = clean[: len(clean) - (len(clean) % 4 == 1)]
    try:
        return binascii.a2b_base64(clean + "=" * (-len(clean) % 4))
    except binascii.Error:
        return b""


def _text(raw: bytes, charset: str) -> str:
    try:
        return "\n".join(decoded(raw, charset))
    except LookupError:
        return "\n".join(decoded(raw, ""))


def _parameters(raw: str) -> list[str]:
    parts: dict[str, list[tuple[int, str]]] = {}
    for found in _EXTENDED.finditer(raw):
        value = found[3].strip('"')
        parts.setdefault(found[1].lower(), []).append((int(found[2] or 0), value))
    told = []
    for pieces in parts.values():
        whole = "".join(value for _, value in sorted(pieces))
        charset, mark, rest = whole.partition("'")
        if mark:
            rest = rest.partition("'")[2]
        else:
            charset, rest = "", whole
        raw_bytes = re.sub(
            rb"%([0-9A-Fa-f]{2})",
            lambda m: bytes([int(m[1], 16)]),
            rest.encode("utf-8", "replace"),
        )
        told.append(_text(raw_bytes, charset.lower()))
    return told
