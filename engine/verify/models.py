"""Which children an element has, in which order, how often: content models as one line of text.

``"id+ code? (assignedPerson|assignedAuthoringDevice) name*"`` reads as in a DTD. An element that
breaks its model is told by the first reason that a person would give: something that does not
belong there, something missing, something twice, or the order.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from operator import attrgetter
from typing import Final

from engine.verify.report import Fault, Weight
from engine.verify.xml import Element, elements, local, place_of, tag_of

_ITEM: Final = re.compile(r"(\([A-Za-z|]+\)|[A-Za-z]+)([?*+]?)")
_TAG: Final = attrgetter("tag")
_MOST_KEPT: Final = 512
_LONGEST_KEPT: Final = 2000


class Model:
    """The children of one kind of element. ``namespace`` is as tags have it: ``{urn:…}``."""

    __slots__ = ("_fitting", "_items", "_known", "_namespace", "_whole")

    def __init__(self, text: str, namespace: str) -> None:
        self._namespace = namespace
        self._items = [
            (tuple(found[1].strip("()").split("|")), found[2]) for found in _ITEM.finditer(text)
        ]
        self._known = frozenset(name for names, _ in self._items for name in names)
        start = re.escape(namespace)
        self._whole = re.compile(
            "".join(f"(?:{start}(?:{'|'.join(names)}) ){often}" for names, often in self._items)
        )
        self._fitting: set[str] = set()  # rows of tags that were found right: few, and common

    def faults(self, parent: Element, prefix: str) -> Iterator[Fault]:
        """Why the children of ``parent`` do not fit; nothing when they do."""
        try:
            row = " ".join(map(_TAG, parent)) + " " if len(parent) else ""
        except TypeError:  # a comment among them
            row = "".join(f"{tag_of(one)} " for one in elements(parent))
        if row in self._fitting:
            return
        if self._whole.fullmatch(row):
            if len(self._fitting) < _MOST_KEPT and len(row) < _LONGEST_KEPT:
                self._fitting.add(row)
            return
        names = []
        for child in elements(parent):
            name = local(child)
            if name in self._known and tag_of(child) == self._namespace + name:
                names.append(name)
            else:
                yield Fault(
                    f"{prefix}-unknown",
                    place_of(child),
                    "this element is not defined at this place",
                    Weight.OURS,
                )
        if not self._whole.fullmatch("".join(f"{self._namespace}{name} " for name in names)):
            rule, sentence = self._why(names)
            yield Fault(f"{prefix}-{rule}", place_of(parent), sentence)

    def _why(self, names: list[str]) -> tuple[str, str]:
        counts = Counter(names)
        for one_of, often in self._items:
            found = sum(counts[name] for name in one_of)
            told = " or ".join(one_of)
            if found == 0 and often in ("", "+"):
                return "missing", f"{told} is missing"
            if found > 1 and often in ("", "?"):
                return "repeated", f"{told} stands {found} times; once is the most"
        order = [name for one_of, _ in self._items for name in one_of]
        late = next(
            (
                (first, then)
                for first, then in pairwise(names)
                if order.index(first) > order.index(then)
            ),
            ("the others", "one of them"),
        )
        return "order", f"{late[1]} must stand before {late[0]}"


class Models:
    """Models by name; a key may be ``parent/child`` where the name alone is not enough."""

    __slots__ = ("_by_parent", "_by_tag", "_prefix", "_tags")

    def __init__(self, texts: Mapping[str, str], namespace: str, prefix: str) -> None:
        start = f"{{{namespace}}}"
        self._prefix = prefix
        self._by_tag: dict[str, Model] = {}
        self._by_parent: dict[str, dict[str, Model]] = {}
        for key, text in texts.items():
            parent, slash, name = key.rpartition("/")
            model = Model(text, start)
            if slash:
                self._by_parent.setdefault(start + name, {})[parent] = model
            else:
                self._by_tag[start + name] = model
        self._tags = tuple(self._by_tag.keys() | self._by_parent.keys())

    def judge(self, root: Element) -> Iterator[Fault]:
        """Look at every element that has a model."""
        for one in root.iter(*self._tags):
            tag = tag_of(one)
            model = self._by_tag.get(tag)
            precise = self._by_parent.get(tag)
            if precise is not None:
                parent = one.getparent()
                model = precise.get(local(parent) if parent is not None else "", model)
            if model is not None:
                yield from model.faults(one, self._prefix)
