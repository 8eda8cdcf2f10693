"""The national directory: import it, look somebody up, make the site's directory.csv of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from engine.cli.root import main
from engine.cli.show import as_json, ask, print_json, print_rows, print_values, say


@main.group()
def directory() -> None:
    """The national directory of professionals and their secure mailboxes."""


@directory.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--profession", "professions", multiple=True,
    help="Of the professionals' file: this TRE_G15 code; else physicians (10). May be repeated.",
)  # fmt: skip
@click.option("--accept-fall", is_flag=True, help="Take a file with far fewer rows than the last.")
@click.option(
    "--authority", type=click.Path(path_type=Path),
    help="PEM with the chain of IGC-Santé: proves the signature of the white list.",
)  # fmt: skip
@click.pass_obj
def directory_import(
    config_path: Path,
    files: tuple[Path, ...],
    professions: tuple[str, ...],
    accept_fall: bool,
    authority: Path | None,
) -> None:
    """Import files, zip or plain: the extraction of MSSanté mailboxes, PS_LibreAcces, the white
    list, a territory file. What each one replaces is its own; until the end, and if anything goes
    wrong, the directory stays as it is."""
    from engine.runtime.directory_import import (
        Wish,
        authorities_in,
        import_all,
        open_all,
        sizes,
    )
    from engine.runtime.wiring import utc_now

    data = _data(config_path)
    wish = Wish(accept_fall=accept_fall, authorities=authorities_in(authority) if authority else ())
    if professions:
        wish = replace(wish, professions=frozenset(professions))
    opened = open_all(files)
    with click.progressbar(length=sizes(opened), label="reading") as bar:
        done = import_all(
            data,
            opened,
            now=utc_now(),
            wish=wish,
            progress=bar.update,
            stage=lambda name: setattr(bar, "label", name),
        )
    for one in done:
        source = one.source
        say(f"{source.origin.value}: {source.rows} rows of {source.file}, dated {source.dated:%F}")
        for fault, count in one.tally.faults.most_common():
            say(f"  left out {count}: {fault.value} (first at line {one.tally.first[fault]})")
        for mistake in one.mistakes:
            say(f"  left out line {mistake.line}: {mistake.column} {mistake.what} — {mistake.cure}")
    _note(config_path, [_noted(one.source) for one in done])


def _data(config_path: Path) -> Path:
    from engine.runtime.settings import data_named

    data = data_named(config_path)
    if data is None:
        raise click.ClickException(
            f"{config_path} names no data folder; make one: relais config describe > relais.toml"
        )
    return data


def _noted(source: Any) -> dict[str, Any]:
    return {
        "origin": source.origin.value, "dated": source.dated.isoformat(), "rows": source.rows,
        "sha256": source.sha256,
    }  # fmt: skip


def _note(config_path: Path, files: list[dict[str, Any]]) -> None:
    """In the audit trail, once there is one: a site imports before its first start."""
    from engine.model.errors import EngineError

    try:
        ask(config_path, "directory.imported", {"files": files})
    except EngineError as error:
        click.echo(f"not in the audit trail: {error.what}", err=True)


@directory.command("search")
@click.argument("words", nargs=-1)
@click.option("--rpps", default="", help="The doctor's number.")
@click.option("--family", default="", help="Family name, when it is known which name is which.")
@click.option("--given", default="", help="Given name.")
@click.option("--town", default="", help="Town; slips are forgiven when no town has that name.")
@click.option("--postal", default="", help="Postal code.")
@click.option("--phone", default="", help="Telephone number.")
@click.option("--speciality", default="", help="Words of its label, or a code such as SM26.")
@click.option("--limit", type=click.IntRange(1, 200), default=10, show_default=True)
@as_json
@click.pass_obj
def directory_search(
    config_path: Path, /, words: tuple[str, ...], limit: int, json_: bool, **asked: str
) -> None:
    """Look somebody up by number, WORDS of a name in any order, town, speciality. Accents,
    particles, double names, short forms and typing errors are forgiven. Says whether one is meant
    beyond doubt when --rpps or --family is given."""
    from engine.commands.directory import opened, searched

    if not words and not any(asked.values()):
        raise click.UsageError("say something of whom you look for")
    if words and (asked["family"] or asked["given"]):
        raise click.UsageError("give either words or --family and --given")
    with opened(_data(config_path)) as reader:
        told = searched(reader, {"words": words, **asked}, limit)
    if json_:
        print_json(told)
        return
    for one in told["candidates"]:
        say(f"{one['rpps']}  {one['family']} {one['given']}  {one['speciality']}")
        for place in one["places"]:
            say(f"    {place}")
        for box in one["mailboxes"]:
            refused = f" — refused: {box['refused']}" if box["refused"] else ""
            say(f"    {box['address']} ({box['type']}, {box['seat']}){refused}")
        say(f"    {'; '.join(one['evidence'])}")
    if not told["candidates"]:
        click.echo("(nobody)")
    if "beyond_doubt" in told:
        meant = told["beyond_doubt"]
        say(f"beyond doubt: {meant}" if meant else f"in doubt: {told['why_not']}")


@directory.command("live")
@click.argument("rpps")
@as_json
@click.pass_obj
def directory_live(config_path: Path, rpps: str, json_: bool) -> None:
    """Ask the FHIR API of the Annuaire Santé what it says of one number today: [annuaire.live] of
    relais.toml. For a person; decisions go by the imported files."""
    from engine.commands.directory_live import asked_live

    told = asked_live(config_path, rpps)
    if json_:
        print_json(told)
        return
    print_rows(told["mailboxes"], ("address", "type", "seat", "refused", "imported"))
    for one in told["gone"]:
        say(f"imported, and no longer told: {one}")


@directory.command("status")
@as_json
@click.pass_obj
def directory_status(config_path: Path, json_: bool) -> None:
    """Which files it was made of, how old they are, how much it holds."""
    from engine.commands.directory import opened, told_status
    from engine.runtime.wiring import utc_now

    with opened(_data(config_path)) as reader:
        told = told_status(reader, utc_now())
    if json_:
        print_json(told)
        return
    print_rows(
        told["files"], ("origin", "dated", "days_old", "rows", "left_out", "version", "file")
    )
    print_values(told, skip=("files",))


@directory.command("services")
@click.option("--kind", help="CPTS, CSAPA, CMP, CLAT, EMOT, PHARMACY…")
@as_json
@click.pass_obj
def directory_services(config_path: Path, kind: str | None, json_: bool) -> None:
    """The services of the site's territory file."""
    from engine.commands.directory import opened, told_services

    with opened(_data(config_path)) as reader:
        rows = told_services(reader, kind.upper() if kind else None)
    columns = ("kind", "name", "area", "postal", "town", "phone", "address", "refused", "note")
    print_json(rows) if json_ else print_rows(rows, columns)


@directory.command("extract")
@click.option("--rpps", "numbers", multiple=True, help="This doctor. May be repeated.")
@click.option("--town", "towns", multiple=True, help="General practitioners there. Repeatable.")
@click.option("--postal", "postals", multiple=True, help="The same; 59 is a department.")
@click.option(
    "--territory", type=click.File(encoding="utf-8-sig"),
    help="File: a number, postal code or town a line.",
)  # fmt: skip
@click.option("--channel", required=True, help="Name of the [channels.*] that reaches them.")
@click.option("--all-physicians", is_flag=True, help="Specialists of the area, too.")
@click.option("--shared", is_flag=True, help="Where nothing personal is: the practice's mailbox.")
@click.option("--output", type=click.Path(path_type=Path), help="Else standard output.")
@click.option(
    "--left-out", type=click.Path(path_type=Path), help="CSV of those left out, with the reason."
)
@click.pass_obj
def directory_extract(
    config_path: Path,
    numbers: tuple[str, ...],
    towns: tuple[str, ...],
    postals: tuple[str, ...],
    territory: Any,
    channel: str,
    all_physicians: bool,
    shared: bool,
    output: Path | None,
    left_out: Path | None,
) -> None:
    """Write the rows of directory.csv for doctors or a territory. Whoever has no mailbox of the
    family practice beyond doubt is left out, and told."""
    from engine.commands.directory import (
        as_csv,
        extract,
        left_out_csv,
        opened,
        wanted_of,
        write_whole,
    )

    wanted = wanted_of(numbers, towns, postals, territory or ())
    if wanted == wanted_of((), (), (), ()):
        raise click.UsageError("give --rpps, --town, --postal or --territory")
    with opened(_data(config_path)) as reader:
        made = extract(
            reader, replace(wanted, all_physicians=all_physicians), channel, shared=shared
        )
    if output is None:
        click.echo(as_csv(made.rows), nl=False)
    else:
        write_whole(output, as_csv(made.rows))
    if left_out is not None:
        write_whole(left_out, left_out_csv(made.left_out))
    reasons: dict[str, int] = {}
    for one in made.left_out:
        reasons[one.why] = reasons.get(one.why, 0) + 1
    click.echo(f"{len(made.rows)} doctors, {len(made.left_out)} left out", err=True)
    for why, count in sorted(reasons.items(), key=lambda pair: -pair[1]):
        click.echo(f"  {count}: {why}", err=True)
    if not made.by_white_list:
        click.echo("no white list was imported: domains as the extraction publishes them", err=True)
