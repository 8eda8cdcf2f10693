"""Releases still to come."""

from pathlib import Path

import click

from engine.cli.root import main
from engine.cli.show import as_json, ask, by_option, print_json, print_rows, say


@main.group()
def release() -> None:
    """A release still to come. Its day is for those who organise it."""


@release.command("plan")
@click.argument("patient")
@click.option("--on", help="The day, 2026-03-12.")
@click.option("--cancel", is_flag=True, help="None is planned any more.")
@by_option
@click.pass_obj
def release_plan(
    config_path: Path, patient: str, on: str | None, cancel: bool, by: str | None
) -> None:
    """Record for which day the release is planned. PATIENT is the number (IPP)."""
    args = {"patient": patient, "on": on, "cancel": cancel}
    told = ask(config_path, "release.plan", args, by)
    click.echo("recorded" if told["planned"] else "recorded: none is planned")


@release.command("show")
@click.argument("patient")
@as_json
@click.pass_obj
def release_show(config_path: Path, patient: str, json_: bool) -> None:
    """For which day the release is planned, and who says so. PATIENT is the number (IPP)."""
    told = ask(config_path, "release.show", {"patient": patient})
    if json_:
        print_json(told)
        return
    say("the sources disagree" if told["contradicted"] else f"planned for: {told['on'] or '-'}")
    print_rows(told["said"], ("source", "on", "at", "by"))
