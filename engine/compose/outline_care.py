"""What is to come and who takes over: the blocks that close a part."""

from collections.abc import Iterator

from engine.compose.blocks import Block, Cell, Paragraphs, Topic
from engine.compose.outline_words import (
    EMPTY,
    RIGHTS,
    VIRUSES,
    cell,
    coded,
    contact,
    day,
    hour,
    joined,
    pairs,
    rows_of,
    table,
    text,
    yes_no,
)
from engine.model.summary import (
    Appointment,
    Contact,
    Device,
    Items,
    PlannedCare,
    Right,
    Screening,
    Vaccination,
    is_blank,
)


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
    yield from table(
        Topic.RESULTS,
        "Dépistages",
        ("Dépistage", "Proposé", "Résultat", "Résultat annoncé", "Traitement"),
        rows_of(items.screenings, f"{root}.screenings", _screening),
    )


def _screening(one: Screening, at: str) -> tuple[Cell, ...]:
    return (
        Cell(VIRUSES[one.virus], f"{at}.virus"),
        cell(yes_no(one.offered), f"{at}.offered"),
        cell(one.result, f"{at}.result"),
        cell(yes_no(one.told), f"{at}.told"),
        cell(one.treatment, f"{at}.treatment"),
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
    yield from table(
        Topic.CARE_PLAN,
        "Vaccinations",
        ("Vaccin", "Reçu le", "Prochaine dose"),
        rows_of(items.vaccinations, f"{root}.vaccinations", _vaccination),
    )


def _vaccination(shot: Vaccination, at: str) -> tuple[Cell, ...]:
    return (
        coded(shot.label, shot.code, at),
        cell(day(shot.day), f"{at}.day"),
        cell(day(shot.due), f"{at}.due"),
    )


def _devices(items: Items, root: str) -> Iterator[Block]:
    yield from table(
        Topic.DEVICES,
        "Dispositifs médicaux",
        ("Dispositif", "Depuis le"),
        rows_of(items.devices, f"{root}.devices", _device),
    )


def _device(one: Device, at: str) -> tuple[Cell, ...]:
    return coded(one.label, one.code, at), cell(day(one.day), f"{at}.day")


def _appointments(items: Items, root: str) -> Iterator[Block]:
    yield from table(
        Topic.CARE_PLAN,
        "Rendez-vous",
        ("Rendez-vous", "Date", "Lieu", "Téléphone"),
        rows_of(items.appointments, f"{root}.appointments", _appointment),
    )
    yield from table(
        Topic.CARE_PLAN,
        "Soins à prévoir",
        ("Soin", "Échéance"),
        rows_of(items.plan, f"{root}.plan", _planned),
    )


def _appointment(one: Appointment, at: str) -> tuple[Cell, ...]:
    when = joined(" à ", cell(day(one.day), f"{at}.day"), cell(hour(one.hour), f"{at}.hour"))
    return (
        Cell(one.label, f"{at}.label"),
        when if one.day else joined(", ", Cell("à fixer"), when),
        cell(one.place, f"{at}.place"),
        cell(one.phone, f"{at}.phone"),
    )


def _planned(one: PlannedCare, at: str) -> tuple[Cell, ...]:
    return Cell(one.label, f"{at}.label"), cell(day(one.due), f"{at}.due")


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
    yield from table(
        Topic.CARE_PLAN,
        "Droits sociaux",
        ("Droit", "Situation", "Jusqu'au"),
        rows_of(items.rights, f"{root}.rights", _right),
    )
    yield from text(Topic.CARE_PLAN, "Hébergement", items.housing, f"{root}.housing")
    yield from table(
        Topic.CARE_PLAN,
        "Relais et contacts",
        ("Nom", "Rôle", "Adresse", "Téléphone", "Depuis le"),
        rows_of(items.relays, f"{root}.relays", _relay),
    )


def _right(one: Right, at: str) -> tuple[Cell, ...]:
    return (
        Cell(RIGHTS[one.kind], f"{at}.kind"),
        Cell(one.state, f"{at}.state"),
        cell(day(one.until), f"{at}.until"),
    )


def _relay(who: Contact, at: str) -> tuple[Cell, ...]:
    return (
        Cell(who.name, f"{at}.name"),
        cell(who.role, f"{at}.role"),
        cell(who.address, f"{at}.address"),
        cell(who.phone, f"{at}.phone"),
        cell(day(who.since), f"{at}.since"),
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
