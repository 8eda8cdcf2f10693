"""The command itself: finds the settings file, and shows an error as its four lines."""

import sys
import traceback
from pathlib import Path
from typing import Any, Final

import click

LOOKED_FOR: Final = (Path("relais.toml"), Path("/etc/relais/relais.toml"))


class _Group(click.Group):
    """Shows an error as its four lines, never as a traceback: that could quote a message."""

    def invoke(self, ctx: click.Context) -> Any:
        from engine.model.errors import EngineError, OperationError

        try:
            return super().invoke(ctx)
        except EngineError as error:
            click.echo(str(error), err=True)
            sys.exit(1)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click's own ways of ending
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            fault = OperationError(
                what=f"A fault of the engine ({type(error).__name__}).",
                where=f"{Path(frame.filename).name}, line {frame.lineno}",
                effect="the command was broken off",
                remedy="look (relais status), and report these lines with what was typed",
            )
            click.echo(str(fault), err=True)
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
