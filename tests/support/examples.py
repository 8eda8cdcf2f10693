"""One stay told with every item that the content model has. Nobody in it exists."""

from datetime import UTC, date, datetime, time

from engine.model.fact import Half
from engine.model.letter import Letter, LetterKind, Replaced
from engine.model.summary import (
    Allergy,
    Appointment,
    Change,
    Code,
    Contact,
    Device,
    Diagnosis,
    Items,
    LongActingInjection,
    Narrative,
    OpioidSubstitution,
    PlannedCare,
    Prescription,
    Result,
    Right,
    RightKind,
    Screening,
    Treatment,
    Tuberculosis,
    Vaccination,
    Virus,
)
from tests.support.letters import PSYCHIATRIST, RESPONSIBLE, contribution, letter, summary

ATC = "2.16.840.1.113883.6.73"
CIM_10 = "2.16.840.1.113883.6.3"
CIS = "1.2.250.1.213.2.3.1"
LOINC = "2.16.840.1.113883.6.1"
SNOMED = "2.16.840.1.113883.6.96"
EMDN = "1.2.250.1.213.2.68"

PHARMACY = Contact(
    name="Pharmacie de la Place",
    address="3 place Imaginaire, 00000 EXEMPLEVILLE",
    phone="03 00 00 00 10",
)
SOMATIC_ITEMS = Items(
    reason="Suivi d'un diabète de type 2 et d'une dépendance aux opioïdes, connus à l'arrivée.",
    synthesis=(
        "Diabète de type 2 équilibré sous metformine. Hypertension artérielle découverte en "
        "septembre 2026, traitée.\n\n"
        "Primo-infection tuberculeuse traitée, bien tolérée :\n"
        "- bilan hépatique normal ;\n"
        "- radiographie du thorax de contrôle sans anomalie."
    ),
    events=("Hypoglycémie sans gravité le 12 octobre 2026.",),
    diagnoses=(
        Diagnosis(
            label="Diabète de type 2",
            code=Code(code="E11.9", system=CIM_10, display="Diabète sucré de type 2"),
            chronic=True,
            since=date(2015, 3, 1),
        ),
        Diagnosis(
            label="Hypertension artérielle",
            code=Code(code="I10", system=CIM_10),
            chronic=True,
            since=date(2026, 9, 14),
        ),
        Diagnosis(label="Entorse de la cheville droite, guérie"),
    ),
    treatments=(
        Treatment(
            label="METFORMINE 1000 mg, comprimé",
            codes=(Code(code="A10BA02", system=ATC, display="Metformine"),),
            posology="1 comprimé matin et soir",
            route="voie orale",
            start=date(2015, 4, 1),
            change=Change.CONTINUED,
        ),
        Treatment(
            label="AMLODIPINE 5 mg, comprimé",
            codes=(Code(code="C08CA01", system=ATC, display="Amlodipine"),),
            posology="1 comprimé le matin",
            route="voie orale",
            start=date(2026, 9, 14),
            change=Change.STARTED,
            reason="hypertension artérielle découverte pendant la prise en charge",
        ),
        Treatment(
            label="PANTOPRAZOLE 20 mg, comprimé gastro-résistant",
            posology="1 comprimé le soir si besoin",
            end=date(2026, 12, 15),
            change=Change.CHANGED,
            reason="dose diminuée, symptômes rares",
        ),
        Treatment(
            label="TRAMADOL 50 mg, gélule",
            posology="1 gélule toutes les 6 heures",
            start=date(2026, 10, 2),
            end=date(2026, 10, 9),
            change=Change.STOPPED,
            reason="entorse guérie",
        ),
    ),
    allergies=(
        Allergy(
            label="Amoxicilline",
            kind=Code(code="416098002", system=SNOMED, display="allergie médicamenteuse"),
            reaction="urticaire généralisée",
            since=date(2009, 5, 2),
        ),
        Allergy(label="Arachide", reaction="œdème des lèvres"),
    ),
    results=(
        Result(
            label="HbA1c",
            code=Code(code="4548-4", system=LOINC),
            value="6,8",
            unit="%",
            at=date(2026, 10, 20),
        ),
        Result(
            label="Créatininémie", value="128", unit="µmol/L", at=date(2026, 11, 18), abnormal=True
        ),
        Result(label="Culture de crachats (BK)", at=date(2026, 11, 20)),
    ),
    vaccinations=(
        Vaccination(label="Grippe saisonnière", day=date(2026, 10, 15)),
        Vaccination(label="Hépatite B, 2e dose", day=date(2026, 11, 3), due=date(2027, 4, 3)),
    ),
    devices=(
        Device(
            label="Lecteur de glycémie",
            code=Code(code="W0201060102", system=EMDN),
            day=date(2026, 9, 3),
        ),
    ),
    plan=(
        PlannedCare(label="Créatininémie de contrôle", due=date(2026, 12, 18)),
        PlannedCare(label="Automesure tensionnelle sur trois jours"),
    ),
    appointments=(
        Appointment(
            label="Ophtalmologie, fond d'œil",
            day=date(2026, 12, 4),
            hour=time(10, 30),
            place="CH EXEMPLE, consultations, bâtiment B",
            phone="03 00 00 00 20",
        ),
        Appointment(label="Dentiste", place="Centre de santé d'Exempleville"),
    ),
    opioid=OpioidSubstitution(
        drug="MÉTHADONE, gélule",
        dose="40 mg par jour, en une prise",
        last_dose="24/11/2026 à 9 h 00",
        prescription_end=date(2026, 12, 1),
        pharmacy=PHARMACY,
        prescriber=Contact(name="CSAPA Le Passage", role="Dr Anne FICTIVE", phone="03 00 00 00 30"),
    ),
    naloxone=True,
    tuberculosis=Tuberculosis(
        treatment="RIFAMPICINE et ISONIAZIDE, 3 mois",
        start=date(2026, 9, 20),
        end=date(2026, 12, 20),
        clat=Contact(name="CLAT du département", phone="03 00 00 00 40"),
    ),
    screenings=(
        Screening(virus=Virus.HBV, offered=True, result="non immunisé, vaccin commencé", told=True),
        Screening(virus=Virus.HCV, offered=True, result="négatif", told=True),
        Screening(virus=Virus.HIV, offered=True, result="négatif", told=False),
    ),
    prescription=Prescription(days=7, covered_until=date(2026, 12, 1), pharmacy=PHARMACY),
    rights=(
        Right(kind=RightKind.C2S, state="ouverte", until=date(2027, 6, 30)),
        Right(kind=RightKind.ALD, state="demande en cours"),
    ),
    housing="Hébergé chez sa sœur à Exempleville ; l'insuline éventuelle pourra y être gardée au "
    "froid.",
    relays=(
        Contact(
            name="Service d'accompagnement Passerelle",
            role="référente : Lise INVENTÉE",
            phone="03 00 00 00 50",
        ),
    ),
    told="Le patient a été informé de ses résultats et du relais. Il accepte que son médecin "
    "traitant, la pharmacie et le CSAPA échangent à son sujet.",
    multiresistant=False,
    transfusion=False,
    blood_products=False,
    narratives=(
        Narrative(
            heading="Mode de vie", text="Marche quotidienne reprise. Tabac : 5 cigarettes par jour."
        ),
    ),
)
PSYCHIATRIC_ITEMS = Items(
    synthesis="Trouble anxieux généralisé, stable sous traitement, suivi mensuel.",
    treatments=(
        Treatment(
            label="SERTRALINE 50 mg, comprimé",
            posology="1 comprimé le matin",
            change=Change.CONTINUED,
        ),
    ),
    injections=(
        LongActingInjection(
            drug="PALIPÉRIDONE LP",
            dose="75 mg",
            last=date(2026, 11, 10),
            next_due=date(2026, 12, 8),
        ),
    ),
    addictions="Dépendance aux opioïdes substituée ; alcool : abstinence depuis l'arrivée.",
    csapa=Contact(
        name="CSAPA Le Passage",
        address="8 rue Inventée, 00000 EXEMPLEVILLE",
        phone="03 00 00 00 30",
        since=date(2026, 11, 2),
    ),
    psychiatric_follow_up="Consultation mensuelle et entretien infirmier tous les quinze jours.",
    cmp=Contact(name="CMP d'Exempleville", phone="03 00 00 00 60"),
    suicide_risk="Pas d'idée suicidaire depuis octobre 2026. Facteurs de protection : sa sœur.",
    appointments=(
        Appointment(
            label="CMP, Dr Hugo EXEMPLAIRE",
            day=date(2026, 12, 1),
            hour=time(14, 0),
            place="CMP d'Exempleville",
            phone="03 00 00 00 60",
        ),
    ),
)
WHOLE_SOMATIC = contribution(
    Half.DSS, datetime(2026, 11, 23, 15, 0, tzinfo=UTC), RESPONSIBLE, SOMATIC_ITEMS
)
WHOLE_PSYCHIATRIC = contribution(
    Half.DSP, datetime(2026, 11, 24, 8, 0, tzinfo=UTC), PSYCHIATRIST, PSYCHIATRIC_ITEMS
)
WHOLE = summary(WHOLE_SOMATIC, WHOLE_PSYCHIATRIC)


def whole_letter() -> Letter:
    """The exit letter with every item."""
    return letter(LetterKind.EXIT_LETTER, summary=WHOLE)


def corrected_letter() -> Letter:
    """Version 2 of a letter that had the somatic half alone, and not all of it."""
    first = whole_letter()
    before = SOMATIC_ITEMS.model_copy(
        update={
            "treatments": (
                SOMATIC_ITEMS.treatments[0].model_copy(update={"posology": "1 comprimé le soir"}),
                *SOMATIC_ITEMS.treatments[2:],
            ),
            "appointments": (
                SOMATIC_ITEMS.appointments[0].model_copy(update={"hour": time(9, 0)}),
                Appointment(label="Podologie", day=date(2026, 12, 9)),
            ),
            "results": SOMATIC_ITEMS.results[:1],
            "synthesis": "Diabète de type 2 équilibré sous metformine.",
        }
    )
    return letter(
        LetterKind.EXIT_LETTER,
        delivery="01j9zk4m7qabcdefghjkmnpqrt",
        document_oid="2.25.281474976710656002",
        version=2,
        issued_at=datetime(2026, 11, 26, 9, 0, tzinfo=UTC),
        summary=WHOLE,
        replaces=Replaced(
            document_oid=first.document_oid,
            version=1,
            message_id="<01j9zk4m7p.0@ch-exemple.mssante.fr>",
            issued_at=first.issued_at,
            halves=(Half.DSS,),
            modified=(Half.DSS,),
            summary=summary(
                contribution(
                    Half.DSS, datetime(2026, 11, 23, 9, 0, tzinfo=UTC), RESPONSIBLE, before
                )
            ),
        ),
    )
