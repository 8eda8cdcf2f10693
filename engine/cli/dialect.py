"""Messages and mappings, without a daemon."""

import json
import sys
from pathlib import Path

import click

from engine.cli.root import main
from engine.cli.show import as_json, print_json, say


@main.group()
def hl7() -> None:
    """HL7 messages, without a daemon."""


@hl7.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def hl7_check(file: Path) -> None:
    """Say what is wrong or remarkable in a message, by HL7's own grammar."""
    from engine.runtime.offline import messages_of
    from engine.wire.hl7_check import Severity, check

    failed = False
    pieces = messages_of(file)
    for number, piece in enumerate(pieces, 1):
        findings = check(piece)
        before = f"message {number}: " if len(pieces) > 1 else ""
        for one in findings:
            say(f"{before}{one.severity.value:8} {one.place}: {one.text}")
        wrong = any(one.severity is Severity.ERROR for one in findings)
        failed = failed or wrong
        if not wrong:
            click.echo(before + ("no error found" if findings else "no fault found"))
    sys.exit(1 if failed else 0)


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

    told = [one for file in files for one in try_mapping(file, mapping)]
    if json_:
        print_json(told)
    failed = any("fault" in one for one in told)
    for one in () if json_ else told:
        if "fault" in one:
            say(f"{one['file']}: cannot be read: {one['fault']}")
            continue
        say(f"{one['file']}: {one['event']}, read as {one['charset']}")
        for fact in one["facts"]:
            kind = fact.pop("kind")
            say(f"  {kind:20} {json.dumps(fact, ensure_ascii=False)}")
        for gap in one["missing"]:
            say(f"  missing              {gap}")
    sys.exit(1 if failed else 0)


@map_.command("where")
def map_where() -> None:
    """Print the folder of the mappings that came with the program: copy it, then adapt it."""
    from engine.runtime.findings import shipped_mappings

    click.echo(shipped_mappings())
