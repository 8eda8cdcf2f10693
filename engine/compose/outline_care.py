"""What is to come and who takes over: the blocks that close a part."""

from collections.abc import Iterator

from engine.compose.blocks import Block, Cell, Paragraphs, Topic
from engine.compose.outline_words import (
    EMPTY,
    RIGHTS,
    VIRUSES,
    cell,
    contact,
    day,
    hour,
    joined,
    pairs,
    table,
    text,
    with_codes,
    yes_no,
)
from engine.model.summary import Items, is_blank


def care_blocks(items: Items, root: str) -> Iterator[Block]:
    """From screenings to what the patient was told; ``root`` is the first word of each path."""
    yield from _screenings(items, root)
    yield from _tuberculosis(items, root)
    yield from _vaccinations(items, root)
    yield from _devices(items, root)
    yield from _appointments(items, root)
    yield from _prescription(items, root)
    yield from _social(items, root)
    yield from _narratives(items, root)
    yield from text(Topic.CARE_PLAN, "Information et accord du patient", items.told, f"{root}.told")


def _screenings(items: Items, root: str) -> Iterator[Block]:
    rows = []
    for i, one in enumerate(items.screenings):
        at = f"{root}.screenings.{i}"
        rows.append(
            (
                Cell(VIRUSES[one.virus], f"{at}.virus"),
                cell(yes_no(one.offered), f"{at}.offered"),
                cell(one.result, f"{at}.result"),
                cell(yes_no(one.told), f"{at}.told"),
                cell(one.treatment, f"{at}.treatment"),
            )
        )
    yield from table(
        Topic.RESULTS,
        "Dépistages",
        ("Dépistage", "Proposé", "Résultat", "Résultat annoncé", "Traitement"),
        rows,
    )


def _tuberculosis(items: Items, root: str) -> Iterator[Block]:
    if (cure := items.tuberculosis) is not None:
        at = f"{root}.tuberculosis"
        yield from pairs(
            Topic.TREATMENTS,
            "Tuberculose",
            ("Traitement", Cell(cure.treatment, f"{at}.treatment")),
            ("Début", cell(day(cure.start), f"{at}.start")),
            ("Fin prévue", cell(day(cure.end), f"{at}.end")),
            ("CLAT", contact(cure.clat, f"{at}.clat")),
        )


def _vaccinations(items: Items, root: str) -> Iterator[Block]:
    rows = []
    for i, shot in enumerate(items.vaccinations):
        at = f"{root}.vaccinations.{i}"
        codes = [(shot.code, f"{at}.code")] if shot.code else []
        rows.append(
            (
                with_codes(Cell(shot.label, f"{at}.label"), codes),
                cell(day(shot.day), f"{at}.day"),
                cell(day(shot.due), f"{at}.due"),
            )
        )
    yield from table(Topic.CARE_PLAN, "Vaccinations", ("Vaccin", "Reçu le", "Prochaine dose"), rows)


def _devices(items: Items, root: str) -> Iterator[Block]:
    rows = []
    for i, device in enumerate(items.devices):
        at = f"{root}.devices.{i}"
        codes = [(device.code, f"{at}.code")] if device.code else []
        rows.append(
            (
                with_codes(Cell(device.label, f"{at}.label"), codes),
                cell(day(device.day), f"{at}.day"),
            )
        )
    yield from table(Topic.DEVICES, "Dispositifs médicaux", ("Dispositif", "Depuis le"), rows)


def _appointments(items: Items, root: str) -> Iterator[Block]:
    rows = []
    for i, one in enumerate(items.appointments):
        at = f"{root}.appointments.{i}"
        when = joined(" à ", cell(day(one.day), f"{at}.day"), cell(hour(one.hour), f"{at}.hour"))
        rows.append(
            (
                Cell(one.label, f"{at}.label"),
                when if one.day else joined(", ", Cell("à fixer"), when),
                cell(one.place, f"{at}.place"),
                cell(one.phone, f"{at}.phone"),
            )
        )
    yield from table(
        Topic.CARE_PLAN, "Rendez-vous", ("Rendez-vous", "Date", "Lieu", "Téléphone"), rows
    )
    plan = [
        (Cell(one.label, f"{root}.plan.{i}.label"), cell(day(one.due), f"{root}.plan.{i}.due"))
        for i, one in enumerate(items.plan)
    ]
    yield from table(Topic.CARE_PLAN, "Soins à prévoir", ("Soin", "Échéance"), plan)


def _prescription(items: Items, root: str) -> Iterator[Block]:
    if (given := items.prescription) is not None:
        at = f"{root}.prescription"
        days = given.days
        yield from pairs(
            Topic.TREATMENTS,
            "Ordonnance de sortie",
            (
                "Durée",
                EMPTY
                if days is None
                else Cell(f"{days} jour{'s' if days > 1 else ''}", f"{at}.days"),
            ),
            (
                "Traitement assuré jusqu'au",
                cell(day(given.covered_until), f"{at}.covered_until"),
            ),
            ("Pharmacie", contact(given.pharmacy, f"{at}.pharmacy")),
        )


def _social(items: Items, root: str) -> Iterator[Block]:
    rights = [
        (
            Cell(RIGHTS[one.kind], f"{root}.rights.{i}.kind"),
            Cell(one.state, f"{root}.rights.{i}.state"),
            cell(day(one.until), f"{root}.rights.{i}.until"),
        )
        for i, one in enumerate(items.rights)
    ]
    yield from table(Topic.CARE_PLAN, "Droits sociaux", ("Droit", "Situation", "Jusqu'au"), rights)
    yield from text(Topic.CARE_PLAN, "Hébergement", items.housing, f"{root}.housing")
    relays = [
        (
            Cell(who.name, f"{root}.relays.{i}.name"),
            cell(who.role, f"{root}.relays.{i}.role"),
            cell(who.address, f"{root}.relays.{i}.address"),
            cell(who.phone, f"{root}.relays.{i}.phone"),
            cell(day(who.since), f"{root}.relays.{i}.since"),
        )
        for i, who in enumerate(items.relays)
    ]
    yield from table(
        Topic.CARE_PLAN,
        "Relais et contacts",
        ("Nom", "Rôle", "Adresse", "Téléphone", "Depuis le"),
        relays,
    )


def _narratives(items: Items, root: str) -> Iterator[Block]:
    only = items == Items(narratives=items.narratives)
    for i, one in enumerate(items.narratives):
        if is_blank(one.text):
            continue
        at = f"{root}.narratives.{i}"
        yield Paragraphs(
            Topic.SYNTHESIS,
            one.heading or ("" if only else "Autres informations"),
            Cell(one.text, f"{at}.text"),
            f"{at}.heading" if one.heading else None,
        )
