"""What patients said, and what people must do."""

from pathlib import Path

import click

from engine.cli.root import main
from engine.cli.show import as_json, ask, by_option, print_json, print_rows, print_values, printable


@main.group()
def consent() -> None:
    """What the patient agreed to."""


@consent.command("record")
@click.argument("patient")
@click.option(
    "--purpose", "purposes", multiple=True, required=True,
    help="arrival-notice, exit-notice, exit-letter-somatic, exit-letter-psychiatric, "
    "coordinator, dmp, patient-mailbox. May be repeated.",
)  # fmt: skip
@click.option(
    "--state", required=True, help="granted, refused, withdrawn, could-not-be-asked, not-asked."
)
@click.option("--recipient", help="RPPS of the doctor; else the médecin traitant declared now.")
@click.option("--at", help="When the patient said it, 2026-03-02T10:30+01:00; else now.")
@by_option
@click.pass_obj
def consent_record(
    config_path: Path,
    patient: str,
    purposes: tuple[str, ...],
    state: str,
    recipient: str | None,
    at: str | None,
    by: str | None,
) -> None:
    """Record what the patient said. PATIENT is the number (IPP)."""
    args = {
        "patient": patient, "purposes": list(purposes), "state": state, "recipient": recipient,
        "at": at,
    }  # fmt: skip
    told = ask(config_path, "consent.record", args, by)
    click.echo(f"recorded: {told['state']} for {', '.join(told['recorded'])}")


@consent.command("list")
@click.argument("patient")
@as_json
@click.pass_obj
def consent_list(config_path: Path, patient: str, json_: bool) -> None:
    """Everything the patient said, oldest first."""
    rows = ask(config_path, "consent.list", {"patient": patient})["consents"]
    columns = ("at", "purpose", "state", "recipient", "by")
    print_json(rows) if json_ else print_rows(rows, columns)


@main.group()
def gp() -> None:
    """The médecin traitant."""


@gp.command("confirm")
@click.argument("patient")
@click.option("--rpps", required=True, help="The doctor's RPPS, as the patient confirmed it.")
@by_option
@click.pass_obj
def gp_confirm(config_path: Path, patient: str, rpps: str, by: str | None) -> None:
    """Say that the declared médecin traitant is the right one."""
    ask(config_path, "gp.confirm", {"patient": patient, "rpps": rpps}, by)
    click.echo("confirmed")


@main.group()
def task() -> None:
    """What a person must do."""


@task.command("list")
@click.option("--all", "all_", is_flag=True, help="Closed ones, too.")
@as_json
@click.pass_obj
def task_list(config_path: Path, all_: bool, json_: bool) -> None:
    """Open tasks, newest first."""
    rows = ask(config_path, "task.list", {"all": all_})["tasks"]
    print_json(rows) if json_ else print_rows(
        rows, ("id", "raised_at", "patient", "kind", "what", "answer")
    )


@task.command("show")
@click.argument("number", type=int)
@as_json
@click.pass_obj
def task_show(config_path: Path, number: int, json_: bool) -> None:
    """What, why, and what to do."""
    told = ask(config_path, "task.show", {"task": number})
    print_json(told) if json_ else print_values(told)


@task.command("done")
@click.argument("number", type=int)
@click.option("--answer", help="release, transfer…: what a way out means; go-on: it was looked at.")
@by_option
@click.pass_obj
def task_done(config_path: Path, number: int, answer: str | None, by: str | None) -> None:
    """Close a task."""
    told = ask(config_path, "task.done", {"task": number, "answer": answer}, by)
    click.echo(f"task {told['id']} closed: {told['answer']}")


@main.command()
@click.argument("patient")
@as_json
@click.pass_obj
def why(config_path: Path, patient: str, json_: bool) -> None:
    """The whole story of one patient, in a page. PATIENT is the number (IPP)."""
    told = ask(config_path, "why", {"patient": patient})
    print_json(
        {name: one for name, one in told.items() if name != "text"}
    ) if json_ else click.echo(printable(told["text"]), nl=False)
