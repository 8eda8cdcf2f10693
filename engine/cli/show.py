"""How the commands ask and print."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import click

Args = dict[str, Any]


def printable(text: str, keep: str = "\n\t") -> str:
    """Show control characters instead of sending them to the terminal.

    What a message held is printed here: an escape sequence in it could rewrite the screen, and a
    direction mark make one number look like another.
    """
    return "".join(
        char
        if char in keep or unicodedata.category(char) not in ("Cc", "Cf", "Cs")
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def say(text: object) -> None:
    """Print a line that may hold what others wrote."""
    click.echo(printable(str(text)))


def ask(config_path: Path, operation: str, args: Args, by: str | None = None) -> Args:
    """Have the daemon perform it; without a daemon, perform it here."""
    from engine.runtime import offline

    return offline.ask(config_path, operation, args, by)


def print_rows(rows: list[Args], columns: tuple[str, ...]) -> None:
    """Print aligned columns."""
    table = [columns, *(tuple(_cell(row.get(name)) for name in columns) for row in rows)]
    widths = [max(len(line[n]) for line in table) for n in range(len(columns))]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
    if not rows:
        click.echo("(none)")


def _cell(value: Any) -> str:
    return printable("" if value is None else str(value), "")


def print_values(values: Args, *, skip: tuple[str, ...] = ()) -> None:
    """Print one value a line."""
    shown = {name: value for name, value in values.items() if name not in skip}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        say(f"{name.replace('_', ' ').ljust(width)}  {_shown(value)}")


def _shown(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{key} {one}" for key, one in value.items()) or "-"
        case list():
            lines = (f"\n  {json.dumps(one, ensure_ascii=False)}" for one in value)
            return "".join(lines) or "-"
        case None:
            return "-"
        case _:
            return str(value)


def print_json(values: Any) -> None:
    """Print for a program."""
    say(json.dumps(values, ensure_ascii=False, indent=2, default=str))


as_json = click.option("--json", "json_", is_flag=True, help="Print JSON.")
by_option = click.option("--by", help="Root only: act in this person's name.")
