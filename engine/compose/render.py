"""The door of this package: a letter and a channel in, a mail and its files out."""

from dataclasses import dataclass

from engine.compose.cda import render_cda
from engine.compose.discreet import discreetly
from engine.compose.hprim import render_hprim
from engine.compose.identity import check_names
from engine.compose.length import check_length
from engine.compose.mail import ChannelFace, Renderings, build
from engine.compose.paper import Typesetter
from engine.compose.pdf import print_letter, typeset_here
from engine.compose.plain import plain_words, render_plain
from engine.compose.shop import Shop
from engine.compose.template import write
from engine.compose.text import cleaned
from engine.compose.view import viewed
from engine.compose.xdm import render_xdm
from engine.model.letter import Letter


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail ready to be stored, and the same letter in each of its forms, by file name.

    ``files``: letter.txt and letter.pdf always; cda.xml, metadata.xml and ihe_xdm.zip on an "xdm"
    channel; letter.hpr on an "hprim" one. On a "paper" one, letter.pdf begins with the address
    page.
    """

    mime: bytes
    files: dict[str, bytes]


def render(
    letter: Letter,
    shop: Shop,
    face: ChannelFace,
    *,
    leaflet: bytes = b"",
    typeset: Typesetter = typeset_here,
) -> Rendered:
    """Make every form of a letter, and the mail that carries them.

    Pure, thread-safe, and the same bytes for the same arguments. The recipient's role says which
    items are shown. ``typeset`` makes the PDF; ``leaflet`` is a PDF of the unit, joined as it is,
    but neither to a discreet letter nor to one on paper. Raises a ComposeError, which names no
    patient, when the letter cannot be made.
    """
    clean = viewed(cleaned(letter), shop.roles[letter.recipient.role])
    if clean.discreet:
        clean, leaflet = discreetly(clean, shop.discretion), b""
    check_names(clean)
    check_length(clean)
    text = write(clean, shop.patterns[clean.kind], shop.zone)
    paper = print_letter(text, clean, shop.press, shop.zone, typeset, face.envelope)
    pdf = paper.pdf
    words = plain_words(text, clean, paper.annex_pages, shop.zone)
    files = {"letter.txt": render_plain(words).encode(), "letter.pdf": pdf}
    if face.format == "xdm":
        cda = render_cda(clean, pdf, shop)
        xdm, metadata = render_xdm(clean, cda, shop)
        files |= {"cda.xml": cda, "metadata.xml": metadata, "ihe_xdm.zip": xdm}
        made = Renderings(text.mail, pdf, xdm=xdm, leaflet=leaflet)
    elif face.format == "paper":
        made = Renderings(text.mail, pdf)
    else:
        hprim = render_hprim(words, clean, shop.zone)
        files["letter.hpr"] = hprim
        made = Renderings(text.mail, pdf, hprim=hprim, leaflet=leaflet)
    return Rendered(build(clean, made, shop, face), files)
