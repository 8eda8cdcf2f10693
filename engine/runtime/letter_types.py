"""Which document each kind of letter is, without loading all that writing one takes."""

import tomllib
from pathlib import Path

from engine.model.errors import ConfigError
from engine.model.letter import LetterKind
from engine.record import DocumentType


def read_types(letters: Path) -> dict[LetterKind, DocumentType]:
    """From letter.toml of every kind. Raises ConfigError."""
    found = {}
    for kind in LetterKind:
        path = letters / kind.value / "letter.toml"
        try:
            told = tomllib.loads(path.read_text(encoding="utf-8"))["type"]
            found[kind] = DocumentType(told["code"], told["display"], told["system"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                what=f"A file of the letters cannot be used: {type(error).__name__}.",
                where=str(path),
                effect="the hospital's record cannot be told of letters",
                remedy="compare the file with the one that is shipped",
            ) from None
    return found
