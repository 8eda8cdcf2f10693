"""Everything that making letters needs and that does not change between letters."""

import tomllib
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from engine.compose.discreet import Discretion
from engine.compose.pdf import Press, load_press
from engine.compose.template import LetterSheet, Pattern, read_pattern
from engine.compose.view import Roles, read_roles
from engine.model.errors import ConfigError
from engine.model.fact import Visibility
from engine.model.letter import LetterKind
from engine.model.value import Value

M = TypeVar("M", bound=Value)


class Coded(Value):
    """A code, its label, the OID of its system."""

    code: str
    display: str
    system: str


class Ordinary(Value):
    """What is true of a stay when nobody says otherwise; None is written as unknown."""

    multiresistant: bool | None = None
    transfusion: bool | None = None
    blood_products: bool | None = None


class Status(Value):
    """How far a document is: JDV_StatutDoc."""

    approved: Coded
    provisional: Coded


class AllergyCodes(Value):
    """Kinds of allergy (SNOMED CT) that the national model takes, and the most general of them."""

    kinds: frozenset[str]
    general: Coded


class CdaCodes(Value):
    """mappings/terminologies/cda.toml."""

    version: str
    encounter: Coded
    facility: Coded
    practice_setting: Coded
    confidentiality: Coded
    attending_physician: Coded
    gender: dict[str, Coded]
    entry_mode: Coded
    exit_mode: Coded
    ordinary: Ordinary
    status: Status
    allergy: AllergyCodes
    appointment: Coded
    to_schedule: Coded


class XdmCodes(Value):
    """mappings/terminologies/xdm.toml."""

    version: str
    format: Coded
    format_ldl_ses: Coded
    content_type: Coded
    class_code: dict[str, Coded]
    visibility: dict[Visibility, Coded]


@dataclass(frozen=True, slots=True)
class Shop:
    """Loaded once, shared by all threads; nothing in it changes."""

    patterns: dict[LetterKind, Pattern]
    press: Press
    cda: CdaCodes
    xdm: XdmCodes
    zone: tzinfo
    source_oid: str
    roles: Roles
    discretion: Discretion


def load(mappings: Path, *, zone: tzinfo, source_oid: str) -> Shop:
    """Read ``letters/`` and ``terminologies/`` under the folder of the mappings.

    ``zone`` is the hospital's: every date of a letter is told in it. ``source_oid`` names this
    system in XDM submissions (config ``hospital.source_oid``). Raises ConfigError, with the file
    and the cure, for anything that is missing or cannot be used.
    """
    letters = mappings / "letters"
    patterns = {kind: _pattern(letters / kind.value) for kind in LetterKind}
    roles, discretion = load_roles(mappings), load_discretion(mappings)
    terminologies = mappings / "terminologies"
    cda = _model(CdaCodes, terminologies / "cda.toml")
    xdm = _model(XdmCodes, terminologies / "xdm.toml")
    for kind, pattern in patterns.items():
        if pattern.sheet.type.class_code not in xdm.class_code:
            raise _unusable(
                letters / kind.value / "letter.toml",
                "type.class_code is not a class of terminologies/xdm.toml",
            )
    return Shop(patterns, load_press(letters), cda, xdm, zone, source_oid, roles, discretion)


def load_roles(mappings: Path) -> Roles:
    """``letters/roles.toml`` alone. Raises ConfigError."""
    path = mappings / "letters" / "roles.toml"
    try:
        return read_roles(tomllib.loads(_text(path)))
    except ValueError as error:  # of TOML too
        raise _unusable(path, str(error)) from None


def load_discretion(mappings: Path) -> Discretion:
    """``letters/discreet.toml`` alone. Raises ConfigError."""
    return _model(Discretion, mappings / "letters" / "discreet.toml")


def _pattern(folder: Path) -> Pattern:
    sheet = _model(LetterSheet, folder / "letter.toml")
    body, mail = (_text(folder / name) for name in ("letter.txt.j2", "mail.txt.j2"))
    return read_pattern(sheet, body, mail, where=str(folder))


def _model(kind: type[M], path: Path) -> M:
    try:
        content: dict[str, Any] = tomllib.loads(_text(path))
        return kind.model_validate(content)
    except tomllib.TOMLDecodeError as error:
        raise _unusable(path, str(error)) from None
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise _unusable(path, f"{name}: {first['msg']}") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, type(error).__name__) from None


def _unusable(path: Path, why: str) -> ConfigError:
    return ConfigError(
        where=str(path),
        effect="no letter can be made",
        remedy="compare the file with the one that is shipped",
        what=f"A file of the letters cannot be used: {why}.",
    )
