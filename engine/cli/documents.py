"""Documents on disk, without a daemon."""

import sys
from pathlib import Path

import click

from engine.cli.root import main
from engine.cli.show import as_json, print_json, say


@main.group()
def doc() -> None:
    """Documents on disk, without a daemon."""


@doc.command("check")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--leaving",
    is_flag=True,
    help="Judge as a letter that is about to be sent: what readers would live with counts too.",
)
@as_json
def doc_check(files: tuple[Path, ...], leaving: bool, json_: bool) -> None:
    """Say what is wrong in a CDA, an XDM zip, HPRIM, PDF/A-1, HL7 or a whole mail.

    Files are told by their first bytes, not by their names. The same judgement is passed on every
    mail before it is queued.
    """
    from engine.commands.doc import judge

    told = [judge(file, leaving=leaving) for file in files]
    if json_:
        print_json(told)
    for one in () if json_ else told:
        say(f"{one['file']}: {one['what']}")
        for finding in one["findings"]:
            weight = "error" if finding["grave"] else "advice"
            place = f"{finding['place']}: " if finding["place"] else ""
            say(f"  {weight:8} {place}{finding['sentence']}")
        if one["good"]:
            say("  no error found" if one["findings"] else "  no fault found")
    sys.exit(0 if all(one["good"] for one in told) else 1)
