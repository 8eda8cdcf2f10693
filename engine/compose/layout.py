"""What the paper shows, in the shape that its template reads: words only, no markup."""

import re
from datetime import tzinfo
from itertools import pairwise
from typing import Any, Final

from engine.compose.identity import (
    birth_date,
    doctor_name,
    shown_ins,
    shown_name,
    trade,
    written_by,
)
from engine.compose.outline import Block, Cell, Pairs, Paragraphs, Part, Table, cells, parts
from engine.compose.template import LetterText, contacts
from engine.compose.text import NBSP, french_date, together
from engine.model.fact import Half
from engine.model.letter import Letter, LetterPatient
from engine.model.people import INS_NIA

_NARROW: Final = 20  # characters that a column may hold to be as wide as they are
_WIDEST: Final = 60  # characters above which a column asks for no more room
_LONG_WORD: Final = 64  # characters after which a word may be parted, outside tables
_LONG_VALUE: Final = 40  # the same, beside a label
_LINE: Final = 80  # capitals that a line of a table holds
_SHORT: Final = 5  # rows of a table that is not parted over two pages, ...
_LINES: Final = 150  # ... none of whose cells holds more characters
_TALL: Final = 250  # characters of a cell above which its row may be parted over two pages
_ZERO_WIDTH_SPACE: Final = "\u200b"
_CODED: Final = re.compile(r"\.(code|codes\.\d+|substance)$")


def printed(text: LetterText, letter: Letter, zone: tzinfo) -> dict[str, Any]:
    """All values of letter.typ, save the sheets of the annexes."""
    unit = letter.unit
    told = parts(letter.summary, zone)
    halves = {part.half for part in told} | {one.half for one in letter.annexes}
    issued = french_date(letter.issued_at.astimezone(zone).date())
    return {
        "title": text.title,
        "letterhead": {
            "hospital": unit.hospital,
            "unit": unit.unit,
            "half": _half_name(letter, halves.pop()) if len(halves) == 1 else None,
            "address": unit.address,
            "contacts": [(label, _joined(value)) for label, value in contacts(letter)],
        },
        "recipient": {
            "name": doctor_name(letter.recipient),
            "lines": [together(letter.recipient.place)] if letter.recipient.place else [],
        },
        "dateline": f"{unit.city}, le {issued}",
        "patient": patient_lines(letter),
        "object": text.object,
        "replaces": text.replaces,
        "changes": [_set(one, _LONG_WORD) for one in text.changes],
        "greeting": text.greeting,
        "opening": _paragraphs(text.opening),
        "parts": [_part(part, letter) for part in told],
        "closing": _paragraphs(text.closing),
        "signature": {"team": unit.signature, "lines": signature_lines(letter)},
        "running": f"{shown_name(letter.patient)} – {birth_date(letter).short}",
        "reference": f"{unit.hospital} – {text.title}, version {letter.version} du {issued}",
        "annexes": [
            {"heading": one.heading, "byline": written_by(one.author, one.written_at, zone)}
            for one in letter.annexes
        ],
    }


def _half_name(letter: Letter, half: Half) -> str:
    return letter.unit.name_dss if half is Half.DSS else letter.unit.name_dsp


def _part(part: Part, letter: Letter) -> dict[str, Any]:
    unit = letter.unit
    phone = unit.phone_dss if part.half is Half.DSS else unit.phone_dsp
    return {
        "half": part.half.value,
        "heading": part.heading,
        "byline": part.byline,
        "whom": [_half_name(letter, part.half), *([_joined(phone)] if phone else [])],
        "blocks": [_block(block) for block in part.blocks],
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Paragraphs():
            told: dict[str, Any] = {"kind": "text", "paragraphs": _paragraphs(block.body.text)}
        case Pairs():
            rows = [(label, _runs(cell, _LONG_VALUE)) for label, cell in block.rows]
            told = {"kind": "pairs", "rows": rows, "tall": _longer(block, _TALL)}
        case Table(head=(_,)):
            told = {"kind": "list", "rows": [_runs(row[0]) for row in block.rows]}
        case Table():
            widths = _widths(block)
            most = _capacities(block, widths)
            told = {
                "kind": "table",
                "head": block.head,
                "widths": widths,
                "rows": [
                    [_runs(cell, most[i]) for i, cell in enumerate(row)] for row in block.rows
                ],
                "tall": _longer(block, _TALL),
                "short": len(block.rows) <= _SHORT and not _longer(block, _LINES),
            }
    return {"heading": block.heading, **told}


def _longer(block: Pairs | Table, most: int) -> bool:
    return any(len(leaf.text) > most for leaf in cells(block))


def _runs(cell: Cell, most: int = _LONG_WORD) -> list[tuple[str, str]]:
    """A cell as ("text" or "code", words): codes are set smaller, and the brackets round them."""
    leaves = cell.leaves()
    codes = [i for i, leaf in enumerate(leaves) if _CODED.search(leaf.path or "")]
    small = range(codes[0] - 1, codes[-1] + 2) if codes and codes[0] > 0 else range(0)
    return [
        ("code" if i in small else "text", _set(leaf.text, most)) for i, leaf in enumerate(leaves)
    ]


def _widths(table: Table) -> list[float]:
    """A column's share of the width; 0: as wide as what it holds."""
    longest = [
        max(len(table.head[i]), *(len(row[i].text) for row in table.rows))
        for i in range(len(table.head))
    ]
    if all(most <= _NARROW for most in longest):
        longest[0] = _NARROW + 1  # somebody must take what is left
    return [0.0 if most <= _NARROW else min(most, _WIDEST) ** 0.6 for most in longest]


def _capacities(table: Table, widths: list[float]) -> list[int]:
    """How many characters a line of each column holds, roughly."""
    taken = sum(
        max(len(table.head[i]), *(len(row[i].text) for row in table.rows)) + 2
        for i, share in enumerate(widths)
        if share == 0
    )
    each = max(_LINE - taken, 0) / (sum(widths) or 1)
    return [int(share * each) - 2 if share else _NARROW for share in widths]


def _set(text: str, most: int) -> str:
    """Numbers stay together on a line; a word that is longer than its column may be parted."""
    return re.sub(rf"\S{{{max(most, 8)}}}(?=\S)", rf"\g<0>{_ZERO_WIDTH_SPACE}", together(text))


def patient_lines(letter: Letter) -> list[tuple[str, str]]:
    """The identity block: label and value, in the order of the national rules (RNIV)."""
    p: LetterPatient = letter.patient
    lines = [
        ("Nom de naissance", p.birth_family.upper()),
        ("Prénoms de naissance", p.birth_given_all or p.birth_given),
    ]
    used = " ".join(
        part for part in (p.used_given, p.used_family and p.used_family.upper()) if part
    )
    if used:
        lines.append(("Nom utilisé" if p.used_family else "Prénom utilisé", used))
    sex = {"F": "féminin", "M": "masculin"}.get(p.sex, "indéterminé")
    lines.append(("Naissance, sexe", f"{birth_date(letter).short}, sexe {sex}"))
    if (ins := shown_ins(letter)) is not None:
        kind = "NIA" if ins.oid == INS_NIA else "NIR"
        place = p.birth_place_code
        lines.append((f"INS ({kind})", f"{_grouped(ins.matricule)} – lieu de naissance {place}"))
    lines.append(("N° patient (IPP)", p.ipp))
    return lines


def signature_lines(letter: Letter) -> list[str]:
    """Who answers for the letter."""
    who = letter.unit.responsible
    what = trade(who)
    return [
        f"Médecin responsable : {doctor_name(who, physician=True)}",
        f"{f'{what} – ' if what else ''}RPPS {who.rpps}",
    ]


def _grouped(matricule: str) -> str:
    cuts = (0, 1, 3, 5, 7, 10, 13, 15)
    return NBSP.join(matricule[a:b] for a, b in pairwise(cuts))


def _joined(value: str) -> str:
    return value.replace(" ", NBSP)


def _paragraphs(text: str) -> list[list[tuple[str, str]]]:
    """Blank lines part paragraphs; a line that begins with a dash or a bullet is an item."""
    return [
        [_line(line) for line in block.split("\n") if line.strip()]
        for block in re.split(r"\n\s*\n", text)
        if block.strip()
    ]


def _line(line: str) -> tuple[str, str]:
    item = re.match(r"\s*[-–•]\s+(.+)", line)
    words = _set(item.group(1) if item else line.strip(), _LONG_WORD)
    return ("item" if item else "text", words)
