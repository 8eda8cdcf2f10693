"""The command itself: finds the settings file, and shows an error of ours as its four lines."""

import sys
from pathlib import Path
from typing import Any, Final

import click

LOOKED_FOR: Final = (Path("relais.toml"), Path("/etc/relais/relais.toml"))


class _Group(click.Group):
    """Shows an error of ours as its four lines, never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        from engine.model.errors import EngineError

        try:
            return super().invoke(ctx)
        except EngineError as error:
            click.echo(str(error), err=True)
            sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    envvar="RELAIS_CONFIG",
    help="Settings file. Else ./relais.toml, then /etc/relais/relais.toml.",
)
@click.pass_context
def main(context: click.Context, config_path: Path | None) -> None:
    """Relais tells a patient's doctor of an arrival in, or a release from, a prison health unit."""
    found = config_path or next((path for path in LOOKED_FOR if path.exists()), LOOKED_FOR[0])
    context.obj = found
