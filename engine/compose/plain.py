"""The whole letter as plain text: letter.txt, and the body of an HPRIM letter."""

import textwrap
from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import Final

from engine.compose.identity import doctor_name, written_by
from engine.compose.layout import patient_lines, signature_lines
from engine.compose.outline import Block, Cell, Pairs, Paragraphs, Part, Table, parts
from engine.compose.template import LetterText, contacts
from engine.compose.text import french_date, together
from engine.model.letter import Letter

WIDTH: Final = 76  # columns of the narrowest screen among the readers of HPRIM


def render_plain(words: str) -> str:
    """The text of ``plain_words`` in lines of ``WIDTH`` characters at most, LF ends."""
    return "\n".join(_wrapped(words)) + "\n"


def plain_words(
    text: LetterText, letter: Letter, annex_pages: tuple[int, ...], zone: tzinfo
) -> str:
    """Letterhead, identity, words and signature, LF ends; what the PDF says, in its order.

    Lines are as long as what they say. ``annex_pages``: how many pages each annex has.
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
        *_replacement(text),
        text.greeting,
        text.opening,
        *(words for part in parts(letter.summary, zone) for words in _part(part)),
        *(
            f"{one.heading.upper()}\n{written_by(one.author, one.written_at, zone)}\n"
            f"Voir le document PDF joint ({pages} p.)."
            for one, pages in zip(letter.annexes, annex_pages, strict=True)
        ),
        text.closing,
        "\n".join((unit.signature, *signature_lines(letter))),
    ]
    return "\n\n".join(blocks)


def _replacement(text: LetterText) -> Iterator[str]:
    if text.replaces:
        yield text.replaces.upper()
    if text.changes:
        yield "\n".join(("Ce qui a changé :", *(f"- {one}" for one in text.changes)))


def _part(part: Part) -> Iterator[str]:
    yield f"{part.heading.upper()}\n{part.byline}"
    for block in part.blocks:
        words = "\n".join(block_lines(block))
        yield f"{block.heading}\n{words}" if block.heading else words


def block_lines(block: Block) -> Iterator[str]:
    """The lines of a block without its heading; a row that fits is one line."""
    match block:
        case Paragraphs():
            yield block.body.text.strip("\n")
        case Pairs():
            for label, cell in block.rows:
                yield f"- {label} : {cell.text}"
        case Table():
            for row in block.rows:
                yield from _row(block.head, row)


def _row(head: tuple[str, ...], row: tuple[Cell, ...]) -> Iterator[str]:
    name = f"- {row[0].text}"
    told = [(head[i], row[i].text) for i in range(1, len(row)) if row[i].text]
    line = f"{name} – {' ; '.join(f'{label.lower()} : {value}' for label, value in told)}"
    if not told:
        yield name
    elif len(line) <= WIDTH:
        yield line
    else:
        yield name
        for label, value in told:
            yield f"  {label} : {value}"


def _wrapped(text: str) -> Iterable[str]:
    for line in text.split("\n"):
        yield from wrap(together(line), WIDTH) or [""]


def wrap(line: str, width: int) -> list[str]:
    """One line as lines of ``width`` characters; what follows an item stands under its words."""
    bare = line.lstrip(" ")
    indent = " " * (len(line) - len(bare) + (2 if bare.startswith("- ") else 0))
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=indent[: width // 2],
        break_on_hyphens=False,
        expand_tabs=False,
        replace_whitespace=False,
    )
