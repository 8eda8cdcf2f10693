"""Reads relais.toml: every mistake at once, each with its line and its cure."""

import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from engine.mapping.schema import Dialect
from engine.model.config import Config, Hospital, NeutralUnit, Unit
from engine.model.errors import EngineError
from engine.model.letter import UnitFace
from engine.model.policy import Policy, WithoutGp
from engine.runtime import toml_positions
from engine.runtime.checks import check
from engine.runtime.directory_file import Directory
from engine.runtime.doctors import Doctors
from engine.runtime.findings import Finding, Sound
from engine.runtime.mistakes import Mistake, SettingsError, Weight
from engine.runtime.shape import dotted, fit

NOT_STARTED: Final = "the daemon does not start; nothing is received and nothing is sent"
KEPT: Final = "the settings in use stay as they are"
_MOST = 4 * 1024 * 1024  # bytes


@dataclass(frozen=True)
class Settings:
    """A relais.toml that can be used, and what it leads to."""

    path: Path
    config: Config
    dialects: dict[str, Dialect]  # by folder name
    directory: Directory
    mistakes: tuple[Mistake, ...]  # none of them stops the daemon
    policy: Policy
    doctors: Doctors


def load(path: Path, *, effect: str = NOT_STARTED, now: datetime | None = None) -> Settings:
    """Read the file; raises SettingsError when any mistake stops its use.

    `effect` is what the error says of the consequence (a start-up or a reload).
    """
    settings, mistakes = examine(path, now=now)
    if settings is None:
        stops = [mistake for mistake in mistakes if mistake.weight is Weight.STOPS]
        raise SettingsError(stops, effect)
    return settings


def examine(
    path: Path, *, now: datetime | None = None
) -> tuple[Settings | None, tuple[Mistake, ...]]:
    """Read the file and all that it names; give the settings, if usable, and all mistakes."""
    now = now or datetime.now(UTC)
    try:
        text = _text(path)
        raw = tomllib.loads(text)
    except _FileFaultError as fault:
        return None, (Mistake(path.name, fault.line, "", fault.what, fault.cure),)
    except tomllib.TOMLDecodeError as error:
        return None, (_syntax(path.name, str(error)),)
    except RecursionError:
        return None, (_syntax(path.name, "brackets in brackets without end"),)
    index = toml_positions.positions(text)
    base = path.absolute().parent
    fitted = fit(Config, raw, base)
    sound = Sound(fitted.values, raw, base)
    findings = [Finding(misfit.path, misfit.what, misfit.cure) for misfit in fitted.misfits]
    findings += check(sound, now)
    mistakes = tuple(sorted({_mistake(path.name, index, finding) for finding in findings}))
    if any(mistake.weight is Weight.STOPS for mistake in mistakes):
        return None, mistakes
    config = Config(**(fitted.values | {"mappings": sound.mappings}))
    settings = Settings(
        path, config, sound.dialects, sound.directory, mistakes,
        policy=policy_of(config, sound.without_gp), doctors=Doctors(config, sound.directory),
    )  # fmt: skip
    return settings, mistakes


def examine_letters(settings: Settings) -> tuple[Mistake, ...]:
    """Load the texts of the letters, their fonts and code tables, as the daemon does after its
    start; give what stops it. Takes some 300 ms."""
    from engine.runtime.wiring import press_of

    try:
        press_of(settings)
    except EngineError as error:
        return (Mistake(error.where, 1, "", error.what.rstrip("."), error.remedy),)
    return ()


def data_named(path: Path) -> Path | None:
    """The folder that ``data`` names, whatever else is wrong in the file; None: not to be read."""
    try:
        # `data` stands before the first table: what comes after it may be half written.
        head = re.split(r"^\s*\[", _text(path), maxsplit=1, flags=re.MULTILINE)[0]
        data = tomllib.loads(head).get("data")
    except (_FileFaultError, tomllib.TOMLDecodeError, RecursionError):
        return None
    return path.absolute().parent / data if isinstance(data, str) and data else None


def policy_of(config: Config, without_gp: tuple[WithoutGp, ...] = ()) -> Policy:
    """What `decide` needs to know of the site."""
    hospital = config.hospital
    return Policy(
        mode=config.mode,
        delays=config.delays,
        unit_delays={key: unit.delays for key, unit in config.units.items() if unit.delays},
        units={key: _faces(hospital, unit) for key, unit in config.units.items()},
        detention_if_not_asked=config.detention_if_not_asked,
        test_mailboxes=config.test_mailboxes,
        notice_max_age=config.notice_max_age,
        transfer_window=config.transfer_window,
        away_max=config.away_max,
        vetoed_status=config.vetoed_status,
        vetoes=config.vetoes,
        capacity=config.capacity,
        without_gp=without_gp,
        time_zone=config.time_zone,
        around=config.release,
    )


def _faces(hospital: Hospital, unit: Unit) -> UnitFace:
    neutral = None if unit.neutral is None else _face(hospital, unit.neutral)
    return _face(hospital, unit, neutral)


def _face(
    hospital: Hospital, unit: Unit | NeutralUnit, neutral: UnitFace | None = None
) -> UnitFace:
    return UnitFace(
        hospital=hospital.name,
        finess=hospital.finess,
        unit=unit.name,
        address=unit.address,
        city=unit.city,
        name_dss=unit.name_dss,
        name_dsp=unit.name_dsp,
        phone_dss=unit.phone_dss,
        phone_dsp=unit.phone_dsp,
        secure_address=unit.secure_address,
        signature=unit.signature,
        responsible=unit.responsible,
        neutral=neutral,
    )


class _FileFaultError(Exception):
    def __init__(self, line: int, what: str, cure: str) -> None:
        super().__init__(what)
        self.line, self.what, self.cure = line, what, cure


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
    except OSError as error:
        raise _FileFaultError(
            1,
            f"the file cannot be read: {(error.strerror or 'unknown reason').lower()}",
            "give its path with --config; a first one: relais config describe > relais.toml",
        ) from None
    if len(data) > _MOST:
        raise _FileFaultError(1, "the file is too large", "check the path")
    try:
        # tomllib wants universal line ends, and counts lines by \n.
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _FileFaultError(line, "the file is not UTF-8", "save it again as UTF-8") from None


def _syntax(file: str, text: str) -> Mistake:
    """tomllib says ``… (at line 3, column 7)``, or ``(at end of document)``."""
    what, _, place = text.partition(" (at ")
    words = place.rstrip(")").replace(",", "").split()
    line = int(words[1]) if words[:1] == ["line"] else 1
    # An "Invalid initial character" and its like may quote a character; never a whole value.
    what = what[:1].lower() + what[1:]
    return Mistake(file, line, "", f"not valid TOML: {what}", "correct the line")


def _mistake(file: str, index: dict[toml_positions.Path, int], finding: Finding) -> Mistake:
    if finding.file is not None:
        return Mistake(
            finding.file, finding.line, finding.column, finding.what, finding.cure, finding.weight
        )
    return Mistake(
        file,
        toml_positions.line_of(index, finding.path),
        dotted(finding.path),
        finding.what,
        finding.cure,
        finding.weight,
    )
