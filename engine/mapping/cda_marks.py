"""A document of ours read back: each item from the element of the narrative that shows it.

Every value stands in an element whose ID is its path (`engine.model.cda`); what is no text stands
beside its words as a style code; a code stands in the entry that refers to the words.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from lxml import etree
from pydantic import ValidationError

from engine.model.cda import MARK, STYLE, V3
from engine.model.summary import Items

_V3: Final = f"{{{V3}}}"
_PATH: Final = re.compile(r"([0-9]{1,3})\.([a-z_]{1,40}(?:\.(?:[a-z_]{1,40}|[0-9]{1,5}))*)")
_SHOWN: Final = frozenset({_V3 + "content", _V3 + "caption"})
_CODES: Final = ("substance", "code")  # fields that hold the code of what a label names
_Branch = dict[str, Any]  # holds branches and leaves
_Code = dict[str, str | None]


class MarksError(Exception):
    """The marks are not ours, or were changed: the document is read like any other."""


def is_marked(text: etree._Element | None) -> bool:
    """Whether this is the narrative of a section that we wrote."""
    return text is not None and (text.get("ID") or "").startswith(f"{MARK}section.")


def is_joint(root: etree._Element) -> bool:
    """Whether marks of more than one contribution stand in it, sound or changed."""
    found = (path.partition(".") for path, _ in _shown(root))
    return len({number for number, _, _ in found}) > 1


def read_marked(root: etree._Element) -> tuple[Items, ...]:
    """What each contribution said, in the order of their numbers. Raises MarksError."""
    found: dict[int, _Branch] = {}
    for path, value in _shown(root):
        index, steps = _steps(path)
        _plant(found.setdefault(index, {}), steps, value)
    for path, code in _coded(root):
        index, steps = _steps(path)
        _put_code(found.setdefault(index, {}), steps, code)
    try:
        return tuple(Items.model_validate(_grown(found[index])) for index in sorted(found))
    except ValidationError:
        raise MarksError from None  # not chained: its text quotes the document


def _steps(path: str) -> tuple[int, list[str]]:
    match = _PATH.fullmatch(path)
    if match is None:
        raise MarksError
    return int(match[1]), match[2].split(".")


def _shown(root: etree._Element) -> Iterator[tuple[str, str]]:
    for element in root.iter(*_SHOWN):
        ident = element.get("ID") or ""
        if not ident.startswith(MARK) or not ident[len(MARK) :][:1].isdigit():
            continue
        style = element.get("styleCode") or ""
        value = style[len(STYLE) :] if style.startswith(STYLE) else _words(element)
        yield ident[len(MARK) :], value


def _coded(root: etree._Element) -> Iterator[tuple[str, _Code]]:
    """Codes by the words that they refer to: those of the code itself, else of what it names.

    The former come first, so that one code at most is left for each thing that is named.
    """
    naming: list[tuple[str, _Code]] = []
    for reference in root.iter(_V3 + "reference"):
        target, holder = reference.get("value") or "", reference.getparent()
        coded = None if holder is None else holder.getparent()
        if holder is None or coded is None or holder.tag != _V3 + "originalText":
            continue
        path = target.removeprefix(f"#{MARK}")
        if path == target or not path[:1].isdigit() or not coded.get("code"):
            continue
        if path.endswith("_none"):
            continue  # a code of the model's, for what the words say already
        code = {
            "code": coded.get("code"),
            "system": coded.get("codeSystem"),
            "display": coded.get("displayName"),
        }
        if path.endswith(".label"):
            naming.append((path, code))
        else:
            yield path, code
    yield from naming


def _words(element: etree._Element) -> str:
    found = [element.text or ""]
    for child in element:
        found.append("\n" if child.tag == _V3 + "br" else "")
        found.append(child.tail or "")
    return "".join(found)


def _plant(branch: _Branch, steps: list[str], value: str) -> None:
    for step in steps[:-1]:
        branch = _below(branch, step)
    if steps[-1] in branch:
        raise MarksError
    branch[steps[-1]] = value


def _put_code(branch: _Branch, steps: list[str], code: _Code) -> None:
    """A code takes the place of its words."""
    for step in steps[:-1]:
        branch = _below(branch, step)
    at = steps[-1]
    if at == "label":  # it names the item: its own words are those that no other code took
        if "codes" in branch:
            branch = _below(branch, "codes")
            at = next((one for one in branch if isinstance(branch[one], str)), at)
        else:
            at = next((one for one in _CODES if one in branch), at)
    if not isinstance(branch.get(at), str):
        raise MarksError
    branch[at] = code


def _below(branch: _Branch, step: str) -> _Branch:
    below = branch.setdefault(step, {})
    if not isinstance(below, dict):
        raise MarksError
    return below


def _grown(branch: Any) -> Any:
    """Branches whose names are numbers become lists, in the order of the numbers."""
    if not isinstance(branch, dict):
        return branch
    if branch and all(step.isdigit() for step in branch):
        return [_grown(branch[step]) for step in sorted(branch, key=int)]
    return {step: _grown(below) for step, below in branch.items()}
