"""The shape of ``clinical.toml``: what a site's clinical feeds mean, and which of them it trusts.

The file may be absent. No feed is trusted by default: what an untrusted feed says is kept, shown
to the unit's own people (`relais letter show`), and never leaves.
"""

from pydantic import Field

from engine.mapping.path import Path, PathField
from engine.model.fact import Half
from engine.model.summary import Code, Line
from engine.model.value import Value

ATC = "2.16.840.1.113883.6.73"
CIM_10 = "2.16.840.1.113883.6.3"
_SNOMED = "2.16.840.1.113883.6.96"


class Feed(Value):
    """What every feed has."""

    validated: bool = Field(
        default=False,
        description="What it says was validated by a professional, and may leave in a letter.",
    )


class AllergyFeed(Feed):
    """AL1 of any ADT: a snapshot of all allergies (HL7 v2.5 section 3.4.6)."""

    none: tuple[str, ...] = Field(
        default=("716186003", "no-known-allergies"),
        description="AL1-3.1 by which the sender says that no allergy is known.",
    )
    kinds: dict[str, Code] = Field(
        default={
            "DA": Code(code="416098002", system=_SNOMED, display="allergie médicamenteuse"),
            "FA": Code(code="414285001", system=_SNOMED, display="allergie alimentaire"),
            "MA": Code(code="609328004", system=_SNOMED, display="allergie"),
        },
        description="AL1-2.1 (HL7 table 0127) to JDV 1.2.250.1.213.1.1.5.794.",
    )


class DiagnosisFeed(Feed):
    """DG1 of any ADT: a snapshot of the diagnoses (HL7 v2.5 section 6.5.2)."""

    types: tuple[str, ...] = Field(
        default=("W", "F"), description="DG1-6 (table 0052) of what is a diagnosis: W, F; not A."
    )
    psychiatric: tuple[str, ...] = Field(
        default=("F", "X6", "X7", "X80", "X81", "X82", "X83", "X84", "Z91.5", "R45.8"),
        description="Beginnings of CIM-10 codes that need the psychiatric half's agreement, with "
        "or without their dot: mental disorders, self-harm (X60 to X84), its history (Z91.5), "
        "suicidal ideas (R45.8).",
    )


class TreatmentFeed(Feed):
    """RXE of RDE^O11 (HL7 v2.5 section 4.14.4)."""

    in_force: tuple[str, ...] = Field(
        default=("NW", "OK", "OR", "RE", "RF", "RL", "RO", "SC", "SN", "XO", "XX"),
        description="ORC-1 of an order that stands; any other ends it.",
    )
    states: tuple[str, ...] = Field(
        default=("", "A", "IP", "SC"), description="ORC-5 of an order that stands; '': empty."
    )
    frequencies: dict[str, Line] = Field(
        default={
            "QD": "une fois par jour",
            "BID": "deux fois par jour",
            "TID": "trois fois par jour",
            "QID": "quatre fois par jour",
            "QAM": "le matin",
            "QHS": "au coucher",
            "PRN": "si besoin",
        },
        description="TQ1-3.1 (table 0335) to words. With a code that is not here, no posology.",
    )
    units: dict[str, Line] = Field(
        default_factory=dict, description="RXE-5.1 to words; else RXE-5.2, else RXE-5.1."
    )
    routes: dict[str, Line] = Field(
        default={
            "PO": "voie orale",
            "SL": "voie sublinguale",
            "IM": "voie intramusculaire",
            "SC": "voie sous-cutanée",
            "IV": "voie intraveineuse",
            "IH": "inhalation",
        },
        description="RXR-1.1 (table 0162) to words; else RXR-1.2.",
    )
    psychiatric: tuple[str, ...] = Field(
        default=("N05", "N06"),
        description="Beginnings of ATC codes that need the psychiatric half's agreement.",
    )


class VaccinationFeed(Feed):
    """RXA of VXU^V04 (HL7 v2.5 section 4.14.7)."""

    given: tuple[str, ...] = Field(
        default=("", "CP"), description="RXA-20 (table 0322) of a dose that was given; '': empty."
    )
    due: tuple[str, ...] = Field(
        default=("30980-7",), description="OBX-3.1 of the date on which the next dose is due."
    )


class AppointmentKind(Value):
    """An outpatient follow-up: what a letter calls it, and whose agreement it needs."""

    label: Line
    half: Half = Half.DSS


class Escort(Value):
    """A field that says that the patient is to be escorted (extraction médicale)."""

    field: PathField
    codes: tuple[str, ...] = Field(min_length=1)


class AppointmentFeed(Feed):
    """SCH, AIS, AIP, AIL of SIU (HL7 v2.5 chapter 10).

    While the patient is detained every appointment outside is an escort, whose date is nobody's
    business. So an appointment is kept only if its kind is in the table, in words of the table,
    and leaves only if it lies after the release.
    """

    number: tuple[PathField, ...] = Field(
        default=(Path.parse("SCH-2"), Path.parse("SCH-1")),
        description="The number that every message about it repeats.",
    )
    kind: PathField = Field(default=Path.parse("SCH-8.1"), description="Looked up in `kinds`.")
    kinds: dict[str, AppointmentKind] = Field(
        default_factory=dict, description="Kinds that are outpatient follow-up; no other leaves."
    )
    escorts: tuple[Escort, ...] = Field(
        default=(), description="What marks an escort, whatever the kind."
    )
    booked: tuple[str, ...] = Field(
        default=("", "Booked", "Overbook"),
        description="SCH-25.1 (table 0278) of an appointment that stands; '': empty.",
    )
    place: PathField = Field(default=Path.parse("AIL-3.9"), description="Where, in words.")
    phone: tuple[PathField, ...] = Field(
        default=(Path.parse("SCH-17.12"), Path.parse("SCH-17.1")), description="Whom to call."
    )
    professional: PathField = Field(
        default=Path.parse("AIP-3"), description="With whom: components 2 and 3 (XCN)."
    )


class Clinical(Value):
    """clinical.toml."""

    systems: dict[str, str] = Field(
        default={
            "ATC": ATC,
            "CIM10": CIM_10,
            "CIM-10": CIM_10,
            "I10": CIM_10,
            "ICD10": CIM_10,
            "CIS": "1.2.250.1.213.2.3.1",
            "CIP": "1.2.250.1.213.2.3.2",
            "UCD": "1.2.250.1.213.2.61",
            "MV": "1.2.250.1.213.2.59",
            "CVX": "2.16.840.1.113883.12.292",
            "LN": "2.16.840.1.113883.6.1",
            "SCT": _SNOMED,
        },
        description="Name of a coding system (third component of CE) to its OID.",
    )
    allergies: AllergyFeed = AllergyFeed()
    diagnoses: DiagnosisFeed = DiagnosisFeed()
    treatment: TreatmentFeed = TreatmentFeed()
    vaccination: VaccinationFeed = VaccinationFeed()
    appointment: AppointmentFeed = AppointmentFeed()
