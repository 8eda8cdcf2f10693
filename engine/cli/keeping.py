"""What is kept: a patient's rights, ages, keys."""

import os
from pathlib import Path

import click

from engine.cli.people import patient
from engine.cli.root import main
from engine.cli.show import as_json, ask, by_option, print_json, print_rows, printable


@patient.command("export")
@click.argument("number")
@click.option("--output", type=click.Path(path_type=Path), help="A new file, else the screen.")
@click.pass_obj
def patient_export(config_path: Path, number: str, output: Path | None) -> None:
    """Tell the patient, in French, what was sent about them, to whom, when and why."""
    text = ask(config_path, "patient.export", {"patient": number})["text"]
    if output is None:
        click.echo(printable(text), nl=False)
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(printable(text))
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from None
    click.echo(f"written: {output}")


@patient.command("forget")
@click.argument("number")
@click.option("--yes", is_flag=True, help="Do not ask.")
@by_option
@click.pass_obj
def patient_forget(config_path: Path, number: str, yes: bool, by: str | None) -> None:
    """Destroy what is held of a patient. That letters were sent, to whom and when, stays."""
    if not yes:
        click.confirm(
            "What is held of this patient will be destroyed, and what waits to be sent cancelled. "
            "Go on?",
            abort=True,
        )
    told = ask(config_path, "patient.forget", {"patient": number}, by)
    click.echo("forgotten: " + ", ".join(f"{count} {what}" for what, count in told.items()))


@main.command()
@by_option
@click.pass_obj
def purge(config_path: Path, by: str | None) -> None:
    """Drop what is past the ages of [retention], and give the disk its room back."""
    told = ask(config_path, "purge", {}, by)
    room = told.pop("bytes")
    click.echo("dropped: " + ", ".join(f"{count} {what}" for what, count in told.items()))
    click.echo(f"given back: {room / 1_048_576:.1f} MiB")


@main.group()
def keys() -> None:
    """The master key that seals the store."""


@keys.command("list")
@as_json
@click.pass_obj
def keys_list(config_path: Path, json_: bool) -> None:
    """Which masters are there, and what each opens. Shows names, never a key."""
    told = ask(config_path, "keys.list", {})
    if json_:
        print_json(told)
        return
    click.echo(told["where"])
    print_rows(told["masters"], ("name", "there", "first", "store_key", "patients"))


@keys.command("rotate")
@by_option
@click.pass_obj
def keys_rotate(config_path: Path, by: str | None) -> None:
    """Put a new master in the place of the one in use."""
    told = ask(config_path, "keys.rotate", {}, by)
    click.echo(f"{told['keys']} keys are wrapped by master {told['master']} now")
    if told["ours"]:
        click.echo("Back the new key file up: backups from before need the old one.")
    else:
        click.echo("The lines below the first may be taken away.")


@keys.command("make")
def keys_make() -> None:
    """Print a new master key, for a credential of your own."""
    from engine.runtime.offline import make_master_key

    click.echo(make_master_key())
