"""Codes inside entries: each points at the words that show it.

``originalText`` refers to what the code names, as any reader expects; a translation, of which
there may be several, refers to the words that show the code itself. Our own reader tells them
apart by that.
"""

from engine.compose.cda_page import TYPE, refer
from engine.compose.cda_people import Element, put
from engine.compose.shop import Coded
from engine.model.cda import SYSTEM_NAMES
from engine.model.summary import Code


def put_item_code(parent: Element, tag: str, code: Code, target: str, kind: str = "") -> Element:
    """A code that an author gave; ``kind`` is its xsi:type where the schema leaves a choice."""
    made = put(parent, tag)
    if kind:
        made.set(TYPE, kind)
    made.set("code", code.code)
    if code.display is not None:
        made.set("displayName", code.display)
    made.set("codeSystem", code.system)
    if (name := SYSTEM_NAMES.get(code.system)) is not None:
        made.set("codeSystemName", name)
    refer(made, "originalText", target)
    return made


def put_own_code(parent: Element, tag: str, coded: Coded, kind: str = "") -> Element:
    """A code of our tables."""
    made = put(parent, tag)
    if kind:
        made.set(TYPE, kind)
    made.set("code", coded.code)
    made.set("displayName", coded.display)
    made.set("codeSystem", coded.system)
    if (name := SYSTEM_NAMES.get(coded.system)) is not None:
        made.set("codeSystemName", name)
    return made


def put_uncoded(
    parent: Element, tag: str, words: str, codes: list[tuple[Code, str]], kind: str = ""
) -> Element:
    """What no code of the wanted system names: its words, and other codes as translations."""
    made = put(parent, tag)
    if kind:
        made.set(TYPE, kind)
    made.set("nullFlavor", "OTH")
    refer(made, "originalText", words)
    for code, target in codes:
        put_item_code(made, "translation", code, target)
    return made
