"""mappings/privacy/: what must not be said, as data with a version and a source."""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from engine.model.errors import ConfigError
from engine.model.value import Value
from engine.privacy.fold import words
from engine.privacy.misspelt import Misspelt
from engine.privacy.pattern import Kept, Pattern, PatternError, read
from engine.privacy.report import BUILT_IN

MOST_PATTERNS: Final = 20_000
MOST_BYTES: Final = 1024 * 1024
_SHORTEST_CUT: Final = 6
_EFFECT: Final = "without these rules no letter leaves"
_CURE: Final = "correct it; then run: relais config check"


class Scope(StrEnum):
    """When the rules of a file are applied."""

    ALWAYS = "always"  # penal facts
    DISCREET = "discreet"  # whatever says prison


class RuleText(Value):
    """One rule of a file."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{2,40}$", description="Shown in tasks and the audit.")
    name: str = Field(min_length=3, max_length=80, description="What it looks for, in words.")
    say: tuple[str, ...] = Field(min_length=1, description="Patterns; one is enough.")
    but: tuple[str, ...] = Field(default=(), description="Patterns round a word that excuse it.")
    street: bool = Field(default=True, description="Excused in the name of a street.")
    surname: bool = Field(default=False, description="Excused behind a title: Dr Prévenu.")
    past: bool = Field(
        default=False, description="Excused before a date that is not after the mail's own."
    )


class RuleFile(Value):
    """One file of mappings/privacy/."""

    version: str = Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(\.[0-9]+)?$")
    source: str = Field(min_length=3, description="Where its words come from.")
    scope: Scope
    lists: dict[str, tuple[str, ...]] = Field(default={}, description="Phrases, as {name}.")
    cut: tuple[str, ...] = Field(
        default=(), description="Words that are told also when written in pieces: d é t e n u."
    )
    common: tuple[str, ...] = Field(
        default=(), description="Words that are no piece of another when beside one another."
    )
    misspelt: tuple[str, ...] = Field(
        default=(), description="Words that are told also with one letter wrong."
    )
    real: tuple[str, ...] = Field(
        default=(), description="Words that are no mistake for one of those."
    )
    street: tuple[str, ...] = Field(default=(), description="What excuses a word in a street.")
    surname: tuple[str, ...] = Field(default=(), description="What excuses a word in a name.")
    rule: tuple[RuleText, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule made ready."""

    id: str
    name: str
    scope: Scope
    excuses: tuple[Pattern, ...] = field(repr=False)
    past: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules, by the words that they are looked for by. ``version`` changes with any byte."""

    version: str
    rules: Mapping[str, Rule]
    by_word: Mapping[str, tuple[tuple[Rule, Pattern], ...]] = field(repr=False)
    by_stem: Mapping[str, tuple[tuple[Rule, Pattern], ...]] = field(repr=False)
    heads: frozenset[str] = field(repr=False)  # first three letters of the stems
    stem_lengths: tuple[int, ...] = field(repr=False)
    whole: frozenset[str] = field(repr=False)  # words that are told also in pieces
    in_two: frozenset[str] = field(repr=False)  # those, and words that need their neighbours
    common: frozenset[str] = field(repr=False)  # words that are no piece of another
    misspelt: Misspelt = field(repr=False)

    def name(self, rule_id: str) -> str:
        """What a rule looks for, in words."""
        return self.rules[rule_id].name if rule_id in self.rules else BUILT_IN.get(rule_id, rule_id)

    def of_word(self, word: str) -> tuple[tuple[Rule, Pattern], ...]:
        """The rules and patterns that a word may be the anchor of."""
        found = self.by_word.get(word, ())
        if word[:3] in self.heads:
            for length in self.stem_lengths:
                if length > len(word):
                    break
                found += self.by_stem.get(word[:length], ())
        return found

    def knows(self, word: str) -> bool:
        """Whether any rule looks at a word."""
        return bool(self.of_word(word))


def load(folder: Path) -> Rules:
    """Read every file of mappings/privacy/. Raises ConfigError, which names file and rule."""
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise _error(folder, "There are no rules on what must not be said.")
    texts = {path.name: _bytes(path) for path in paths}
    return build({name: _parsed(folder / name, text) for name, text in texts.items()}, texts)


def build(files: Mapping[str, RuleFile], texts: Mapping[str, bytes]) -> Rules:
    """Make the rules of some files ready. Raises ConfigError."""
    by_word: dict[str, list[tuple[Rule, Pattern]]] = {}
    by_stem: dict[str, list[tuple[Rule, Pattern]]] = {}
    rules: dict[str, Rule] = {}
    cut: set[str] = set()
    common: set[str] = set()
    misspelt: set[str] = set()
    real: set[str] = set()
    kept: Kept = {}
    count = 0
    for file, held in files.items():
        cut.update(word for one in held.cut for word in words(one))
        common.update(word for one in held.common for word in words(one))
        misspelt.update(word for one in held.misspelt for word in words(one))
        real.update(word for one in held.real for word in words(one))
        for text in held.rule:
            if text.id in rules or text.id in BUILT_IN:
                raise _error(Path(file), f"rule {text.id}: another rule has this id.")
            try:
                excuses = [
                    *text.but,
                    *(held.street if text.street else ()),
                    *(held.surname if text.surname else ()),
                ]
                rule = Rule(
                    text.id,
                    text.name,
                    held.scope,
                    tuple(_read(excuses, held.lists, kept)),
                    text.past,
                )
                for pattern in _read(text.say, held.lists, kept):
                    count += 1
                    for word in pattern.anchor.words:
                        by_word.setdefault(word, []).append((rule, pattern))
                    for stem in pattern.anchor.stems:
                        by_stem.setdefault(stem, []).append((rule, pattern))
            except PatternError as error:
                raise _error(Path(file), f"rule {text.id}: {error}.") from None
            rules[text.id] = rule
    if count > MOST_PATTERNS:
        raise _error(Path(next(iter(files))), f"more than {MOST_PATTERNS} patterns.")
    digest = hashlib.sha256()
    for name in sorted(texts):
        digest.update(name.encode() + b"\0" + texts[name] + b"\0")
    made = Rules(
        version=digest.hexdigest()[:16],
        rules=rules,
        by_word={word: tuple(held) for word, held in by_word.items()},
        by_stem={stem: tuple(held) for stem, held in by_stem.items()},
        heads=frozenset(stem[:3] for stem in by_stem),
        stem_lengths=tuple(sorted({len(stem) for stem in by_stem})),
        whole=frozenset(cut),
        in_two=frozenset(cut | {one for one in by_word if len(one) >= _SHORTEST_CUT}),
        common=frozenset(common),
        misspelt=Misspelt(misspelt, real),
    )
    for word in sorted(cut):
        if not made.knows(word):
            raise _error(Path(next(iter(files))), f"cut: no rule looks for {word!r} by itself.")
    return made


def _read(
    texts: Sequence[str], lists: Mapping[str, Sequence[str]], kept: Kept
) -> Iterator[Pattern]:
    for text in texts:
        try:
            yield from read(text, lists, kept)
        except PatternError as error:
            raise PatternError(f"{text!r}: {error}") from None


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _error(path, f"A file cannot be read: {(error.strerror or '').lower()}.") from None
    if len(data) > MOST_BYTES:
        raise _error(path, "A file is too large.")
    return data


def _parsed(path: Path, data: bytes) -> RuleFile:
    try:
        return RuleFile.model_validate(tomllib.loads(data.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _error(path, f"A file is not valid TOML: {error}.") from None
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(str(step) for step in one['loc'])}: {one['msg']}" for one in error.errors()
        )
        raise _error(path, f"A file has mistakes: {mistakes}.") from None


def _error(path: Path, what: str) -> ConfigError:
    return ConfigError(
        what=what, where=f"mappings/privacy/{path.name}", effect=_EFFECT, remedy=_CURE
    )
