"""Commands without a daemon: the operation runs here, on the store, if nobody holds it."""

import os
from pathlib import Path
from typing import Any, Final

from engine.model.errors import ConfigError
from engine.runtime import control
from engine.runtime.settings import load
from engine.runtime.wiring import store_path, utc_now
from engine.store.sqlite import SqliteStore

_EFFECT: Final = "the command does nothing"


def ask(
    config_path: Path, operation: str, args: dict[str, Any], by: str | None = None
) -> dict[str, Any]:
    """Have the daemon perform an operation; without a daemon, perform it on the store itself.

    Raises EngineError: the settings cannot be read, the store is held, the operation is refused.
    """
    settings = load(config_path, effect=_EFFECT)
    try:
        return control.call(settings.config, operation, args, by)
    except control.NotRunningError:
        pass
    from engine.commands import perform
    from engine.commands.context import Context

    login = control.login_of(os.getuid())
    path = store_path(settings.config.data)
    if not path.exists():
        raise ConfigError(
            what="There is no store yet.",
            where=str(path),
            effect=_EFFECT,
            remedy="start the daemon once: relais serve",
        )
    store = SqliteStore.open(path)
    try:
        actor = by if by and login == "root" else login
        context = Context(store, settings, utc_now, actor, lambda: None)
        return perform(context, operation, args)
    finally:
        store.close()


def try_mapping(file: Path, name: str) -> dict[str, Any]:
    """Read one message with a mapping; give what was read and what was missing."""
    from engine.commands.journal import told_reading
    from engine.mapping.apply import apply
    from engine.mapping.load import load_mapping
    from engine.wire import hl7, mllp

    folder = Path(name)
    if not folder.is_dir():
        folder = Path(__file__).resolve().parents[2] / "mappings" / name
    dialect = load_mapping(folder)
    raw = file.read_bytes().strip(mllp.frame(b""))
    message = hl7.read(raw, aliases=dialect.mapping.charset)
    reading = apply(message, dialect, heard_at=utc_now())
    return {"file": str(file), "charset": message.charset} | told_reading(reading)
