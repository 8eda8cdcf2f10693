"""Letters on paper."""

from pathlib import Path

import click

from engine.cli.root import main
from engine.cli.show import as_json, ask, by_option, print_json, print_rows


@main.group("print")
def print_() -> None:
    """Letters that wait to be printed and posted."""


@print_.command("list")
@click.option("--limit", default=200, show_default=True)
@as_json
@click.pass_obj
def print_list(config_path: Path, limit: int, json_: bool) -> None:
    """Oldest first. "post: no" says which must not be posted any more, and why."""
    rows = ask(config_path, "print.list", {"limit": limit})["letters"]
    columns = ("id", "letter", "version", "face", "channel", "since", "post")
    print_json(rows) if json_ else print_rows(rows, columns)


@print_.command("done")
@click.argument("deliveries", nargs=-1, required=True)
@by_option
@click.pass_obj
def print_done(config_path: Path, deliveries: tuple[str, ...], by: str | None) -> None:
    """These were printed and posted. Their files leave the queue."""
    told = ask(config_path, "print.done", {"deliveries": list(deliveries)}, by)
    click.echo(f"posted: {', '.join(told['posted'])}")


@print_.command("withdraw")
@click.argument("deliveries", nargs=-1, required=True)
@by_option
@click.pass_obj
def print_withdraw(config_path: Path, deliveries: tuple[str, ...], by: str | None) -> None:
    """These are not posted. Their files leave the queue; what was printed is yours to destroy."""
    told = ask(config_path, "print.withdraw", {"deliveries": list(deliveries)}, by)
    click.echo(f"withdrawn: {', '.join(told['withdrawn'])}")
