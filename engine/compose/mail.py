"""The mail: headers, words, parts. Lines end in CRLF and hold at most 998 octets.

Source  Référentiel MSSanté #2 (ECO.2.1.3 subject, 2.1.6 file name, 2.2.x and 2.4.x headers);
RFC 5322, 2045, 2231, 8098. The multipart is joined by hand: EmailMessage.as_bytes() walks every
line of a body that is base64 already, 192 ms for 9 MB.
"""

import binascii
import hashlib
import quopri
import re
import textwrap
from dataclasses import dataclass
from email.headerregistry import Address
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache
from typing import Final, Literal
from urllib.parse import quote

from engine.compose.envelope_page import EnvelopePage
from engine.compose.faults import AddressError, SizeError
from engine.compose.identity import birth_date, doctor_name, shown_ins
from engine.compose.shop import Shop
from engine.compose.text import clean_line, mail_word
from engine.model.letter import LEAFLET_NAME, Letter
from engine.model.value import Value

LABEL_LENGTH: Final = 40
NAME_LENGTH: Final = 80
ZIP_NAME: Final = "IHE_XDM.ZIP"

# A mailbox as RFC 5321 has it, without quoted local parts: MSSanté and Apicrypt use none.
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_MESSAGE_ID: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")


class ChannelFace(Value):
    """What a mail shows of the channel that it takes, and to whom it goes."""

    format: Literal["xdm", "hprim", "paper"]
    sender: str
    sender_name: str
    nil: str
    address: str
    message_id: str
    max_size: int
    envelope: EnvelopePage | None = None  # of the format "paper"


@dataclass(frozen=True, slots=True)
class Renderings:
    """The forms of one letter that a mail may carry; ``xdm`` or ``hprim`` is there, by format. On
    paper, ``pdf`` begins with the address page, and there is nothing else."""

    mail_text: str
    pdf: bytes
    xdm: bytes = b""
    hprim: bytes = b""
    leaflet: bytes = b""  # a PDF on the unit; empty: none


def build(letter: Letter, made: Renderings, shop: Shop, face: ChannelFace) -> bytes:
    """Build the mail of a clean letter. Same arguments, same bytes.

    Raises AddressError for an address or an identifier that could break a header, SizeError when
    the mail exceeds ``face.max_size``.
    """
    if face.format == "xdm":
        parts = [
            _text_part(made.mail_text.replace("\n", "\r\n").encode(), "UTF-8"),
            _file_part(made.xdm, "application/zip", ZIP_NAME),
            _file_part(made.pdf, "application/pdf", pdf_name(letter, shop)),
        ]
    elif face.format == "paper":
        parts = [_file_part(made.pdf, "application/pdf", f"{_token(letter.delivery)}.pdf")]
    else:
        # Apicrypt readers want the HPRIM header on the first lines of the body itself.
        parts = [
            _text_part(made.hprim, "ISO-8859-1"),
            _file_part(made.pdf, "application/pdf", f"{_token(letter.delivery)}.pdf"),
        ]
    if made.leaflet and face.format != "paper":
        parts.append(_file_part(made.leaflet, "application/pdf", LEAFLET_NAME))
    boundary = _boundary(letter.delivery)
    headers = [
        *_addresses(letter, face),
        *_thread(letter, shop, face),
        *_marks(letter, shop, face),
        "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed; boundary="{boundary}"',
    ]
    mark = f"--{boundary}".encode("ascii")
    mail = b"".join(
        (
            "\r\n".join(headers).encode("ascii"),
            b"\r\n\r\n",
            *(mark + b"\r\n" + part + b"\r\n" for part in parts),
            mark + b"--\r\n",
        )
    )
    if len(mail) > face.max_size:
        raise SizeError(
            letter,
            what=f"The mail has {len(mail)} bytes; its channel takes {face.max_size}.",
            remedy="raise max_size if the operator allows it, or have the unit send the "
            "documents by its own mailbox",
        )
    return mail


def subject(letter: Letter, shop: Shop) -> str:
    """``XDM/1.0/DDM+<label> <NOM> <prenom> <DD/MM/YYYY>``, no diacritics (ECO.2.1.3)."""
    label = mail_word(shop.patterns[letter.kind].sheet.type.display[:LABEL_LENGTH])
    born = birth_date(letter)
    day = born.short if born.whole else ""
    return "XDM/1.0/DDM+" + " ".join(word for word in (label, *_names(letter), day) if word)


def pdf_name(letter: Letter, shop: Shop) -> str:
    """``<AAAAMMJJ>_<type>_<NOM>_<prenom>.pdf`` (ECO.2.1.6); the day the care began."""
    day = f"{letter.arrived_at.astimezone(shop.zone):%Y%m%d}"
    label = mail_word(shop.patterns[letter.kind].sheet.type.display[:LABEL_LENGTH])
    return "_".join(word for word in (day, label, *_names(letter)) if word) + ".pdf"


def _names(letter: Letter) -> tuple[str, str]:
    """Birth names as subject and file name have them, NOM in capitals."""
    p = letter.patient
    family, given = mail_word(p.birth_family.upper()), mail_word(p.birth_given)
    return family[:NAME_LENGTH].strip(), given[:NAME_LENGTH].strip()


def _addresses(letter: Letter, face: ChannelFace) -> list[str]:
    doctor, sender = _shown(doctor_name(letter.recipient)), _shown(face.sender_name)
    return [
        _mailbox("From", sender, _checked(letter, face.sender)),
        _mailbox("To", doctor, _checked(letter, face.address)),
        _mailbox("Reply-To", "", _checked(letter, letter.unit.secure_address)),
    ]


@lru_cache(maxsize=256)  # few senders and doctors, many letters; no patient is named
def _mailbox(name: str, shown: str, address: str) -> str:
    return _header(name, Address(shown, addr_spec=address))


def _shown(name: str) -> str:
    """A display name. No-break spaces become plain ones: the library would end an encoded word in
    the middle of a name, against RFC 2047, section 5."""
    return clean_line(name.replace("\xa0", " ").replace("\u202f", " "))


def _thread(letter: Letter, shop: Shop, face: ChannelFace) -> list[str]:
    lines = [
        f"Date: {format_datetime(letter.issued_at.astimezone(shop.zone))}",
        f"Message-ID: {_message_id(letter, face.message_id)}",
    ]
    if letter.replaces is not None and _may_name(letter, face):
        earlier = _message_id(letter, letter.replaces.message_id)
        lines += [f"In-Reply-To: {earlier}", f"References: {earlier}"]
    return lines


def _may_name(letter: Letter, face: ChannelFace) -> bool:
    """Whether the mail before may be named: its number has the domain of the face it went under."""
    assert letter.replaces is not None
    earlier, now = (
        one.strip("<>").rpartition("@")[2].lower()
        for one in (letter.replaces.message_id, face.message_id)
    )
    return not letter.discreet or earlier == now


def _marks(letter: Letter, shop: Shop, face: ChannelFace) -> list[str]:
    sheet = shop.patterns[letter.kind].sheet
    xdm = face.format == "xdm"
    lines = [
        # Without a patient's name where no rule asks for one.
        _subject(subject(letter, shop) if xdm else sheet.title),
    ]
    if face.format == "paper":
        return lines
    lines += [
        # RFC 8098 section 2.1: the same as the envelope's sender, or no report comes by itself.
        f"Disposition-Notification-To: {_checked(letter, face.sender)}",
    ]
    if xdm:
        lines += [
            f"X-MSS-NIL: {_token(face.nil)}",
            f"X-MSS-CODECDA: {_token(sheet.type.code)}",
            f"X-MSS-INS: {'O' if shown_ins(letter) is not None else 'N'}",
        ]
    return lines


def _header(name: str, value: str | Address) -> str:
    """One header, encoded (RFC 2047) and folded, without its last line end."""
    return str(SMTP.header_factory(name, value).fold(policy=SMTP)).rstrip("\r\n")


def _subject(text: str) -> str:
    if not text.isascii():
        return _header("Subject", text)
    # Folded by hand: the library leaves the first line empty, which some gateways read as none.
    return "\r\n ".join(textwrap.wrap(f"Subject: {text}", 76, break_on_hyphens=False))


def _checked(letter: Letter, address: str) -> str:
    if len(address) > 254 or not _ADDRESS.fullmatch(address):
        raise AddressError(
            letter,
            what="A mailbox of this mail is not an address.",
            remedy="correct the sender, the unit's secure_address or the line of the directory",
        )
    return address


def _message_id(letter: Letter, text: str) -> str:
    bare = text.removeprefix("<").removesuffix(">")
    if len(bare) > 250 or not _MESSAGE_ID.fullmatch(bare):
        raise AddressError(
            letter,
            what="A Message-ID is malformed.",
            remedy="check the domain of the channel's sender",
        )
    return f"<{bare}>"


def _token(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "", text)[:64]


def _boundary(delivery: str) -> str:
    # "=_" stands in no base64 line and in no quoted-printable one (RFC 2045 section 6.7).
    return "=_" + hashlib.sha256(delivery.encode()).hexdigest()[:32]


def _text_part(content: bytes, charset: str) -> bytes:
    # Quoted-printable: seven bits and short lines, whatever relays and gateways lie between.
    encoded = quopri.encodestring(content.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return (
        f"Content-Type: text/plain; charset={charset}\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode("ascii") + encoded


def _file_part(content: bytes, kind: str, name: str) -> bytes:
    plain = re.sub(r'["\\/:*?<>|]', "", name.encode("ascii", "ignore").decode("ascii"))
    # A name that is not ASCII is told by RFC 2231 in the one header, and as far as ASCII goes in
    # the other: both forms in the same header are a defect to strict parsers.
    told, quoted = f'filename="{plain}"', quote(name, safe="")
    if not name.isascii() and len(quoted) < 900:  # a line holds 998 octets
        told = f"filename*=UTF-8''{quoted}"
    return (
        f'Content-Type: {kind};\r\n name="{plain}"\r\n'
        f"Content-Disposition: attachment;\r\n {told}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    ).encode("ascii") + _base64_lines(content)


def _base64_lines(content: bytes) -> bytes:
    encoded = binascii.b2a_base64(content, newline=False)
    # Lines of 76 characters (RFC 2045 section 6.8).
    return b"\r\n".join([encoded[i : i + 76] for i in range(0, len(encoded), 76)])
