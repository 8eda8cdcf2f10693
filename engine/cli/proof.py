"""Proof of what was done."""

import sys
from pathlib import Path

import click

from engine.cli.root import main
from engine.cli.show import as_json, ask, print_json, say


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
    told = ask(config_path, "audit.verify", args)
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
    told = ask(config_path, "audit.export", args)
    click.echo(f"written: {told['file']}")
    if not output.exists():
        click.echo(
            "The daemon wrote it, and sees other folders than you do (PrivateTmp, a container): "
            "give a path in its data folder.",
            err=True,
        )


@audit.command("key")
@click.pass_obj
def audit_key(config_path: Path) -> None:
    """Print the public key that signed days are checked with."""
    click.echo(ask(config_path, "audit.key", {})["pem"], nl=False)


@audit.command("keygen")
@click.argument("file", type=click.Path(path_type=Path))
def audit_keygen(file: Path) -> None:
    """Make a signing key (audit.signing_key); prints its public half."""
    from engine.runtime.offline import make_signing_key

    click.echo(make_signing_key(file), nl=False)


@main.command("report")
@click.option("--since", help="First day of release, 2026-10-25; else 30 days ago.")
@click.option("--until", help="Last day; else today.")
@click.option("--unit", help="The key of one unit.")
@click.option("--list", "listed", is_flag=True, help="Name those whose way broke, and why.")
@as_json
@click.pass_obj
def report(
    config_path: Path,
    since: str | None,
    until: str | None,
    unit: str | None,
    listed: bool,
    json_: bool,
) -> None:
    """Of those released: who agreed, whose doctor is known, who got a letter, who read it."""
    args = {"since": since, "until": until, "unit": unit, "list": listed}
    told = ask(config_path, "report", args)
    if json_:
        print_json({name: value for name, value in told.items() if name != "text"})
    else:
        say(told["text"])
