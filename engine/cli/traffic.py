"""What came in, and what goes out."""

import sys
from base64 import b64decode
from pathlib import Path

import click

from engine.cli.root import main
from engine.cli.show import as_json, ask, by_option, print_json, print_rows, print_values, say


@main.group()
def journal() -> None:
    """What came in."""


@journal.command("list")
@click.option("--state", help="received, processed, left, parked, quarantine, duplicate.")
@click.option("--limit", default=50, show_default=True)
@as_json
@click.pass_obj
def journal_list(config_path: Path, state: str | None, limit: int, json_: bool) -> None:
    """Newest first."""
    rows = ask(config_path, "journal.list", {"state": state, "limit": limit})["entries"]
    columns = ("id", "received_at", "source", "type", "ack", "state", "note")
    print_json(rows) if json_ else print_rows(rows, columns)


@journal.command("show")
@click.argument("entry", type=int)
@click.option("--raw", is_flag=True, help="The message itself, too.")
@as_json
@click.pass_obj
def journal_show(config_path: Path, entry: int, raw: bool, json_: bool) -> None:
    """How it was answered, and what was read in it."""
    told = ask(config_path, "journal.show", {"entry": entry, "raw": raw})
    print_json(told) if json_ else print_values(told)


@journal.command("replay")
@click.argument("entries", type=int, nargs=-1, required=True)
@click.pass_obj
def journal_replay(config_path: Path, entries: tuple[int, ...]) -> None:
    """Read entries anew, after the mapping was mended."""
    told = ask(config_path, "journal.replay", {"entries": list(entries)})
    click.echo(f"to be read anew: {', '.join(str(one) for one in told['replayed'])}")


_ATTEMPT = ("number", "opened_at", "outcome", "cause", "code", "status", "reply")
_RECEIPT = ("number", "at", "kind", "source", "code", "status", "other_box", "origin")


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
    rows = ask(config_path, "outbox.list", {"state": state, "limit": limit})["deliveries"]
    columns = (
        *("id", "letter", "version", "face", "channel", "state"),
        *("attempts", "due_at", "reason"),
    )
    print_json(rows) if json_ else print_rows(rows, columns)


@outbox.command("show")
@click.argument("delivery")
@click.option("--text", is_flag=True, help="The letter's text, too.")
@as_json
@click.pass_obj
def outbox_show(config_path: Path, delivery: str, text: bool, json_: bool) -> None:
    """One delivery, its attempts, and what it holds."""
    told = ask(config_path, "outbox.show", {"delivery": delivery, "text": text})
    if json_:
        print_json(told)
        return
    letter = told.pop("text", None)
    print_values(told, skip=("attempts", "receipts"))
    say("\nattempts")
    print_rows(told["attempts"], _ATTEMPT)
    say("\nwhat came back")
    print_rows(told["receipts"], _RECEIPT)
    if letter:
        say(f"\n{letter}")


@outbox.command("evidence")
@click.argument("delivery")
@click.argument("receipt", type=int)
@click.pass_obj
def outbox_evidence(config_path: Path, delivery: str, receipt: int) -> None:
    """The mail that a receipt came in, as it came: for a file (> receipt.eml)."""
    told = ask(config_path, "outbox.evidence", {"delivery": delivery, "receipt": receipt})
    sys.stdout.buffer.write(b64decode(told["raw"]))


def _outbox_act(name: str, doing: str) -> None:
    @outbox.command(name, help=doing)
    @click.argument("delivery")
    @by_option
    @click.pass_obj
    def act(config_path: Path, delivery: str, by: str | None) -> None:
        told = ask(config_path, f"outbox.{name}", {"delivery": delivery}, by)
        click.echo(f"{told['id']}: {told['state']}")


_outbox_act("hold", "Keep it here until it is released.")
_outbox_act("release", "Let a held one go on its way.")
_outbox_act("retry", "Try again now.")
_outbox_act("cancel", "Have it never leave.")
_outbox_act("again", "Have one that a person cancelled written after all, as of now.")


@main.command()
@by_option
@click.pass_obj
def pause(config_path: Path, by: str | None) -> None:
    """Send nothing until `resume`; everything is still received and decided."""
    ask(config_path, "pause", {}, by)
    click.echo("paused: nothing leaves until: relais resume")


@main.command()
@by_option
@click.pass_obj
def resume(config_path: Path, by: str | None) -> None:
    """Send again."""
    ask(config_path, "resume", {}, by)
    click.echo("sending again")
