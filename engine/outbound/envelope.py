"""The SMTP envelope of one delivery, and its body as it travels. No socket here.

Specs: RFC 5321 (SMTP), 1870 (SIZE), 3461 (DSN), 6152 (8BITMIME), 6531 and 6533 (SMTPUTF8).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from engine.model.flow import Cause, Delivery, Outcome, Rejected

CHUNK: Final = 64 * 1024  # bytes handled in one go: about 1 ms of work, so the loop stays lively

# One "@", and nothing that could end the path, the command or the line (RFC 5321 section 4.1.2).
# Quoted local parts are refused: no mailbox of a secure mail directory has one.
_ADDRESS: Final = re.compile(
    r"[^\s<>@\"\\,;:()\[\]\x00-\x20\x7f]{1,64}@[^\s<>@\x00-\x20\x7f]{1,255}"
)

_BARE_END: Final = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a relay's EHLO offers, of what we use."""

    dsn: bool = False
    eight_bit: bool = False
    utf8: bool = False
    size_limit: int | None = None  # bytes; None: not said, or no fixed limit

    @classmethod
    def of(cls, extensions: Mapping[str, str]) -> "Offer":
        """From the keywords of EHLO, in lower case, with their parameters."""
        size = extensions.get("size", "").strip()
        limit = int(size) if size.isascii() and size.isdigit() and len(size) < 20 else 0
        return cls(
            dsn="dsn" in extensions,
            eight_bit="8bitmime" in extensions,
            utf8="smtputf8" in extensions,
            size_limit=limit or None,  # RFC 1870 section 4: 0 means no fixed limit
        )


@dataclass(frozen=True, slots=True)
class Envelope:
    """The words of MAIL and RCPT, ready to be sent."""

    mail: tuple[bytes, ...]
    rcpt: tuple[bytes, ...]


def envelope(delivery: Delivery, mime: bytes, offer: Offer) -> Envelope | Outcome:
    """MAIL and RCPT for this mail at this relay, or why it cannot go there as it is."""
    for address, cause, status in (
        (delivery.sender, Cause.INTERNAL, "5.1.7"),
        (delivery.address, Cause.MAILBOX, "5.1.3"),
    ):
        if _ADDRESS.fullmatch(address) is None:
            return Rejected(cause, None, status)
    if offer.size_limit is not None and len(mime) > offer.size_limit:
        return Rejected(Cause.SIZE, None, "5.3.4")
    addresses_utf8 = not (delivery.sender.isascii() and delivery.address.isascii())
    utf8 = addresses_utf8 or not mime.partition(b"\r\n\r\n")[0].isascii()
    if utf8 and not offer.utf8:
        return Rejected(Cause.MAILBOX if addresses_utf8 else Cause.INTERNAL, None, "5.6.7")
    eight_bit = not mime.isascii()
    if eight_bit and not (offer.eight_bit or offer.utf8):
        return Rejected(Cause.INTERNAL, None, "5.6.3")  # converting would alter signed evidence

    mail = [b"MAIL", b"FROM:<" + delivery.sender.encode() + b">"]
    rcpt = [b"RCPT", b"TO:<" + delivery.address.encode() + b">"]
    if offer.size_limit is not None:
        mail.append(b"SIZE=%d" % len(mime))
    if eight_bit and offer.eight_bit:
        mail.append(b"BODY=8BITMIME")
    if utf8:
        mail.append(b"SMTPUTF8")
    if offer.dsn:
        # Headers only: a report must not carry the letter back. The ENVID comes back as
        # Original-Envelope-Id and ties the report to its delivery (RFC 3461 sections 4.3, 4.4).
        mail += [b"RET=HDRS", b"ENVID=" + xtext(delivery.id)]
        rcpt += [b"NOTIFY=SUCCESS,FAILURE,DELAY", b"ORCPT=" + original_recipient(delivery.address)]
    return Envelope(tuple(mail), tuple(rcpt))


def plain_address(address: str) -> bool:
    """Whether it is one address, without quoting, that can end no command and no line."""
    return _ADDRESS.fullmatch(address) is not None


def xtext(text: str) -> bytes:
    """RFC 3461 section 4: printable ASCII but "+" and "="; any other octet as +HH."""
    return b"".join(
        bytes((octet,)) if 33 <= octet <= 126 and octet not in b"+=" else b"+%02X" % octet
        for octet in text.encode()
    )


def original_recipient(address: str) -> bytes:
    """The value of ORCPT: rfc822, or utf-8 with \\x{…} escapes (RFC 6533 section 3)."""
    if address.isascii():
        return b"rfc822;" + xtext(address)
    escaped = "".join(
        char if "!" <= char <= "~" and char not in "+=\\" else f"\\x{{{ord(char):02X}}}"
        for char in address
    )
    return b"utf-8;" + escaped.encode()


def transmitted(mime: bytes) -> Iterator[bytes]:
    """The body as it travels, in pieces, without the final dot.

    Lines end in CRLF, the last one too; a line that begins with a dot gets another (RFC 5321
    section 4.5.2). Each piece costs about a millisecond at most, so that a large letter never
    holds up the event loop: one pass over 9 MB with a regular expression takes 150 ms.
    """
    at_line_start = True
    position = 0
    while position < len(mime):
        end = min(position + CHUNK, len(mime))
        if mime[end - 1 : end] == b"\r" and mime[end : end + 1] == b"\n":
            end += 1  # never between CR and LF
        piece = mime[position:end]
        position = end
        ends = piece.count(b"\r\n")
        if piece.count(b"\n") != ends or piece.count(b"\r") != ends:
            piece = _BARE_END.sub(b"\r\n", piece)
        if at_line_start and piece.startswith(b"."):
            piece = b"." + piece
        at_line_start = piece.endswith(b"\n")
        yield piece.replace(b"\r\n.", b"\r\n..")
    if not at_line_start:
        yield b"\r\n"
