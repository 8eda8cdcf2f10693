"""Invented summaries of stays, from the least to the fullest, and letters that carry them."""

from datetime import UTC, date, datetime, time
from typing import Any

from engine.model.fact import Half
from engine.model.letter import Letter, LetterKind
from engine.model.people import Professional
from engine.model.summary import (
    Allergy,
    Appointment,
    Change,
    Code,
    Contact,
    Contribution,
    Device,
    Diagnosis,
    ExitSummary,
    Items,
    LongActingInjection,
    Narrative,
    OpioidSubstitution,
    PlannedCare,
    Prescription,
    Result,
    Right,
    RightKind,
    Said,
    Screening,
    Source,
    Treatment,
    Tuberculosis,
    Vaccination,
    Virus,
)
from tests.support.letters import letter

CIM_10 = "2.16.840.1.113883.6.3"
SNOMED = "2.16.840.1.113883.6.96"

SOMATIC_AUTHOR = Professional(
    rpps="10999999997",
    family="MODÈLE",
    given="Claire",
    specialty_code="G15_10/SM54",
    specialty="Médecin - Médecine Générale (SM)",
)
PSYCHIATRIC_AUTHOR = Professional(
    rpps="10999999989",
    family="EXEMPLE",
    given="Jean-Noël",
    specialty_code="G15_10/SM42",
    specialty="Médecin - Psychiatrie (SM)",
)
NURSE = Professional(
    rpps="10999999963",
    family="INVENTÉE",
    given="Maud",
    specialty_code="G15_60",
    specialty="Infirmier",
)

FULL = Items(
    reason="Suivi d'un diabète de type 2 et d'une hypertension artérielle.",
    synthesis=(
        "Diabète équilibré sous metformine.\n\nSurveillance :\n- glycémie à jeun une fois par "
        "semaine ;\n- fond d'œil à faire."
    ),
    events=("Chute sans gravité le 12 octobre 2026.", "Malaise vagal en septembre."),
    diagnoses=(
        Diagnosis(
            label="Diabète sucré de type 2",
            code=Code(code="E11.9", system=CIM_10, display="Diabète sucré de type 2"),
            chronic=True,
            since=date(2015, 3, 1),
        ),
        Diagnosis(label="Trouble anxieux"),
    ),
    treatments=(
        Treatment(
            label="METFORMINE 1000 mg, comprimé",
            codes=(
                Code(code="A10BA02", system="2.16.840.1.113883.6.73", display="metformine"),
                Code(code="62552920", system="1.2.250.1.213.2.3.1", display="METFORMINE 1000 mg"),
            ),
            posology="1 comprimé matin et soir, au repas",
            route="orale",
            start=date(2026, 9, 2),
            end=date(2026, 12, 1),
            change=Change.CONTINUED,
        ),
        Treatment(
            label="AMLODIPINE 5 mg",
            codes=(Code(code="9112345", system="1.2.250.1.213.2.61"),),
            posology="1 gélule le matin",
            start=date(2026, 9, 20),
            end=date(2026, 9, 20),
            change=Change.STARTED,
            reason="tension à 16/10",
        ),
        Treatment(
            label="TRAMADOL 50 mg",
            start=date(2026, 9, 2),
            end=date(2026, 9, 9),
            change=Change.STOPPED,
            reason="douleur disparue",
        ),
        Treatment(label="Préparation sans code", posology="selon besoin"),
        Treatment(label="ZOPICLONE 7,5 mg", start=date(2026, 11, 1), end=date(2026, 10, 1)),
    ),
    allergies=(
        Allergy(
            label="Pénicilline",
            kind=Code(code="416098002", system=SNOMED, display="allergie médicamenteuse"),
            substance=Code(code="J01C", system="2.16.840.1.113883.6.73", display="pénicillines"),
            reaction="urticaire",
            since=date(2001, 5, 1),
        ),
        Allergy(label="Arachide"),
    ),
    results=(
        Result(
            label="HbA1c",
            code=Code(code="4548-4", system="2.16.840.1.113883.6.1", display="HbA1c"),
            value="6,8",
            unit="%",
            at=date(2026, 10, 10),
            abnormal=True,
        ),
        Result(label="Créatininémie", code=Code(code="14682-9", system="2.16.840.1.113883.6.1")),
    ),
    vaccinations=(
        Vaccination(
            label="Vaccin antigrippal",
            day=date(2026, 10, 20),
            code=Code(code="J07BB02", system="2.16.840.1.113883.6.73"),
        ),
        Vaccination(label="Hépatite B, 3e dose", due=date(2027, 3, 1)),
    ),
    devices=(
        Device(
            label="Stimulateur cardiaque",
            code=Code(
                code="J010104",
                system="1.2.250.1.213.2.68",
                display="STIMULATEURS CARDIAQUES IMPLANTABLES TRIPLE CHAMBRE",
            ),
            day=date(2018, 9, 24),
        ),
        Device(label="Lunettes"),
    ),
    plan=(
        PlannedCare(label="Créatininémie à un mois", due=date(2026, 12, 24)),
        PlannedCare(label="Bilan dentaire"),
    ),
    appointments=(
        Appointment(
            label="Ophtalmologue",
            day=date(2026, 12, 4),
            hour=time(10, 30),
            place="CH EXEMPLE, consultations",
            phone="03 00 00 00 03",
        ),
        Appointment(label="Médecin traitant", day=date(2026, 12, 1)),
        Appointment(label="Dentiste"),
    ),
    opioid=OpioidSubstitution(
        drug="MÉTHADONE, gélule",
        dose="40 mg par jour",
        last_dose="le 24 novembre 2026 à 9 h",
        prescription_end=date(2026, 12, 1),
        pharmacy=Contact(name="Pharmacie de la Place", phone="03 00 00 00 04"),
        prescriber=Contact(name="CSAPA d'Exempleville"),
    ),
    naloxone=True,
    injections=(
        LongActingInjection(
            drug="PALIPÉRIDONE LP",
            dose="100 mg",
            last=date(2026, 11, 10),
            next_due=date(2026, 12, 8),
        ),
    ),
    tuberculosis=Tuberculosis(
        treatment="RIFINAH 300/150",
        start=date(2026, 9, 10),
        end=date(2027, 3, 10),
        clat=Contact(name="CLAT d'Exempleville", phone="03 00 00 00 05"),
    ),
    screenings=(
        Screening(virus=Virus.HIV, offered=True, result="négatif", told=True),
        Screening(virus=Virus.HCV, offered=False),
    ),
    addictions="Tabac : 10 cigarettes par jour.",
    csapa=Contact(name="CSAPA d'Exempleville", role="suivi", address="3 rue Fictive"),
    psychiatric_follow_up="Suivi mensuel.",
    cmp=Contact(name="CMP d'Exempleville", since=date(2024, 1, 8)),
    suicide_risk="Pas d'idée suicidaire à ce jour.",
    prescription=Prescription(
        days=7, covered_until=date(2026, 12, 1), pharmacy=Contact(name="Pharmacie de la Place")
    ),
    rights=(
        Right(kind=RightKind.C2S, state="ouverte", until=date(2027, 8, 31)),
        Right(kind=RightKind.OTHER, state="dossier à la MDPH"),
    ),
    housing="Chez sa sœur.",
    relays=(Contact(name="Équipe mobile EMOT", phone="03 00 00 00 06"),),
    told="Diagnostic et traitement expliqués ; accord pour ce courrier.",
    multiresistant=False,
    transfusion=False,
    blood_products=True,
    narratives=(
        Narrative(heading="Antécédents", text="Appendicectomie.\n\nFracture du radius."),
        Narrative(text="Texte sans titre."),
    ),
)
PSYCHIATRIC_ITEMS = Items(
    synthesis="Trouble anxieux stable.\n\nSuivi mensuel.",
    treatments_none=True,
    appointments=(Appointment(label="CMP d'Exempleville", day=date(2026, 12, 1), hour=time(14)),),
)
TEXT = Items(narratives=(Narrative(text="Lettre écrite au fil de la plume.\n\n- un ;\n- deux."),))


def said(items: Items, half: Half = Half.DSS, **changes: Any) -> Contribution:
    """A validated document of one half."""
    fields: dict[str, Any] = {
        "source": Source.DOCUMENT,
        "reference": "DOC-1",
        "at": datetime(2026, 11, 23, 15, 0, tzinfo=UTC),
        "author": SOMATIC_AUTHOR if half is Half.DSS else PSYCHIATRIC_AUTHOR,
        "validated": True,
    }
    return Contribution(half=half, said=Said(**(fields | changes)), items=items)


def exit_letter(*contributions: Contribution, **changes: Any) -> Letter:
    """A letter that says this."""
    summary = ExitSummary(contributions=contributions)
    return letter(LetterKind.EXIT_LETTER, **{"summary": summary, **changes})
