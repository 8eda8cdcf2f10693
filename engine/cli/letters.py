"""The exit letter before it leaves."""

import base64
import json
import os
import sys
from pathlib import Path

import click

from engine.cli.root import main
from engine.cli.show import as_json, ask, by_option, print_json, printable

_patient = click.option("--patient", help="The patient number (IPP), if the visit is not enough.")


@main.group()
def letter() -> None:
    """The exit letter before it leaves."""


@letter.command("show")
@click.argument("stay")
@_patient
@click.option(
    "--role",
    help="As another reader than the médecin traitant would see it: csapa, cmp, nurse, clat, "
    "coordinator (mappings/letters/roles.toml).",
)
@as_json
@click.pass_obj
def letter_show(
    config_path: Path, stay: str, patient: str | None, role: str | None, json_: bool
) -> None:
    """What the letter would say now, and under which face; who said each part, and why another
    would not leave.

    STAY is the visit number.
    """
    told = ask(config_path, "letter.show", {"stay": stay, "patient": patient, "role": role})
    text = told.pop("text")
    print_json(told) if json_ else click.echo(printable(text), nl=False)


@letter.command("check")
@click.argument("stay")
@_patient
@as_json
@click.pass_obj
def letter_check(config_path: Path, stay: str, patient: str | None, json_: bool) -> None:
    """What the letter lacks. Exit status 1 when something required does, or waits for validation.

    STAY is the visit number.
    """
    told = ask(config_path, "letter.check", {"stay": stay, "patient": patient})
    text = told.pop("text")
    print_json(told) if json_ else click.echo(printable(text), nl=False)
    sys.exit(0 if told["complete"] else 1)


@letter.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@by_option
@click.pass_obj
def letter_add(config_path: Path, file: Path, by: str | None) -> None:
    """Add one half's part by JSON form; see: relais letter schema."""
    from engine.wire.form import MOST_BYTES

    with file.open("rb") as opened:  # one byte too many is refused over there, in good words
        form = base64.b64encode(opened.read(MOST_BYTES + 1)).decode()
    told = ask(config_path, "letter.add", {"form": form}, by)
    if told["withdrawn"]:
        click.echo(f"withdrawn from the {told['half']} part")
    else:
        after = "" if told["validated"] else "; it does not leave before it is validated"
        click.echo(f"added to the {told['half']} part{after}")


@letter.command("ics")
@click.argument("stay")
@_patient
@click.option(
    "--to", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True,
    help="Folder to write rendez-vous-1.ics… into; nothing that lies there is overwritten.",
)  # fmt: skip
@click.pass_obj
def letter_ics(config_path: Path, stay: str, patient: str | None, to: Path) -> None:
    """Write each appointment of the letter as a calendar file, for the professional.

    No file names the patient or the unit. STAY is the visit number.
    """
    told = ask(config_path, "letter.ics", {"stay": stay, "patient": patient})
    for number, text in enumerate(told["files"], 1):
        path = to / f"rendez-vous-{number}.ics"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise click.ClickException(
                f"{path}: {(error.strerror or 'cannot be written').lower()}"
            ) from None
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
        click.echo(path)
    if told["unbooked"]:
        click.echo(f"still to be booked: {told['unbooked']}")


@letter.command("schema")
def letter_schema() -> None:
    """Print the JSON Schema of the form."""
    from engine.model.form import schema

    click.echo(json.dumps(schema(), ensure_ascii=False, indent=2))
