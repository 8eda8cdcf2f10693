"""The bytes of a file of coming releases → its lines, or each place where it is wrong."""

from datetime import datetime
from typing import Final

from engine.model.release_file import ReleaseFile, ReleaseLine
from engine.wire.statement_file import Placed, Shape, read_statements

_SHAPE: Final = Shape(ReleaseLine, ReleaseFile)
COLUMNS: Final = _SHAPE.columns


def read_releases(raw: bytes, *, now: datetime) -> tuple[Placed[ReleaseLine], ...]:
    """Read one file. Raises FormError; ``now`` is when it came: nothing was said after it."""
    return read_statements(raw, _SHAPE, now=now)
