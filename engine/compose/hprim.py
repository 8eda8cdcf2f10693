"""HPRIM Médecins: twelve lines of header, a blank one, the letter, two end tags.

Source  H.PR.I.M. Médecins 3.0 (March 1997), and what its readers accept: the eight points of the
emission profile are numbered in the code.
"""

import base64
import hashlib
import re
from datetime import tzinfo
from typing import Final

from engine.compose.faults import IdentityError
from engine.compose.identity import birth_date
from engine.compose.latin import latin_1
from engine.compose.plain import WIDTH, wrap
from engine.compose.text import NBSP, ascii_name, together
from engine.model.letter import Letter

_NAME_WIDTH: Final = 50
END: Final = "****FIN****\r\n****FINFICHIER****\r\n"


def render_hprim(words: str, letter: Letter, zone: tzinfo) -> bytes:
    """Put the words of a letter (``plain_words``) in the format: ISO-8859-1, CRLF, one letter.

    Raises IdentityError without a whole birth date or a name in the Latin alphabet: readers
    could not file it under the right patient.
    """
    # 1: twelve lines, an empty thirteenth, CRLF, ISO-8859-1, no control character.
    header = _header(letter, zone)
    # Lines are made after the characters: many a sign becomes longer.
    body = [line for text in latin_1(words).split("\n") for line in _body_lines(text)]
    body.append("")
    text = "\r\n".join((*header, "", *body)) + "\r\n" + END  # 8: nothing after, one letter
    return text.encode("latin-1")


def _header(letter: Letter, zone: tzinfo) -> tuple[str, ...]:
    born = birth_date(letter).whole
    names = (letter.patient.birth_family, letter.patient.birth_given)
    family, given = (ascii_name(name)[:_NAME_WIDTH].strip(" -") for name in names)
    if born is None or not family or not given:
        raise IdentityError(
            letter,
            what="HPRIM wants a whole birth date and a name in the Latin alphabet.",
            remedy="complete the identity in the hospital's record, or use a channel of "
            'format "xdm" for this doctor',
        )
    issued = letter.issued_at.astimezone(zone).date()
    unknown = ".".ljust(10) + " "  # 6: a code of ours would mean nothing to the reader
    doctor = ascii_name(f"{letter.recipient.family} {letter.recipient.given}")
    return (
        _patient_code(letter),  # 2
        family,
        given,
        "",  # 3: a detained patient's address is nobody's business
        "",
        "",
        f"{born:%d/%m}/{born.year:04}",  # 4: no blank around
        "",  # 5: an INS here could not be told from a billing number
        f"R-{re.sub('[^A-Za-z0-9]', '', letter.delivery)}"[:30],
        f"{issued:%d/%m/%Y}",
        unknown + (ascii_name(letter.unit.hospital) or "HOPITAL"),
        unknown + (doctor or "MEDECIN"),
    )


def _patient_code(letter: Letter) -> str:
    """A code that no reader's own patient number can equal (2): ``U59-123456``.

    Mediboard looks line 1 up as its own IPP first. The prefix holds the hospital's département;
    an IPP that does not fit in the six places left is replaced by a digest of it.
    """
    ipp = letter.patient.ipp
    if not re.fullmatch(r"[A-Za-z0-9]{1,6}", ipp):
        digest = hashlib.sha256(f"{letter.patient.ipp_oid}/{ipp}".encode()).digest()
        ipp = base64.b32encode(digest).decode("ascii")[:6]
    department = re.sub(r"[^A-Z0-9]", "0", letter.unit.finess[:2].upper()).ljust(2, "0")
    return f"U{department}-{ipp}"


def _body_lines(line: str) -> list[str]:
    """One line of the letter as lines of 76 characters that no reader takes for a tag (7)."""
    tame = re.sub(r"(RES|TEX)\|", r"\1 |", re.sub(r"\*{4,}", "***", line)).rstrip()
    if not tame.strip():
        return [""]
    return [made.replace(NBSP, " ") for made in wrap(together(tame), WIDTH)]
