"""The daemon, its settings and its state."""

import gc
import sys
from pathlib import Path

import click

from engine import __version__
from engine.cli.root import main
from engine.cli.show import as_json, ask, print_json, print_values


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)


@main.command()
@click.pass_obj
def serve(config_path: Path) -> None:
    """Run the daemon. Logs are JSON lines on standard error."""
    # What is read in stays: looking for garbage in it costs a tenth of the start. The daemon turns
    # it on again once all is there (runtime.run).
    gc.disable()
    from engine.runtime.run import serve as run

    sys.exit(run(config_path))


@main.command()
def demo() -> None:
    """Play a day of invented patients through the real daemon."""
    from engine.demo.run import main as run

    sys.exit(run())


@main.command()
@as_json
@click.pass_obj
def status(config_path: Path, json_: bool) -> None:
    """What runs, what waits, what a person must do."""
    told = ask(config_path, "status", {})
    print_json(told) if json_ else print_values(told)


@main.group()
def config() -> None:
    """The settings file."""


@config.command("check")
@click.pass_obj
def config_check(config_path: Path) -> None:
    """Say each mistake with its line, what is wrong, and the cure."""
    from engine.runtime.mistakes import Weight
    from engine.runtime.settings import examine, examine_letters

    settings, mistakes = examine(config_path)
    if settings is not None:
        mistakes += examine_letters(settings)
    for mistake in mistakes:
        click.echo(f"{mistake.weight.value}: {mistake}")
    stops = sum(one.weight is Weight.STOPS for one in mistakes)
    if settings is None or stops:
        some = "1 mistake" if stops == 1 else f"{stops} mistakes"
        click.echo(f"{some}: the daemon would not start with this file")
        sys.exit(1)
    click.echo(f"{config_path}: can be used ({settings.config.mode} mode)")


@config.command("describe")
def config_describe() -> None:
    """Print a settings file with every setting and what it is for."""
    from engine.runtime.describe import describe

    click.echo(describe(), nl=False)
