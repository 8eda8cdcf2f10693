"""The day that `make demo` plays: its steps, and what must come of each patient.

Source: fixtures/day/day.toml and the messages beside it. The dates of the messages are moved so
that the day of the fixtures becomes the day before the day of play: nothing in it is then in the
future, nor too old to be told about.
"""

import re
import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

# A date of the fixtures' year, at the head of a run of digits: never part of a number.
_DATE: Final = re.compile(rb"(?<![0-9A-Za-z+/])(2026(?:0[1-3])[0-3]\d)(?=[^0-9]|\d{6}(?!\d))")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens."""

    send: str = ""  # a message over MLLP
    drop: str = ""  # a message as a file in the watched folder
    agree: tuple[str, str, str] | None = None  # patient number, purpose, RPPS: said by a person
    after: tuple[str, str, str] | None = None  # patient number, thread, verdict to wait for


@dataclass(frozen=True, slots=True)
class Mail:
    """A letter that must have left."""

    kind: str
    version: int
    to: str
    face: str = "open"  # or "discreet"


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come of one patient."""

    ipp: str
    story: str
    mails: tuple[Mail, ...]
    verdicts: dict[str, str]  # thread → "standing: reason"; empty: no stay
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """The whole of it."""

    folder: Path
    shift: timedelta
    steps: tuple[Step, ...]
    patients: tuple[Expected, ...]

    def message(self, name: str) -> bytes:
        """The bytes of a message, its dates moved."""
        return moved((self.folder / name).read_bytes(), self.shift)


def moved(raw: bytes, shift: timedelta) -> bytes:
    """Move every date of the fixtures' first months of 2026 by whole days."""

    def move(found: re.Match[bytes]) -> bytes:
        text = found[1].decode()
        there = date(int(text[:4]), int(text[4:6]), int(text[6:8])) + shift
        return there.strftime("%Y%m%d").encode()

    return _DATE.sub(move, raw)


def load_day(folder: Path, today: date) -> Day:
    """Read day.toml. Raises OSError, KeyError or ValueError when it is not what it should be."""
    data: dict[str, Any] = tomllib.loads((folder / "day.toml").read_text(encoding="utf-8"))
    return Day(
        folder=folder,
        shift=today - timedelta(days=1) - data["day"],
        steps=tuple(_step(one) for one in data["step"]),
        patients=tuple(_expected(one) for one in data["patient"]),
    )


def _step(row: dict[str, Any]) -> Step:
    if "agree" in row:
        said = row["agree"]
        return Step(agree=(said["ipp"], said["purpose"], said["rpps"]))
    if "after" in row:
        awaited = dict(row["after"])
        ipp = awaited.pop("ipp")
        ((thread, verdict),) = awaited.items()
        return Step(after=(ipp, thread, verdict))
    return Step(send=row.get("send", ""), drop=row.get("drop", ""))


def _expected(row: dict[str, Any]) -> Expected:
    return Expected(
        ipp=row["ipp"],
        story=row["story"],
        mails=tuple(Mail(**one) for one in row["mails"]),
        verdicts={thread: row[thread] for thread in ("arrival", "exit") if thread in row},
        tasks=tuple(sorted(row["tasks"])),
    )
