"""Codes of the exit letter, as the checks know them: a second source beside the tables that the
letters are written from, so that a mistake in those tables is seen.

Source  LDL-SES 2022.01 (CI-SIS), value sets of testContenuCDA 3.0 (JDV_J06, J07, J142, StatutDoc,
1.2.250.1.213.1.1.5.73 and .74), tables ASS_X04, ASS_A11 and ASS_A12 (20260629).
"""

from dataclasses import dataclass
from typing import Final

LOINC: Final = "2.16.840.1.113883.6.1"
SNOMED: Final = "2.16.840.1.113883.6.96"
ANS: Final = "1.2.250.1.213.1.1.4.322"
SIMPLE: Final = "1.2.250.1.213.1.1.3.48"  # FR-Simple-Observation
LDL_SES: Final = "1.2.250.1.213.1.1.1.29"
LEVEL_1: Final = "1.3.6.1.4.1.19376.1.2.20"


@dataclass(frozen=True, slots=True)
class Section:
    """One section of LDL-SES."""

    name: str
    templates: tuple[str, ...]
    required: bool = False
    entries: str = "any"  # "none" or "some"


SECTIONS: Final = {
    "33557-0": Section("Statut du document",
        ("1.2.250.1.213.1.1.2.35", "1.2.250.1.213.1.1.2.35.1"), True, "some"),
    "42349-1": Section("Raison de la recommandation",
        ("1.3.6.1.4.1.19376.1.5.3.1.3.1", "1.2.250.1.213.1.1.2.127"), True, "none"),
    "42545-4": Section("Résultats et évènements",
        ("1.3.6.1.4.1.19376.1.5.3.1.1.21.2.9", "1.3.6.1.4.1.19376.1.7.3.1.1.13.7",
         "1.2.250.1.213.1.1.2.163", "1.2.250.1.213.1.1.2.163.1"), True, "some"),
    "18610-6": Section("Traitements administrés",
        ("1.3.6.1.4.1.19376.1.5.3.1.3.21", "1.2.250.1.213.1.1.2.145"), False, "some"),
    "10183-2": Section("Traitements à la sortie",
        ("1.3.6.1.4.1.19376.1.5.3.1.3.22", "1.2.250.1.213.1.1.2.146"), True, "some"),
    "30954-2": Section("Résultats d'examens",
        ("1.3.6.1.4.1.19376.1.5.3.1.3.27", "1.2.250.1.213.1.1.2.150"), False, "none"),
    "18776-5": Section("Plan de soins",
        ("2.16.840.1.113883.10.20.1.10", "1.3.6.1.4.1.19376.1.5.3.1.3.36",
         "1.2.250.1.213.1.1.2.158")),
    "46264-8": Section("Dispositifs médicaux",
        # 11383: so spelt by the model.
        ("2.16.840.1.11383.10.20.1.7", "1.3.6.1.4.1.19376.1.5.3.1.1.5.3.5",
         "1.2.250.1.213.1.1.2.1")),
    "48765-2": Section("Allergies et intolérances",
        ("2.16.840.1.113883.10.20.1.2", "1.3.6.1.4.1.19376.1.5.3.1.3.13",
         "1.2.250.1.213.1.1.2.137"), False, "some"),
    "55108-5": Section("Copie du document", ("1.2.250.1.213.1.1.2.243",), False, "some"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Summary:
    """One entry of the summary of the stay: its template is SIMPLE and ``suffix``."""

    name: str
    code: str
    type: str
    required: bool


SUMMARY: Final = {
    "6": Summary("the mode of entry", "ORG-070", "CE", True),
    "7": Summary("the mode of exit", "ORG-074", "CE", True),
    "9": Summary("the medical synthesis", "MED-142", "ST", True),
    "3": Summary("the adverse event", "MED-143", "ST", False),
    "8": Summary("the search for micro-organisms", "MED-309", "BL", True),
    "5": Summary("the micro-organisms found", "MED-144", "ST", False),
    "10": Summary("the transfusion", "MED-145", "BL", True),
    "1": Summary("the transfusion's accidents", "MED-146", "ST", False),
    "2": Summary("the blood products", "MED-147", "BL", True),
    "4": Summary("the blood products' events", "MED-148", "ST", False),
}

# (system, code) → label. A code with another's label misleads whoever reads the label.
LABELS: Final = {
    ("2.16.840.1.113883.5.25", "N"): "Normal",
    ("2.16.840.1.113883.5.1", "F"): "Féminin",
    ("2.16.840.1.113883.5.1", "M"): "Masculin",
    ("1.2.250.1.71.4.2.4", "SA01"): "Etablissement public de santé",
    ("1.2.250.1.213.1.1.4.9", "ETABLISSEMENT"): "Etablissement de santé",
    ("1.2.250.1.213.1.1.4.2.291", "EXTERNE"): "Acte et consultation externe (établissement)",
    (LOINC, "11490-0"): "Lettre de liaison à la sortie d'un établissement de soins",
    (LOINC, "67851-6"): "CR d'admission",
    (SNOMED, "385651009"): "en cours d'exécution",
    (SNOMED, "398166005"): "réalisé",
    (SNOMED, "9571008"): "approuvé",
    (SNOMED, "29179001"): "clôturé",
    (SNOMED, "160849004"): "retour au domicile",
    (SNOMED, "107724000"): "transfert du patient",
    (SNOMED, "183452005"): "hospitalisation en urgence",
    (SNOMED, "8715000"): "hospitalisation programmée",
    (ANS, "GEN-092.06.01"): "Autre établissement de santé",
    (ANS, "GEN-092.06.03"): "Autre destination",
    (ANS, "GEN-092.06.07"): "Autre modalité d'entrée",
}

STATUSES: Final = ("385651009", "398166005", "9571008", "29179001")
ENTRY_MODES: Final = (
    (ANS, "GEN-092.06.07"), (SNOMED, "107724000"), (SNOMED, "183452005"), (SNOMED, "8715000"),
)  # fmt: skip
EXIT_MODES: Final = (
    (SNOMED, "160849004"), (ANS, "GEN-092.06.01"), (ANS, "GEN-092.06.03"),
    ("1.2.250.1.213.1.6.1.8", "500"), ("1.2.250.1.213.1.6.1.8", "109"),
    ("1.2.250.1.213.1.6.1.8", "127"),
)  # fmt: skip

CIS: Final = "1.2.250.1.213.2.3.1"
# What may stand in a translation of a medicine, and the shape of its codes.
MEDICINES: Final = {
    CIS: r"[0-9]{8}",
    "1.2.250.1.213.2.3.2": r"[0-9]{7}(?:[0-9]{6})?",  # CIP
    "1.2.250.1.213.2.61": r"[0-9]{7}(?:[0-9]{6})?",  # UCD
    "2.16.840.1.113883.6.73": r"[A-Z](?:[0-9]{2}(?:[A-Z](?:[A-Z](?:[0-9]{2})?)?)?)?",  # ATC
    "1.2.250.1.213.2.59": r".+",  # Medicabase
}

# ASS_X04: class of a type (TRE_A03), for the types that this house may meet.
CLASSES: Final = {
    "11490-0": "10", "67851-6": "10", "11488-4": "10", "96349-6": "10", "51851-4": "95",
    "18761-7": "11", "34133-9": "11", "68599-0": "11",
}  # fmt: skip
# ASS_A11: format of a level 3 model.
FORMATS: Final = {
    LDL_SES: "urn:asip:ci-sis:ldl-ses:2017",
    "1.2.250.1.213.1.1.1.21": "urn:asip:ci-sis:ldl-ees:2017",
    "1.2.250.1.213.1.1.1.13": "urn:asip:ci-sis:vsm:2012",
    "1.2.250.1.213.1.1.1.51": "urn:ihe:pcc:ips:2020",
    "1.2.250.1.213.1.1.1.45": "urn:ihe:rad:CDA:ImagingReportStructuredHeadings:2013",
    "1.2.250.1.213.1.1.1.55": "urn:ihe:lab:xd-lab:2008",
    "1.2.250.1.213.1.1.1.39": "urn:ihe:pharm:pre:2010",
}
# ASS_A12: format of a level 1 document.
MEDIA: Final = {
    "application/pdf": "urn:ihe:iti:xds-sd:pdf:2008",
    "text/plain": "urn:ihe:iti:xds-sd:text:2008",
    "text/rtf": "urn:ihe:iti-fr:xds-sd:rtf:2010",
    "image/jpeg": "urn:ihe:iti-fr:xds-sd:jpeg:2010",
    "image/tiff": "urn:ihe:iti-fr:xds-sd:tiff:2010",
}
