"""ISO-8859-1, for readers who know nothing else: the nearest text, which never says another thing.

A letter loses its accents without harm. A sign does not: ``⅔`` without its fraction is 23, ``≠``
without its stroke is ``=``, ``10⁹`` on the line is 109. So signs are rewritten by name, and what
has no neighbour becomes ``?``, which a reader sees and asks about.
"""

import re
import unicodedata
from typing import Final

_SIGNS: Final = str.maketrans(
    {
        "œ": "oe", "Œ": "OE", "Ÿ": "Y", "ł": "l", "Ł": "L", "μ": "µ", "ı": "i",
        "€": "EUR", "№": "n°", "™": "(TM)", "‰": "o/oo", "℃": "°C", "℉": "°F",
        "‘": "'", "’": "'", "‛": "'", "′": "'", "‹": "'", "›": "'", "‚": ",",
        "“": '"', "”": '"', "„": '"', "‟": '"', "″": '"',
        "–": "-", "—": "-", "―": "-", "‒": "-", "‑": "-", "‐": "-", "−": "-", "⁃": "-", "…": "...",
        "•": "-", "▪": "-", "●": "-", "■": "-", "◦": "-", "‣": "-", "▸": "-", "⋅": "·", "∙": "·",
        "⁄": "/", "∕": "/", "∗": "*", "⌀": "Ø", "∅": "Ø", "∓": "-/+",
        "∞": "infini", "√": "racine de ",
        "≠": "<>", "≤": "<=", "≥": ">=", "⩽": "<=", "⩾": ">=", "≦": "<=", "≧": ">=", "≪": "<<",
        "≫": ">>", "≮": ">=", "≯": "<=", "≰": ">", "≱": "<", "≈": "~", "≃": "~", "≅": "~",
        "∼": "~", "→": "->", "←": "<-", "↔": "<->", "⇒": "=>", "⇔": "<=>", "➔": "->", "➡": "->",
        "↑": "(hausse)", "↗": "(hausse)", "⬆": "(hausse)",
        "↓": "(baisse)", "↘": "(baisse)", "⬇": "(baisse)",
        "☐": "[ ]", "□": "[ ]", "☑": "[x]", "☒": "[x]", "✓": "[x]", "✔": "[x]", "✅": "[x]",
        "✗": "X", "✘": "X", "∆": "Delta", "\u00a0": " ", "\u202f": " ",
        # How an emoji is drawn.
        "\ufe0e": "", "\ufe0f": "",
    }
)  # fmt: skip
_RAISED: Final = re.compile(r"[⁰¹²³⁴-⁹⁺⁻⁼⁽⁾ⁿⁱ]+")
_LOWERED: Final = re.compile(r"[₀-₉₊₋₌₍₎]+")
_FRACTION: Final = re.compile(r"[⅐-⅟↉]")
# Decompositions that change how a sign is drawn, and not what it says.
_DRAWN: Final = ("<wide>", "<narrow>", "<small>", "<circle>", "<square>")


def latin_1(text: str) -> str:
    """The nearest text that ISO-8859-1 can carry. No digit of it joins a number that had none."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        pass
    else:
        return text.replace("\u00a0", " ")
    # Composed first: a stroke over a sign is one with it.
    near = unicodedata.normalize("NFC", text).translate(_SIGNS)
    near = _RAISED.sub(_raised, near)
    near = _LOWERED.sub(_lowered, near)
    near = _FRACTION.sub(_fraction, near)
    return "".join(_near(c, near[at - 1 : at]) for at, c in enumerate(near))


def _raised(found: re.Match[str]) -> str:
    if max(found[0]) < "\u0100":
        return found[0]  # ¹ ² ³ are Latin-1
    return f"^{_folded(found[0])}{_gap(found)}"


def _lowered(found: re.Match[str]) -> str:
    before = found.string[found.start() - 1 : found.start()]
    # CO₂ is CO2 on every form; 5₂ is not 52.
    return f"{'' if before.isalpha() else '_'}{_folded(found[0])}{_gap(found)}"


def _fraction(found: re.Match[str]) -> str:
    before = found.string[found.start() - 1 : found.start()]
    return f"{' ' if before.isnumeric() else ''}{_folded(found[0])}{_gap(found)}"


def _gap(found: re.Match[str]) -> str:
    return " " if found.string[found.end() : found.end() + 1].isnumeric() else ""


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKD", text).replace("⁄", "/").replace("−", "-")


def _near(char: str, before: str) -> str:
    if ord(char) < 256:
        return char
    kind = unicodedata.category(char)
    if kind == "Nd":
        return str(unicodedata.decimal(char))
    if kind == "Zs":
        return " "
    if kind[0] == "L":
        return _letter(char)
    if kind[0] == "M":
        # An accent goes; a stroke over what it follows (class 1) would change it.
        accent = unicodedata.combining(char) > 1 and before[:1].isalpha()
        return "" if accent else "?"
    shape = unicodedata.decomposition(char).partition(" ")[0]
    if shape not in _DRAWN:
        return "?"
    inside = "".join(c if ord(c) < 256 else _letter(c) for c in _folded(char))
    if shape == "<circle>":
        return f"({inside})"
    return "?" if any(c.isdigit() for c in inside) else inside


def _letter(char: str) -> str:
    folded = ""
    for c in unicodedata.normalize("NFKD", char):
        if ord(c) < 256:
            folded += c
        elif (name := unicodedata.name(c, "")).startswith("GREEK ") and " LETTER " in name:
            told = name.rpartition(" ")[2].lower()
            folded += told.capitalize() if "CAPITAL" in name else told
    return "?" if not folded or any(c.isdigit() for c in folded) else folded
