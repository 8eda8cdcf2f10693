"""Master keys: where they lie, how a file of them is made and replaced.

Shape   Text, one key a line: ``relais-master-1 <64 hexadecimal digits>``. The first line wraps
        what is new; the others are still read. Blank lines and those that begin with # are left.

A file of ours is made once and rotated by us. A reference (a systemd credential, a variable, a
file that others see to) is read alone: whoever rotates it puts the new line first, has the keys
of the store wrapped anew, and only then takes the old line away.
"""

import os
import secrets
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, Self

from engine.model.errors import StoreError
from engine.store.cipher import KEY, fresh_key, name_of

_WORD: Final = "relais-master-1"
_MOST: Final = 65536


@dataclass(frozen=True, slots=True)
class Master:
    """A key that wraps the keys of the store."""

    key: bytes = field(repr=False)

    @classmethod
    def fresh(cls) -> Self:
        """Make one."""
        return cls(fresh_key())

    @property
    def name(self) -> str:
        """What the store calls it."""
        return name_of(self.key)

    @property
    def line(self) -> str:
        """Its line in a key file."""
        return f"{_WORD} {self.key.hex()}"


class Masters(Protocol):
    """Where the master keys are."""

    @property
    def ours(self) -> bool:
        """Whether we may replace them."""
        ...

    @property
    def where(self) -> str:
        """The place, for people."""
        ...

    def read(self) -> Sequence[Master]:
        """All of them, the one that wraps first. Raises EngineError."""
        ...

    def make(self) -> None:
        """Make the first one, if there is none and this is ours to do."""
        ...

    def replace(self, masters: Sequence[Master], /) -> None:
        """Put these in the place of what is there, whole or not at all."""
        ...


class MasterFile:
    """A file of ours: mode 0600, made at the first start."""

    ours: Final = True

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def where(self) -> str:
        """See Masters."""
        return str(self._path)

    def read(self) -> Sequence[Master]:
        """See Masters. A file that others may read is refused."""
        try:
            with self._path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                data = file.read(_MOST)
        except FileNotFoundError:
            raise _unusable(
                self.where, "it is not there", "restore it from the backup that the store is of"
            ) from None
        except OSError as error:
            why = error.strerror or "it cannot be read"
            raise _unusable(self.where, why, "check its owner") from None
        if mode & 0o077:
            why = f"others may read it (mode {mode:04o})"
            raise _unusable(self.where, why, f"run: chmod 600 {self._path}")
        return parse(data.decode("ascii", "replace"), self.where)

    def make(self) -> None:
        """See Masters."""
        if not self._path.exists():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self._draft([Master.fresh()])
            try:
                # Unlike a rename, a link never takes the place of a file that another process
                # made meanwhile: that one counts.
                with suppress(FileExistsError):
                    os.link(draft, self._path)
            finally:
                draft.unlink()
            self._flush_folder()

    def replace(self, masters: Sequence[Master]) -> None:
        """See Masters."""
        self._draft(masters).rename(self._path)
        self._flush_folder()

    def _draft(self, masters: Sequence[Master]) -> Path:
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            file.write("".join(f"{one.line}\n" for one in masters).encode())
            file.flush()
            os.fsync(file.fileno())
        return draft

    def _flush_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class GivenMasters:
    """Keys that others see to."""

    ours: Final = False

    def __init__(self, where: str, text: Callable[[], str]) -> None:
        """``text`` reads them anew each time; it raises EngineError."""
        self._where = where
        self._text = text

    @property
    def where(self) -> str:
        """See Masters."""
        return self._where

    def read(self) -> Sequence[Master]:
        """See Masters."""
        return parse(self._text(), self._where)

    def make(self) -> None:
        """See Masters: never ours to do."""

    def replace(self, _masters: Sequence[Master], /) -> None:
        """Refused."""
        raise _unusable(self._where, "it is not ours to write", "replace it where it is made")


def parse(text: str, where: str) -> Sequence[Master]:
    """Read the lines of a key file. ``StoreError`` for a line that is none, or without any."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        word, _, digits = line.strip().partition(" ")
        if not word or word.startswith("#"):
            continue
        key = b""
        with suppress(ValueError):
            key = bytes.fromhex(digits)
        if word != _WORD or len(key) != KEY:
            why = f"line {number} is no master key"
            raise _unusable(where, why, "make one with: relais keys make")
        found.append(Master(key))
    if not found:
        raise _unusable(where, "it holds no key", "make one with: relais keys make")
    return found


def _unusable(where: str, why: str, remedy: str) -> StoreError:
    return StoreError(
        what="The master key of the store cannot be used.",
        where=where,
        effect=f"{why}; nothing in the store can be read, and nothing was written",
        remedy=remedy,
    )
