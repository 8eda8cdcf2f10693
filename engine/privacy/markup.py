"""The words of XML and HTML: text, attributes, comments, scripts; and files inside them."""

import binascii
import html
import re
from collections.abc import Callable
from typing import Final

from engine.privacy.fold import SEGMENT
from engine.verify.xml import Element, local, place_of, tag_of

# Elements inside a sentence: CDA narrative (StrucDoc) and HTML. Others part words.
_INLINE: Final = frozenset(
    [
        "content",
        "sub",
        "sup",
        "linkhtml",
        "a",
        "b",
        "i",
        "u",
        "s",
        "em",
        "strong",
        "span",
        "font",
        "small",
        "big",
        "mark",
        "code",
        "abbr",
        "acronym",
        "cite",
        "dfn",
        "kbd",
        "samp",
        "var",
        "q",
        "tt",
        "ins",
        "del",
        "bdo",
        "bdi",
        "ruby",
        "rb",
        "wbr",
    ]
)
_LONG: Final = 120
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=\s]+")
_TAG: Final = re.compile(
    # Each alternative ends at the next opening, so that a row of openings takes no square of time.
    r"<!--((?:(?!<!--).)*?)-->"
    r"|<(/?)([A-Za-z][A-Za-z0-9:-]*)((?:\"[^\"<]*+\"|'[^'<]*+'|[^<>\"'])*+)>"
    r"|<([!?])([^<>]*+)>",
    re.DOTALL,
)
_SCRIPT: Final = re.compile(
    r"<(script|style)\b[^<>]*+>((?:(?!<(?:script|style)\b).)*?)</\1\s*>",
    re.DOTALL | re.IGNORECASE,
)


def xml_text(root: Element) -> tuple[str, Callable[[int], str], list[tuple[str, bytes]]]:
    """All words of a document in one text, what tells their places, and the files inside it.

    One segment for each element's own words, those of elements inside its sentences included;
    then the attributes; then the names of elements and attributes: one may be of no standard.
    """
    texts: list[str] = []
    owners: list[tuple[Element, str]] = []
    held: list[tuple[str, bytes]] = []
    names: set[str] = set()
    inline: dict[object, bool] = {}
    attributes: list[tuple[str, Element, str]] = []
    for element in root.iter():
        tag = element.tag
        if tag not in inline:
            name = local(element) if tag_of(element) else ""
            names.add(name)
            inline[tag] = name.lower() in _INLINE
        for key, value in element.items():
            attributes.append((str(value), element, str(key)))
        if inline[tag]:
            continue  # its words are its parent's
        words = _own(element, inline) if len(element) else element.text
        if not words or words.isspace():
            continue
        packed = _packed(element, words)
        if packed is not None:
            held.append((f"{place_of(element)} (file)", packed))
            continue
        texts.append(words)
        owners.append((element, ""))
    for value, element, key in attributes:
        texts.append(value)
        owners.append((element, key.rpartition("}")[2]))
    names.update(key for _, key in owners)
    texts.append(" ".join(sorted(names)))

    def inner(segment: int) -> str:
        if segment >= len(owners):
            return "names of elements"
        element, attribute = owners[segment]
        if not tag_of(element):
            above = element.getparent()
            return f"{'' if above is None else place_of(above)} (comment)".strip()
        return f"{place_of(element)}/@{attribute}" if attribute else place_of(element)

    # XML 1.0 has no such sign in a text (section 2.2), so segments and owners are counted alike.
    return SEGMENT.join(texts), inner, held


def _own(element: Element, inline: dict[object, bool]) -> str:
    """The words of an element and of what stands inside its sentences."""
    text = element.text or ""
    if not len(element):
        return text
    out = [text]
    for child in element:
        tag = child.tag
        if tag not in inline:
            inline[tag] = bool(tag_of(child)) and local(child).lower() in _INLINE
        if inline[tag]:
            out.extend(str(one) for one in child.itertext())
        elif tag_of(child):
            out.append("\n")
        if child.tail:
            out.append(child.tail)
    return "".join(out)


def _packed(element: Element, text: str) -> bytes | None:
    """The file that a text is, in Base64; None: it is words."""
    said = element.get("representation") == "B64"
    if not said and (len(text) < _LONG or not _BASE64.fullmatch(text)):
        return None
    packed = re.sub(r"\s" if not said else r"[^A-Za-z0-9+/]", "", text).rstrip("=")
    try:
        return binascii.a2b_base64(packed + "=" * (-len(packed) % 4))
    except binascii.Error:
        return None


def html_segments(text: str) -> list[tuple[str, str]]:
    """What is shown, and what is not: attributes, comments, scripts, styles."""
    hidden: list[str] = []

    def script(found: re.Match[str]) -> str:
        hidden.append(found[2])
        return " "

    def tag(found: re.Match[str]) -> str:
        if found[3] is None:
            hidden.append(found[1] or found[6] or "")
            return ""
        if found[4].strip():
            hidden.append(html.unescape(found[4]))
        if found[3].lower() not in _INLINE | {"br"}:
            hidden.append(found[3])
        return "" if found[3].lower() in _INLINE else "\n"

    shown = _TAG.sub(tag, _SCRIPT.sub(script, text))
    told = [("text", html.unescape(shown))]
    if hidden:
        told.append(("attributes, comments, scripts", "\n".join(dict.fromkeys(hidden))))
    return told
