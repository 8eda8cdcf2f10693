"""What a version of a letter says that the one before did not: the reader's first question."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.compose.outline import Block, Pairs, Paragraphs, Table, blocks_of
from engine.model.fact import Half
from engine.model.letter import CANCELLATIONS, Letter
from engine.model.summary import Contribution, ExitSummary, Source

MOST: Final = 15  # lines; a letter that was written anew is better read than compared
_LONGEST: Final = 240  # characters of a value that is quoted

_PART: Final = {Half.DSS: "Partie somatique", Half.DSP: "Partie psychiatrique"}
# Headings whose rows are the same things at different times: the noun, and its agreement.
_NOUNS: Final = {
    "Évènements au cours de la prise en charge": ("Évènement", ""),
    "Maladies et diagnostics": ("Maladie", "e"),
    "Traitements à la sortie": ("Traitement", ""),
    "Traitements arrêtés": ("Traitement", ""),
    "Traitements injectables à action prolongée": ("Traitement injectable", ""),
    "Allergies et intolérances": ("Allergie", "e"),
    "Résultats d'examens": ("Résultat", ""),
    "Résultats en attente": ("Résultat", ""),
    "Dépistages": ("Dépistage", ""),
    "Vaccinations": ("Vaccination", "e"),
    "Dispositifs médicaux": ("Dispositif médical", ""),
    "Rendez-vous": ("Rendez-vous", ""),
    "Soins à prévoir": ("Soin à prévoir", ""),
    "Droits sociaux": ("Droit social", ""),
    "Relais et contacts": ("Contact", ""),
}
_TABLES: Final = {noun for noun, _ in _NOUNS.values()}
_TEXT: Final = "Rubrique"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One thing that is told: what it is, its name, and what is told of it, by label."""

    noun: str
    ending: str  # agreement of the participle with the noun
    name: str
    told: tuple[tuple[str, str], ...] = ()


def changes_of(letter: Letter) -> tuple[str, ...]:
    """What is new in this version, as sentences without a full stop; nothing in a first version.

    A part that was taken back is named, never quoted: its author no longer answers for it. Only
    what is known is said: without the content of the version before, that a part changed.
    """
    before = letter.replaces
    if before is None or letter.kind in CANCELLATIONS:  # what is taken back is not told again
        return ()
    halves = {one.half for one in _written(letter.summary)} | {one.half for one in letter.annexes}
    found: list[str] = []
    for half in Half:
        if half in before.halves and half in halves:
            if half in before.modified:
                found += _modified(before.summary, letter.summary, half)
        elif half in halves:
            found.append(f"{_PART[half]} ajoutée")
        elif half in before.halves:
            found.append(f"{_PART[half]} retirée")
    return _bounded(found)


def _modified(before: ExitSummary | None, after: ExitSummary, half: Half) -> list[str]:
    """The differences of a half whose documents are others; at least that they are."""
    lines = _differences(before, after, half) if before is not None else []
    return lines or [f"{_PART[half]} modifiée"]


def _bounded(found: list[str]) -> tuple[str, ...]:
    if len(found) <= MOST:
        return tuple(found)
    rest = len(found) - MOST + 1
    return (*found[: MOST - 1], f"et {rest} autres modifications")


def _written(summary: ExitSummary) -> list[Contribution]:
    return [one for one in summary.contributions if one.said.source is not Source.MESSAGE]


def _differences(before: ExitSummary, after: ExitSummary, half: Half) -> list[str]:
    was, now = _entries(before, half), _entries(after, half)
    gone, new = Counter(was) - Counter(now), Counter(now) - Counter(was)
    earlier: dict[tuple[str, str], deque[_Entry]] = {}
    for entry in gone.elements():
        earlier.setdefault((entry.noun, entry.name.casefold()), deque()).append(entry)
    lines = []
    for entry in new.elements():
        same = earlier.get((entry.noun, entry.name.casefold()))
        lines.append(_changed(same.popleft(), entry) if same else _added(entry))
    return lines + [_removed(entry) for rest in earlier.values() for entry in rest]


def _entries(summary: ExitSummary, half: Half) -> list[_Entry]:
    return [
        entry
        for one in _written(summary)
        if one.half is half
        for block in blocks_of(one.items)
        for entry in _of_block(block, half)
    ]


def _of_block(block: Block, half: Half) -> Iterator[_Entry]:
    match block:
        case Paragraphs():
            name = block.heading or f"texte de la {_PART[half].lower()}"
            yield _Entry(_TEXT, "e", name, (("", block.body.text),))
        case Pairs():
            for label, cell in block.rows:
                yield _Entry(block.heading, "", label, (("", cell.text),))
        case Table():
            noun, ending = _NOUNS[block.heading]
            for row in block.rows:
                first, *codes = row[0].leaves()
                told = [("code", "".join(code.text for code in codes).strip(" ()"))]
                told += [(block.head[i].lower(), row[i].text) for i in range(1, len(row))]
                yield _Entry(noun, ending, first.text, tuple(one for one in told if one[1]))


def _added(entry: _Entry) -> str:
    if entry.noun == _TEXT:
        return f"Rubrique ajoutée : {entry.name}"
    values = ", ".join(value for label, value in entry.told if label != "code")
    if entry.noun not in _TABLES:
        return _short(f"{entry.noun}, {entry.name.lower()} : {values} (ajouté)")
    return _short(f"{entry.noun} ajouté{entry.ending} : {entry.name}", f", {values}" * bool(values))


def _removed(entry: _Entry) -> str:
    if entry.noun == _TEXT:
        return f"Rubrique retirée : {entry.name}"
    if entry.noun not in _TABLES:
        return f"{entry.noun}, {entry.name.lower()} : retiré"
    return _short(f"{entry.noun} retiré{entry.ending} : {entry.name}")


def _changed(before: _Entry, after: _Entry) -> str:
    if after.noun == _TEXT:
        return f"Rubrique modifiée : {after.name}"
    was, now = dict(before.told), dict(after.told)
    if after.noun not in _TABLES:
        old, new = _short(was[""]), _short(now[""])
        return f"{after.noun}, {after.name.lower()} : {new} (auparavant : {old})"
    told = []
    for label in dict.fromkeys((*now, *was)):
        old, new = _short(was.get(label, "")), _short(now.get(label, ""))
        if old == new:
            continue
        if not new:
            told.append(f"{label} retiré ({old})")
        else:
            told.append(f"{label} : {new}" + (f" (auparavant : {old})" if old else ""))
    head = _short(f"{after.noun} modifié{after.ending} : {after.name}")
    return f"{head} – {' ; '.join(told)}" if told else head


def _short(*texts: str) -> str:
    text = "".join(texts)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"
