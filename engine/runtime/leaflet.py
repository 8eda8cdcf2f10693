"""The leaflet that a unit joins to its arrival notice: a PDF of the hospital's own."""

from pathlib import Path
from typing import Final

from engine.model.errors import ConfigError
from engine.verify.pdf import judge
from engine.verify.report import Weight

MOST: Final = 2 * 1024 * 1024  # bytes; mailboxes of practices are small


def leaflet_fault(path: Path) -> str | None:
    """Why a file cannot be joined to a mail; None: it can."""
    read = _read(path)
    return read if isinstance(read, str) else None


def read_leaflet(path: Path) -> bytes:
    """Its bytes; ConfigError when it cannot be joined to a mail."""
    read = _read(path)
    if isinstance(read, bytes):
        return read
    raise ConfigError(
        where=str(path),
        effect="no letter can be made",
        remedy="give a PDF/A-1 of the unit, or take the setting `leaflet` out",
        what=f"The leaflet of a unit cannot be used: {read}.",
    )


def _read(path: Path) -> bytes | str:
    """The bytes, or what is wrong with them."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST + 1)
    except OSError as error:
        return f"the file cannot be read: {(error.strerror or 'unknown reason').lower()}"
    if len(content) > MOST:
        return f"the file is larger than {MOST // (1024 * 1024)} MiB"
    if not content.startswith(b"%PDF-"):
        return "the file is no PDF"
    # MSSanté (ECO.2.1.1) takes PDF/A-1 alone; what leaves is judged by the same rules.
    for fault in judge(content):
        if fault.weight is not Weight.ADVICE:
            place = f" ({fault.place})" if fault.place else ""
            return f"the file is no PDF/A-1: {fault.sentence}{place}"
    return content
