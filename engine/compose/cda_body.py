"""The structured body of an exit letter: the sections of LDL-SES 2022.01, in the model's order.

Everything that is said stands in the narrative; entries repeat in codes what has codes.
"""

from engine.compose.cda_care import put_allergies, put_copy, put_devices, put_plan
from engine.compose.cda_codes import put_own_code
from engine.compose.cda_page import Page, refer
from engine.compose.cda_people import Element, put, time
from engine.compose.cda_stay import put_stay
from engine.compose.cda_treatments import put_discharge, put_stopped
from engine.compose.changes import changes_of
from engine.compose.shop import Coded, Shop
from engine.model.cda import ANS, SectionCode
from engine.model.letter import Letter


def put_body(component: Element, letter: Letter, pdf: bytes, shop: Shop) -> None:
    """Write the body under ``component``. ``pdf`` goes in where the letter has annexed pages."""
    page = Page(letter, shop, put(component, "structuredBody"))
    _put_status(page)
    _put_reason(page)
    put_stay(page)
    put_stopped(page)
    put_discharge(page)
    _put_results(page)
    put_plan(page)
    put_devices(page)
    put_allergies(page)
    if letter.annexes:
        put_copy(page, pdf)


def _put_status(page: Page) -> None:
    section, text = page.section(
        SectionCode.STATUS,
        ("1.2.250.1.213.1.1.2.35", "1.2.250.1.213.1.1.2.35.1"),
        "Etat d'achèvement",
        "Statut du document",
    )
    letter, zone = page.letter, page.shop.zone
    codes = page.shop.cda.status
    status = codes.provisional if letter.withheld else codes.approved
    words = page.say(text, "status", status.display.capitalize())
    if letter.withheld:
        page.say(text, "awaited", "Une partie de cette lettre est encore attendue.")
    if (old := letter.replaces) is not None:
        when = f"{old.issued_at.astimezone(zone):%d/%m/%Y}"
        page.say(text, "replaces", f"Annule et remplace la version {old.version} du {when}.")
        for number, change in enumerate(changes_of(letter)):
            page.say(text, f"change.{number}", f"{change}.")
    observation = put(put(section, "entry"), "observation", classCode="OBS", moodCode="EVN")
    for root in (
        "1.3.6.1.4.1.19376.1.5.3.1.4.13",
        "1.2.250.1.213.1.1.3.48",
        "1.2.250.1.213.1.1.3.48.16",
        "1.2.250.1.213.1.1.3.48.16.1",
    ):
        put(observation, "templateId", root=root)
    put(observation, "id", root=page.uid("status"))
    put_own_code(
        observation, "code", Coded(code="GEN-065", display="Statut du document", system=ANS)
    )
    refer(observation, "text", words)
    put(observation, "statusCode", code="completed")
    put(observation, "effectiveTime", value=time(letter.issued_at, zone))
    put_own_code(observation, "value", status, "CD")


def _put_reason(page: Page) -> None:
    _, text = page.section(
        SectionCode.REASON,
        ("1.3.6.1.4.1.19376.1.5.3.1.3.1", "1.2.250.1.213.1.1.2.127"),
        "Raison de la recommandation",
        "Motif de la prise en charge",
    )
    page.tell(text, SectionCode.REASON)
    if not page.blocks(SectionCode.REASON):
        page.say(text, "reason", "Non précisé.")


def _put_results(page: Page) -> None:
    """Words alone: the model takes no entry here; coded results stand with the stay."""
    if not page.blocks(SectionCode.RESULTS):
        return
    _, text = page.section(
        SectionCode.RESULTS,
        ("1.3.6.1.4.1.19376.1.5.3.1.3.27", "1.2.250.1.213.1.1.2.150"),
        "Résultats d'examens",
        "Résultats d'examens",
    )
    page.tell(text, SectionCode.RESULTS)
