"""The bytes of a file of agreements → its lines, or each place where it is wrong."""

from datetime import datetime
from typing import Final

from engine.model.consent_file import ConsentFile, ConsentLine
from engine.wire.statement_file import Placed, Shape, read_statements

_SHAPE: Final = Shape(ConsentLine, ConsentFile)
COLUMNS: Final = _SHAPE.columns


def read_consents(raw: bytes, *, now: datetime) -> tuple[Placed[ConsentLine], ...]:
    """Read one file. Raises FormError; ``now`` is when it came: nothing was said after it."""
    return read_statements(raw, _SHAPE, now=now)
