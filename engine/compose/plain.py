"""The whole letter as plain text: letter.txt, and the body of an HPRIM letter."""

from datetime import tzinfo

from engine.compose.identity import doctor_name
from engine.compose.pdf import patient_lines, signature_lines
from engine.compose.template import LetterText, byline, contacts
from engine.compose.text import french_date
from engine.model.letter import Letter


def render_plain(
    text: LetterText, letter: Letter, annex_pages: tuple[int, ...], zone: tzinfo
) -> str:
    """Letterhead, identity, words and signature, LF ends; what the PDF says, in its order.

    ``annex_pages``: how many pages each annex has.
    """
    unit = letter.unit
    issued = french_date(letter.issued_at.astimezone(zone).date())
    blocks = [
        "\n".join((unit.hospital, unit.unit, *unit.address)),
        "\n".join(f"{label} : {value}" for label, value in contacts(letter)),
        "\n".join(line for line in (doctor_name(letter.recipient), letter.recipient.place) if line),
        f"{unit.city}, le {issued}",
        "\n".join(f"{label} : {value}" for label, value in patient_lines(letter)),
        f"Objet : {text.object}",
        *([text.replaces.upper()] if text.replaces else []),
        text.greeting,
        text.opening,
        *(f"{p.heading.upper()}\n{p.byline}\n\n{p.text}" for p in text.parts),
        *(
            f"{a.heading.upper()}\n{byline(a, zone)}\nVoir le document PDF joint ({pages} p.)."
            for a, pages in zip(letter.annexes, annex_pages, strict=True)
        ),
        text.closing,
        "\n".join((unit.signature, *signature_lines(letter))),
    ]
    return "\n\n".join(blocks) + "\n"
