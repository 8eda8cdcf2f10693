"""The médecin traitant, and what is remembered of doctors."""

from pathlib import Path
from typing import Any

import click

from engine.cli.root import main
from engine.cli.show import as_json, ask, by_option, print_json, print_rows, say


@main.group()
def gp() -> None:
    """The médecin traitant."""


@gp.command("confirm")
@click.argument("patient")
@click.option("--rpps", required=True, help="The doctor's RPPS, as the patient confirmed it.")
@by_option
@click.pass_obj
def gp_confirm(config_path: Path, patient: str, rpps: str, by: str | None) -> None:
    """Say which doctor is the right one: the one declared, or one that a source names."""
    ask(config_path, "gp.confirm", {"patient": patient, "rpps": rpps}, by)
    click.echo("confirmed")


@gp.command("found")
@click.argument("patient")
@click.option("--rpps", help="The doctor's RPPS.")
@click.option("--family", help="Family name, where the number is not shown.")
@click.option("--given", help="Given name.")
@click.option("--place", help="Of the practice: 59000 Lille.")
@click.option("--phone", help="Of the practice.")
@click.option("--answer", help="declared (with --rpps or --family), none, not-found.")
@click.option("--source", help="amelipro (the patient must have agreed), patient; else amelipro.")
@click.option("--at", help="When it was looked up, 2026-03-02T10:30+01:00; else now.")
@by_option
@click.pass_obj
def gp_found(config_path: Path, /, patient: str, by: str | None, **args: Any) -> None:
    """Bring back what the insurer's portal, or the patient, says. It stands beside what the record
    says: where the two disagree a person decides (relais gp confirm)."""
    told = ask(config_path, "gp.found", {"patient": patient, **args}, by)
    click.echo(f"recorded: {told['recorded']}")


@gp.command("disown")
@click.argument("patient")
@click.option("--rpps", required=True, help="Of the doctor who said so.")
@by_option
@click.pass_obj
def gp_disown(config_path: Path, patient: str, rpps: str, by: str | None) -> None:
    """A doctor says: not my patient. Nothing more leaves there until `relais gp confirm`, and what
    went there is an incident."""
    told = ask(config_path, "gp.disown", {"patient": patient, "rpps": rpps}, by)
    click.echo("nothing more leaves to that doctor; see: relais task list")
    for one in told["sent_before"]:
        say(
            f"sent before: {one['letter']} v{one['version']}, {one['sent_at']}, to {one['to']}, "
            f"Message-ID {one['message_id']}"
        )


@gp.command("worklist")
@click.pass_obj
def gp_worklist(config_path: Path) -> None:
    """Whom to look up on the portal: CSV to fill in, then `relais gp import`."""
    click.echo(ask(config_path, "gp.worklist", {})["csv"], nl=False)


@gp.command("import")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@by_option
@click.pass_obj
def gp_import(config_path: Path, file: Any, by: str | None) -> None:
    """Take the list back, filled in: answer (declared, none, not-found), the doctor, who looked
    and when. A line without an answer is left for later."""
    told = ask(config_path, "gp.import", {"csv": file.read()}, by)
    click.echo(f"taken: {told['taken']}")
    for one in told["left"]:
        say(f"line {one['line']} left: {one['why']} {one['do']}")


@main.group()
def doctor() -> None:
    """What is remembered of a doctor, whoever the patient is."""


@doctor.command("note")
@click.argument("rpps")
@click.option("--channel", help="Name of the [channels.*] to use for this doctor.")
@click.option("--format", "format_", help="What the doctor can read: xdm, hprim.")
@click.option("--no-mail/--mail", "no_mail", default=None, help="Wants no electronic mail.")
@by_option
@click.pass_obj
def doctor_note(
    config_path: Path,
    rpps: str,
    channel: str | None,
    format_: str | None,
    no_mail: bool | None,
    by: str | None,
) -> None:
    """Remember how to reach a doctor."""
    args = {"rpps": rpps, "channel": channel, "format": format_, "no_mail": no_mail}
    told = ask(config_path, "doctor.note", args, by)
    print_rows([told], ("rpps", "channel", "format", "no_mail", "at", "by"))


@doctor.command("list")
@as_json
@click.pass_obj
def doctor_list(config_path: Path, json_: bool) -> None:
    """All that is remembered."""
    rows = ask(config_path, "doctor.list", {})["doctors"]
    print_json(rows) if json_ else print_rows(
        rows, ("rpps", "channel", "format", "no_mail", "at", "by")
    )


@doctor.command("forget")
@click.argument("rpps")
@by_option
@click.pass_obj
def doctor_forget(config_path: Path, rpps: str, by: str | None) -> None:
    """Remember nothing of a doctor."""
    ask(config_path, "doctor.forget", {"rpps": rpps}, by)
    click.echo("forgotten")
