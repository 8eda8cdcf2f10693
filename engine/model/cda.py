"""The names that our CDA documents and every reader of CDA share.

Source  HL7 CDA R2; CI-SIS models of content "LDL-SES 2022.01" and "structuration minimale".
"""

from enum import StrEnum
from typing import Final

V3: Final = "urn:hl7-org:v3"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"

# Elements of our narrative that show one item carry this prefix and the item's path as their ID:
# ``relais.0.treatments.2.posology`` (contribution, item, field). What is no text (a date, a
# number, a yes, a word of a closed list) stands beside its French words as a style code of one's
# own, which CDA R2 (narrative block, styleCode) wants to begin with ``x``: ``x2026-12-04``,
# ``xstarted``.
MARK: Final = "relais."
STYLE: Final = "x"

LDL_SES: Final = "1.2.250.1.213.1.1.1.29"
LEVEL_1: Final = "1.3.6.1.4.1.19376.1.2.20"

LOINC: Final = "2.16.840.1.113883.6.1"
SNOMED: Final = "2.16.840.1.113883.6.96"
ANS: Final = "1.2.250.1.213.1.1.4.322"
ACT_CODE: Final = "2.16.840.1.113883.5.4"
ABSENT: Final = "2.16.840.1.113883.5.1150.1"  # IPS: absent or unknown data
CIS: Final = "1.2.250.1.213.2.3.1"
EMDN: Final = "1.2.250.1.213.2.68"
CIM_10: Final = "2.16.840.1.113883.6.3"

# Short names of the code systems, as @codeSystemName.
SYSTEM_NAMES: Final = {
    LOINC: "LOINC",
    SNOMED: "SNOMED CT",
    ANS: "TerminologieCISIS",
    ACT_CODE: "HL7:ActCode",
    CIS: "CIS",
    "1.2.250.1.213.2.3.2": "CIP",
    "1.2.250.1.213.2.61": "UCD",
    "2.16.840.1.113883.6.73": "ATC",
    "1.2.250.1.213.2.59": "MV",
    CIM_10: "CIM-10",
    EMDN: "EMDN",
}


class SectionCode(StrEnum):
    """LOINC code of each section of LDL-SES, in the order of the model."""

    STATUS = "33557-0"
    REASON = "42349-1"
    STAY = "42545-4"
    STOPPED = "18610-6"
    DISCHARGE = "10183-2"
    RESULTS = "30954-2"
    PLAN = "18776-5"
    DEVICES = "46264-8"
    ALLERGIES = "48765-2"
    PDF = "55108-5"


class StayCode(StrEnum):
    """Code (ANS terminology) of each entry of the summary of the stay."""

    ENTRY = "ORG-070"
    EXIT = "ORG-074"
    SYNTHESIS = "MED-142"
    EVENT = "MED-143"
    MULTIRESISTANT = "MED-309"
    ORGANISM = "MED-144"
    TRANSFUSION = "MED-145"
    TRANSFUSION_ACCIDENT = "MED-146"
    BLOOD_PRODUCTS = "MED-147"
    BLOOD_PRODUCTS_EVENT = "MED-148"


# LOINC codes of observations of ours that carry the code of an item.
DIAGNOSIS: Final = "29308-4"
VACCINE: Final = "30956-7"
FOLLOW_UP: Final = "ORG-064"  # ANS terminology: request of an examination or a follow-up
