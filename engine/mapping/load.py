"""Reads a mapping folder."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from engine.mapping.clinical_schema import Clinical
from engine.mapping.schema import Dialect, DialectFile, Units
from engine.model.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


def load_mapping(folder: Path) -> Dialect:
    """Read ``mapping.toml`` and ``units.toml`` of one mapping; ``clinical.toml`` if there is one.

    Raises ConfigError that names the file, the setting, and what is wrong.
    """
    clinical = folder / "clinical.toml"
    return Dialect(
        folder=folder.name,
        mapping=_read(folder / "mapping.toml", DialectFile),
        units=_read(folder / "units.toml", Units),
        clinical=_read(clinical, Clinical) if clinical.exists() else Clinical(),
    )


def _read(path: Path, model: type[Model]) -> Model:
    effect = "the mapping is not loaded; messages of its listeners cannot be read"
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            what="A mapping file is missing.",
            where=str(path),
            effect=effect,
            remedy="copy mappings/pam-fr/ and adapt it, or correct `mapping` of the listener",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            what=f"A mapping file is not valid TOML: {error}",
            where=str(path),
            effect=effect,
            remedy="correct the line; then run: relais config check",
        ) from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(str(step) for step in one['loc'])}: {one['msg']}" for one in error.errors()
        )
        raise ConfigError(
            what=f"A mapping file has mistakes: {mistakes}",
            where=str(path),
            effect=effect,
            remedy="correct them; then run: relais config check",
        ) from None
