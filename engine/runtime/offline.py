"""Commands without a daemon: the operation runs here, on the store, if nobody holds it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from engine.model.errors import ConfigError, EngineError, OperationError
from engine.runtime import control
from engine.runtime.findings import shipped_mappings
from engine.runtime.settings import data_named, load
from engine.runtime.wiring import masters_of, store_path, utc_now
from engine.store.masters import Master
from engine.store.sqlite import SqliteStore

_EFFECT: Final = "the command does nothing"


def ask(
    config_path: Path, operation: str, args: dict[str, Any], by: str | None = None
) -> dict[str, Any]:
    """Have the daemon perform an operation; without a daemon, perform it on the store itself.

    Raises EngineError: the settings cannot be read, the store is held, the operation is refused.
    """
    data = data_named(config_path)
    if data is not None:
        # The daemon may run with better settings than the file has now: `relais pause` must work.
        with contextlib.suppress(control.NotRunningError):
            return control.call_at(control.socket_in(data), operation, args, by)
    settings = load(config_path, effect=_EFFECT)
    from engine.commands import perform
    from engine.commands.context import Context

    actor = control.actor(control.login_of(os.getuid()), by)
    path = store_path(settings.config.data)
    if not path.exists():
        raise ConfigError(
            what="There is no store yet.",
            where=str(path),
            effect=_EFFECT,
            remedy="start the daemon once: relais serve",
        )
    try:
        store = SqliteStore.open(path, masters_of(settings.config))
    except PermissionError:
        raise control.closed_to_us(path) from None
    try:
        return perform(Context(store, settings, utc_now, actor, lambda: None), operation, args)
    finally:
        store.close()


def try_mapping(file: Path, name: str) -> Iterator[dict[str, Any]]:
    """Read the messages of a file with a mapping; give what was read and what was missing.

    ``name`` is a folder, or one of the mappings that are shipped. Raises ConfigError for a mapping
    that cannot be used; a message that cannot be read gives its ``fault``.
    """
    from engine.commands.journal import told_reading
    from engine.mapping.apply import apply
    from engine.mapping.load import load_mapping
    from engine.wire import hl7

    folder = Path(name) if Path(name).is_dir() else shipped_mappings() / name
    dialect = load_mapping(folder)
    for piece in messages_of(file):
        told: dict[str, Any] = {"file": str(file)}
        try:
            message = hl7.read(piece, aliases=dialect.mapping.charset)
            reading = apply(message, dialect, heard_at=utc_now())
        except EngineError as error:
            told |= {"fault": f"{error.code} {error.where}: {error.what}"}
        else:
            told |= {"charset": message.charset} | told_reading(reading)
        yield told


def messages_of(file: Path) -> list[bytes]:
    """The messages of a file, as a watched folder would take them."""
    from engine.wire.hl7_file import messages

    return [one if isinstance(one, bytes) else one.data for one in messages(file.read_bytes())]


def make_signing_key(path: Path) -> str:
    """Make a key of the audit; give its public half, PEM. Raises OperationError."""
    from engine.audit import public_key_pem
    from engine.store.keys import load_or_create_key

    if path.exists():
        raise OperationError(
            what="That file exists already.",
            where=str(path),
            effect="nothing was written",
            remedy="give the path of a new file",
        )
    try:
        return public_key_pem(load_or_create_key(path).public_key())
    except OSError as error:
        raise OperationError(
            what=f"The key cannot be written: {(error.strerror or '').lower()}.",
            where=str(path),
            effect="nothing was written",
            remedy="give a path in a folder that you may write to",
        ) from None


def make_master_key() -> str:
    """A line of a master key file, see store.masters."""
    return Master.fresh().line
