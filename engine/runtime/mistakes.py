"""A mistake of a configuration file: where it stands, what is wrong, and the cure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.model.errors import ConfigError


class Weight(StrEnum):
    """What a mistake does to the daemon."""

    STOPS = "error"  # the file is not used
    SKIPS = "skipped"  # that line alone is not used
    ADVICE = "advice"  # used as it is, and worth a thought


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake. ``line`` counts from 1; ``setting`` is the dotted path, "" for a whole file."""

    file: str
    line: int
    setting: str
    what: str
    cure: str
    weight: Weight = Weight.STOPS

    def __str__(self) -> str:
        setting = f"{self.setting}: " if self.setting else ""
        return f"{self.file}:{self.line}: {setting}{self.what} — {self.cure}"


class SettingsError(ConfigError):
    """A relais.toml that cannot be used, with every mistake that was found in it."""

    def __init__(self, mistakes: Sequence[Mistake], effect: str) -> None:
        self.mistakes = tuple(mistakes)
        first = self.mistakes[0]
        more = len(self.mistakes) - 1
        super().__init__(
            what=f"{first.setting}: {first.what}" if first.setting else first.what,
            where=f"{first.file}:{first.line}" + (f", and {more} more" if more else ""),
            effect=effect,
            remedy=f"{first.cure}; then run: relais config check",
        )
