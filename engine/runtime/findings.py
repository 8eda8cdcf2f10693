"""What the checks of relais.toml look at, and what they find."""

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import engine
from engine.mapping.schema import Dialect
from engine.model.channel import Channel
from engine.model.config import Listener, Unit, WatchedFolder
from engine.model.policy import WithoutGp
from engine.runtime.directory_file import Directory
from engine.runtime.mistakes import Weight
from engine.runtime.toml_positions import Path as Place


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: at a setting (`path`), or at a line of another file."""

    path: Place
    what: str
    cure: str
    weight: Weight = Weight.STOPS
    file: str | None = None
    line: int = 1
    column: str = ""


@dataclass
class Sound:
    """The settings that fit their types (others are absent, or None in a list), and what the
    checks loaded on their way."""

    values: dict[str, Any]
    raw: dict[str, Any]  # the file as TOML gives it
    base: Path
    dialects: dict[str, Dialect] = field(default_factory=dict)
    directory: Directory = field(default_factory=dict)
    without_gp: tuple[WithoutGp, ...] = ()

    @property
    def channels(self) -> dict[str, Channel]:
        """By name."""
        return dict(self.values.get("channels", {}))

    @property
    def units(self) -> dict[str, Unit]:
        """By USMP key."""
        return dict(self.values.get("units", {}))

    def names(self, table: str) -> frozenset[str]:
        """Names in a table of tables, those with mistakes in them included."""
        raw = self.raw.get(table)
        return frozenset(raw) if isinstance(raw, dict) else frozenset()

    @property
    def listeners(self) -> list[tuple[int, Listener]]:
        """With their places in the file."""
        return [(n, one) for n, one in enumerate(self.values.get("listener", ())) if one]

    @property
    def folders(self) -> list[tuple[int, WatchedFolder]]:
        """With their places in the file."""
        return [(n, one) for n, one in enumerate(self.values.get("folder", ())) if one]

    @property
    def mappings(self) -> Path:
        """The folder given; else ``mappings`` beside the file; else the one shipped."""
        given: Path = self.values.get("mappings", Path("mappings"))
        if "mappings" in self.raw:
            return given
        beside = self.base / given
        return beside if folder_fault(beside) is None else shipped_mappings()


ABSENT: Final = "this folder does not exist"


def folder_fault(path: Path) -> str | None:
    """Why `path` is no folder that this account reaches; None: it is one.

    Path.is_dir and Path.exists raise where the account may not look (Python 3.11), and a check
    that raises would end the daemon that reloads.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return ABSENT
    except OSError as error:
        return f"it cannot be reached: {(error.strerror or 'unknown reason').lower()}"
    return None if stat.S_ISDIR(mode) else "this is not a folder"


def cure_of(fault: str, path: Path) -> str:
    """What to do about a fault of `folder_fault`."""
    return f"mkdir -p {path}" if fault == ABSENT else f"see, as the daemon's account: ls -ld {path}"


def shipped_mappings() -> Path:
    """The folder of mappings that came with the program: in the wheel, or in the checkout."""
    package = Path(engine.__file__).parent
    inside = package / "_data" / "mappings"
    return inside if inside.is_dir() else package.parent / "mappings"
