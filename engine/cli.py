"""What an operator can type. Parses and dispatches; knows no rule.

Heavy modules are imported inside the commands, so that ``relais --help`` answers at once.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import click

from engine import __version__

LOOKED_FOR: Final = (Path("relais.toml"), Path("/etc/relais/relais.toml"))

Args = dict[str, Any]


class _Group(click.Group):
    """Shows an error of ours as its four lines, never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        from engine.model.errors import EngineError

        try:
            return super().invoke(ctx)
        except EngineError as error:
            click.echo(str(error), err=True)
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


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)


@main.command()
@click.pass_obj
def serve(config_path: Path) -> None:
    """Run the daemon. Logs are JSON lines on standard error."""
    from engine.runtime.run import serve as run

    sys.exit(run(config_path))


@main.command()
def demo() -> None:
    """Play a day of invented patients through the real daemon."""
    from engine.demo.run import main as run

    sys.exit(run())


def _ask(config_path: Path, operation: str, args: Args, by: str | None = None) -> Args:
    """Have the daemon perform it; without a daemon, perform it here."""
    from engine.runtime.offline import ask

    return ask(config_path, operation, args, by)


def _rows(rows: list[Args], columns: tuple[str, ...]) -> None:
    """Print aligned columns."""
    table = [columns, *(tuple(str(row.get(name) or "") for name in columns) for row in rows)]
    widths = [max(len(line[n]) for line in table) for n in range(len(columns))]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
    if not rows:
        click.echo("(none)")


def _values(values: Args, *, skip: tuple[str, ...] = ()) -> None:
    """Print one value a line."""
    shown = {name: value for name, value in values.items() if name not in skip}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        click.echo(f"{name.replace('_', ' ').ljust(width)}  {_shown(value)}")


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


def _json(values: Any) -> None:
    click.echo(json.dumps(values, ensure_ascii=False, indent=2, default=str))


as_json = click.option("--json", "json_", is_flag=True, help="Print JSON.")
by_option = click.option("--by", help="Root only: act in this person's name.")


@main.command()
@as_json
@click.pass_obj
def status(config_path: Path, json_: bool) -> None:
    """What runs, what waits, what a person must do."""
    told = _ask(config_path, "status", {})
    _json(told) if json_ else _values(told)


@main.group()
def config() -> None:
    """The settings file."""


@config.command("check")
@click.pass_obj
def config_check(config_path: Path) -> None:
    """Say each mistake with its line, what is wrong, and the cure."""
    from engine.runtime.mistakes import Weight
    from engine.runtime.settings import examine

    settings, mistakes = examine(config_path)
    for mistake in mistakes:
        click.echo(f"{mistake.weight.value}: {mistake}")
    if settings is None:
        stops = sum(one.weight is Weight.STOPS for one in mistakes)
        click.echo(f"{stops} mistakes: the daemon would not start with this file")
        sys.exit(1)
    click.echo(f"{config_path}: can be used ({settings.config.mode} mode)")


@config.command("describe")
def config_describe() -> None:
    """Print a settings file with every setting and what it is for."""
    from engine.runtime.describe import describe

    click.echo(describe(), nl=False)


@main.group()
def hl7() -> None:
    """HL7 messages, without a daemon."""


@hl7.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def hl7_check(file: Path) -> None:
    """Say what is wrong or remarkable in a message, by HL7's own grammar."""
    from engine.wire.hl7_check import Severity, check

    findings = check(file.read_bytes())
    for one in findings:
        click.echo(f"{one.severity.value:8} {one.place}: {one.text}")
    if any(one.severity is Severity.ERROR for one in findings):
        sys.exit(1)
    click.echo("no fault found" if not findings else "no error found")


@main.group("map")
def map_() -> None:
    """Mappings, without a daemon."""


@map_.command("try")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--mapping", default="pam-fr", show_default=True, help="Name, or folder, of the mapping."
)
@as_json
def map_try(files: tuple[Path, ...], mapping: str, json_: bool) -> None:
    """Show the facts read in each message, and everything that was missing."""
    from engine.runtime.offline import try_mapping

    told = [try_mapping(file, mapping) for file in files]
    if json_:
        _json(told)
        return
    for one in told:
        click.echo(f"{one['file']}: {one['event']}, read as {one['charset']}")
        for fact in one["facts"]:
            kind = fact.pop("kind")
            click.echo(f"  {kind:20} {json.dumps(fact, ensure_ascii=False)}")
        for gap in one["missing"]:
            click.echo(f"  missing              {gap}")


@main.group()
def journal() -> None:
    """What came in."""


@journal.command("list")
@click.option("--state", help="received, processed, left, parked, quarantine.")
@click.option("--limit", default=50, show_default=True)
@as_json
@click.pass_obj
def journal_list(config_path: Path, state: str | None, limit: int, json_: bool) -> None:
    """Newest first."""
    rows = _ask(config_path, "journal.list", {"state": state, "limit": limit})["entries"]
    columns = ("id", "received_at", "source", "type", "ack", "state", "note")
    _json(rows) if json_ else _rows(rows, columns)


@journal.command("show")
@click.argument("entry", type=int)
@click.option("--raw", is_flag=True, help="The message itself, too.")
@as_json
@click.pass_obj
def journal_show(config_path: Path, entry: int, raw: bool, json_: bool) -> None:
    """How it was answered, and what was read in it."""
    told = _ask(config_path, "journal.show", {"entry": entry, "raw": raw})
    _json(told) if json_ else _values(told)


@journal.command("replay")
@click.argument("entries", type=int, nargs=-1, required=True)
@click.pass_obj
def journal_replay(config_path: Path, entries: tuple[int, ...]) -> None:
    """Read entries anew, after the mapping was mended."""
    told = _ask(config_path, "journal.replay", {"entries": list(entries)})
    click.echo(f"to be read anew: {', '.join(str(one) for one in told['replayed'])}")


@main.group()
def outbox() -> None:
    """What goes out."""


@outbox.command("list")
@click.option("--state", help="queued, sending, held, relayed, rejected, expired, cancelled.")
@click.option("--limit", default=50, show_default=True)
@as_json
@click.pass_obj
def outbox_list(config_path: Path, state: str | None, limit: int, json_: bool) -> None:
    """Newest first."""
    rows = _ask(config_path, "outbox.list", {"state": state, "limit": limit})["deliveries"]
    columns = ("id", "letter", "version", "channel", "state", "attempts", "due_at", "reason")
    _json(rows) if json_ else _rows(rows, columns)


@outbox.command("show")
@click.argument("delivery")
@click.option("--text", is_flag=True, help="The letter's text, too.")
@as_json
@click.pass_obj
def outbox_show(config_path: Path, delivery: str, text: bool, json_: bool) -> None:
    """One delivery, its attempts, and what it holds."""
    told = _ask(config_path, "outbox.show", {"delivery": delivery, "text": text})
    if json_:
        _json(told)
        return
    letter = told.pop("text", None)
    _values(told)
    if letter:
        click.echo(f"\n{letter}")


def _outbox_act(name: str, doing: str) -> None:
    @outbox.command(name, help=doing)
    @click.argument("delivery")
    @by_option
    @click.pass_obj
    def act(config_path: Path, delivery: str, by: str | None) -> None:
        told = _ask(config_path, f"outbox.{name}", {"delivery": delivery}, by)
        click.echo(f"{told['id']}: {told['state']}")


_outbox_act("hold", "Keep it here until it is released.")
_outbox_act("release", "Let a held one go on its way.")
_outbox_act("retry", "Try again now.")
_outbox_act("cancel", "Have it never leave.")


@main.command()
@by_option
@click.pass_obj
def pause(config_path: Path, by: str | None) -> None:
    """Send nothing until `resume`; everything is still received and decided."""
    _ask(config_path, "pause", {}, by)
    click.echo("paused: nothing leaves until: relais resume")


@main.command()
@by_option
@click.pass_obj
def resume(config_path: Path, by: str | None) -> None:
    """Send again."""
    _ask(config_path, "resume", {}, by)
    click.echo("sending again")


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
    told = _ask(config_path, "consent.record", args, by)
    click.echo(f"recorded: {told['state']} for {', '.join(told['recorded'])}")


@consent.command("list")
@click.argument("patient")
@as_json
@click.pass_obj
def consent_list(config_path: Path, patient: str, json_: bool) -> None:
    """Everything the patient said, oldest first."""
    rows = _ask(config_path, "consent.list", {"patient": patient})["consents"]
    columns = ("at", "purpose", "state", "recipient", "by")
    _json(rows) if json_ else _rows(rows, columns)


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
    _ask(config_path, "gp.confirm", {"patient": patient, "rpps": rpps}, by)
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
    rows = _ask(config_path, "task.list", {"all": all_})["tasks"]
    _json(rows) if json_ else _rows(rows, ("id", "raised_at", "patient", "kind", "what", "answer"))


@task.command("show")
@click.argument("number", type=int)
@as_json
@click.pass_obj
def task_show(config_path: Path, number: int, json_: bool) -> None:
    """What, why, and what to do."""
    told = _ask(config_path, "task.show", {"task": number})
    _json(told) if json_ else _values(told)


@task.command("done")
@click.argument("number", type=int)
@click.option("--answer", help="release, transfer…: what a way out means; go-on: it was looked at.")
@by_option
@click.pass_obj
def task_done(config_path: Path, number: int, answer: str | None, by: str | None) -> None:
    """Close a task."""
    told = _ask(config_path, "task.done", {"task": number, "answer": answer}, by)
    click.echo(f"task {told['id']} closed: {told['answer']}")


@main.command()
@click.argument("patient")
@as_json
@click.pass_obj
def why(config_path: Path, patient: str, json_: bool) -> None:
    """The whole story of one patient, in a page. PATIENT is the number (IPP)."""
    told = _ask(config_path, "why", {"patient": patient})
    _json({name: one for name, one in told.items() if name != "text"}) if json_ else click.echo(
        told["text"], nl=False
    )


@main.group()
def audit() -> None:
    """Proof of what was done."""


@audit.command("verify")
@click.option(
    "--public-key", type=click.Path(exists=True, path_type=Path), help="An auditor's copy."
)
@click.pass_obj
def audit_verify(config_path: Path, public_key: Path | None) -> None:
    """Check every link and every signed day; name the first that is broken."""
    args = {"public_key": str(public_key.absolute()) if public_key else None}
    told = _ask(config_path, "audit.verify", args)
    click.echo(told["sentence"])
    sys.exit(0 if told["ok"] else 1)


@audit.command("export")
@click.option("--format", "form", type=click.Choice(["jsonl", "atna"]), default="jsonl")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="A new file.")
@click.option("--after", default=0, help="Only lines after this one.")
@click.pass_obj
def audit_export(config_path: Path, form: str, output: Path, after: int) -> None:
    """Write the trail as JSON lines, or as DICOM/ATNA audit messages."""
    args = {"format": form, "file": str(output.absolute()), "after": after}
    told = _ask(config_path, "audit.export", args)
    click.echo(f"written: {told['file']}")


@audit.command("key")
@click.pass_obj
def audit_key(config_path: Path) -> None:
    """Print the public key that signed days are checked with."""
    click.echo(_ask(config_path, "audit.key", {})["pem"], nl=False)


@audit.command("keygen")
@click.argument("file", type=click.Path(path_type=Path))
def audit_keygen(file: Path) -> None:
    """Make a signing key (audit.signing_key); prints its public half."""
    from engine.audit import public_key_pem
    from engine.store.keys import load_or_create_key

    if file.exists():
        click.echo(f"{file} exists already; nothing was written", err=True)
        sys.exit(1)
    click.echo(public_key_pem(load_or_create_key(file).public_key()), nl=False)


if __name__ == "__main__":
    main(prog_name=os.path.basename(sys.argv[0]))
