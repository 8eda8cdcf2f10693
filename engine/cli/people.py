"""What patients said, and what people must do."""

from pathlib import Path

import click

from engine.cli.root import main
from engine.cli.show import (
    as_json,
    ask,
    by_option,
    print_json,
    print_rows,
    print_values,
    printable,
    say,
)

_SAID = ("at", "purpose", "state", "recipient", "voice", "how", "language", "by")


@main.group()
def consent() -> None:
    """What the patient agreed to."""


@consent.command("record")
@click.argument("patient")
@click.option(
    "--purpose", "purposes", multiple=True, required=True,
    help="arrival-notice, exit-notice, exit-letter-somatic, exit-letter-psychiatric, "
    "letter-written (no: none is asked for), gp-lookup (the look at the portal), coordinator, dmp, "
    "patient-mailbox, detention-told "
    "(the doctor may know of the detention: no letter hangs on it, but what the letters tell). "
    "May be repeated.",
)  # fmt: skip
@click.option(
    "--state", required=True, help="granted, refused, withdrawn, could-not-be-asked, not-asked."
)
@click.option("--recipient", help="RPPS of the doctor; else the médecin traitant declared now.")
@click.option("--at", help="When the patient said it, 2026-03-02T10:30+01:00; else now.")
@click.option("--how", help="form, oral, interpreter, representative; else unknown.")
@click.option("--language", help="In which language the patient was asked, ISO 639: fr, ar, ron.")
@click.option(
    "--voice", help="Who speaks: patient, parent, representative, trusted-person; else the patient."
)
@by_option
@click.pass_obj
def consent_record(
    config_path: Path,
    patient: str,
    purposes: tuple[str, ...],
    state: str,
    recipient: str | None,
    at: str | None,
    how: str | None,
    language: str | None,
    voice: str | None,
    by: str | None,
) -> None:
    """Record what the patient said. PATIENT is the number (IPP)."""
    args = {
        "patient": patient, "purposes": list(purposes), "state": state, "recipient": recipient,
        "at": at, "how": how, "language": language, "voice": voice,
    }  # fmt: skip
    told = ask(config_path, "consent.record", args, by)
    click.echo(f"recorded: {told['state']} for {', '.join(told['recorded'])}")
    for one in told["too_late_for"]:
        say(
            f"too late for: {one['letter']} v{one['version']}, sent {one['sent_at']} to "
            f"{one['doctor']} (RPPS {one['rpps']}), {one['to']}, Message-ID {one['message_id']}"
        )


@consent.command("show")
@click.argument("patient")
@as_json
@click.pass_obj
def consent_show(config_path: Path, patient: str, json_: bool) -> None:
    """The register: by stay, what each purpose comes to now, and every statement of it."""
    told = ask(config_path, "consent.show", {"patient": patient})
    if json_:
        print_json(told)
        return
    for stay in told["stays"]:
        say(
            f"{stay['usmp']} since {stay['since']} (visit {stay['visit']}; doctor {stay['doctor']})"
        )
        print_values({purpose: f"now: {now}" for purpose, now in stay["now"].items()})
        rows = [one | {"sent_before": len(one["too_late_for"])} for one in stay["said"]]
        print_rows(rows, (*_SAID, "sent_before"))
    if not told["stays"]:
        say("(no stay)")


@consent.command("list")
@click.argument("patient")
@as_json
@click.pass_obj
def consent_list(config_path: Path, patient: str, json_: bool) -> None:
    """Everything the patient said, oldest first."""
    rows = ask(config_path, "consent.list", {"patient": patient})["consents"]
    print_json(rows) if json_ else print_rows(rows, _SAID)


@main.group()
def patient() -> None:
    """One patient."""


@patient.command("protect")
@click.argument("number")
@click.option(
    "--regime",
    help="tutelle, curatelle, sauvegarde, habilitation-familiale, mandat-de-protection-future, "
    "unknown; none when it has ended.",
)
@click.option("--representative", help="Who represents the patient, and how to reach them.")
@click.option(
    "--secret-care/--no-secret-care", default=None,
    help="A minor's care is kept from the parents (art. L1111-5 CSP).",
)  # fmt: skip
@click.option("--emancipated/--not-emancipated", default=None, help="A minor who acts as an adult.")
@click.option(
    "--infant/--no-infant", default=None,
    help="A child who lives with a detained mother: no patient of the unit.",
)  # fmt: skip
@by_option
@click.pass_obj
def patient_protect(
    config_path: Path,
    number: str,
    regime: str | None,
    representative: str | None,
    secret_care: bool | None,
    emancipated: bool | None,
    infant: bool | None,
    by: str | None,
) -> None:
    """Record who must agree besides the patient. NUMBER is the patient number (IPP)."""
    args = {
        "patient": number, "regime": regime, "representative": representative,
        "secret_care": secret_care, "emancipated": emancipated, "infant": infant,
    }  # fmt: skip
    print_values(ask(config_path, "patient.protect", args, by)["protection"])


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
        rows, ("id", "raised_at", "deadline", "patient", "kind", "what", "answer")
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
@click.option(
    "--answer",
    help="What was decided, where the task asks it: see `relais task show`. go-on, no: it was "
    "looked at; release, transfer…: what a way out means; cancel-notice; different; "
    "received, not-my-patient: what the doctor said on the telephone; told, not-told: the "
    "coordinator; kept, partly, missed, none-booked, unreachable: what became of appointments.",
)
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
