"""What an operator can type. Parses and dispatches; knows no rule."""

import os
import sys
from pathlib import Path

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "config_path", type=click.Path(path_type=Path), default=None)
@click.pass_context
def main(context: click.Context, config_path: Path | None) -> None:
    """Relais."""
    context.obj = config_path or Path(os.environ.get("RELAIS_CONFIG", "relais.toml"))


@main.command()
@click.pass_obj
def serve(config_path: Path) -> None:
    """Run the daemon."""
    from engine.runtime.run import serve as run

    sys.exit(run(config_path))


@main.command()
def demo() -> None:
    """Play a day of invented patients through the real daemon."""
    from engine.demo.run import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
