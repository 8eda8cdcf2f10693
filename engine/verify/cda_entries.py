"""Rules of the entries of an exit letter (LDL-SES): what the coded half of a section must hold.

Source  LDL-SES 2022.01 and the entry models FR-* of CI-SIS.
"""

from typing import Final

from engine.verify.cda_codes import ANS, CIS, SIMPLE, SNOMED, STATUSES
from engine.verify.rules import Rule

_SIMPLE: Final = f"//c:observation[c:templateId/@root='{SIMPLE}']"
_TREATMENT: Final = "//c:substanceAdministration[c:templateId/@root='1.2.250.1.213.1.1.3.42']"
_PRODUCT: Final = _TREATMENT + "/c:consumable/c:manufacturedProduct"
_MEETING: Final = "//c:encounter[c:templateId/@root='1.2.250.1.213.1.1.3.58']"
_REQUEST: Final = "//c:observation[c:templateId/@root='1.2.250.1.213.1.1.3.27']"
_ACT: Final = "//c:procedure[c:templateId/@root='1.2.250.1.213.1.1.3.62']"
_DEVICE: Final = "//c:supply[c:templateId/@root='1.2.250.1.213.1.1.3.20']"
_ALLERGIES: Final = "//c:act[c:templateId/@root='1.2.250.1.213.1.1.3.40']"
_ALLERGY: Final = "//c:observation[c:templateId/@root='1.2.250.1.213.1.1.3.41']"
_STATUS: Final = f"//c:observation[c:templateId/@root='{SIMPLE}.16']"
_ABSENT: Final = "2.16.840.1.113883.5.1150.1"


def _has(*roots: str) -> str:
    return " and ".join(f"c:templateId[@root='{root}']" for root in roots)


_TOLD: Final = "c:text/c:reference/@value"
_CODED: Final = "@code and @codeSystem and @displayName and not(@nullFlavor)"
_TIMED: Final = "c:effectiveTime[f:moment(@value) or c:low or @nullFlavor]"
_ANY_ENTRY: Final = " | ".join(
    (_SIMPLE, _TREATMENT, _MEETING, _REQUEST, _ACT, _DEVICE, _ALLERGIES, _ALLERGY)
)

ENTRIES: Final = (
    Rule("entry-id", _ANY_ENTRY, "f:id(c:id/@root)",
         "an entry has an identifier, an OID or a UUID in capitals"),
    Rule("entry-reference", " | ".join((_SIMPLE, _TREATMENT, _MEETING, _REQUEST, _ALLERGY)), _TOLD,
         "an entry points at the words that say the same (text/reference)"),
    Rule("entry-status-null", "//c:statusCode", "@code and not(@nullFlavor)",
         "a status has a code"),
    Rule("observation-class", _SIMPLE, "@classCode='OBS' and @moodCode='EVN'",
         "a simple observation is OBS, EVN"),
    Rule("observation-templates", _SIMPLE, _has("1.3.6.1.4.1.19376.1.5.3.1.4.13"),
         "a simple observation announces 1.3.6.1.4.1.19376.1.5.3.1.4.13"),
    Rule("observation-code", _SIMPLE + "/c:code", _CODED,
         "an observation has code, system and label"),
    Rule("observation-status", _SIMPLE, "c:statusCode/@code='completed'",
         "a simple observation is completed"),
    Rule("observation-time", _SIMPLE, _TIMED,
         "an observation has a date that exists, or a null one"),
    Rule("observation-value", _SIMPLE, "c:value/@xsi:type", "an observation has a typed value"),
    Rule("observation-author", _SIMPLE, "count(c:author)<2", "one author at most"),
    Rule("status-templates", _STATUS, _has(SIMPLE + ".16.1"),
         f"the status of an exit letter announces {SIMPLE}.16.1"),
    Rule("status-code", _STATUS + "/c:code", f"@code='GEN-065' and @codeSystem='{ANS}'",
         "the code of the document's status is GEN-065"),
    Rule("status-value", _STATUS + "/c:value",
         f"@codeSystem='{SNOMED}' and (" + " or ".join(f"@code='{one}'" for one in STATUSES) + ")",
         "not a status of a document"),
    Rule("treatment-class", _TREATMENT,
         "@classCode='SBADM' and (@moodCode='INT' or @moodCode='EVN')",
         "a treatment is SBADM; INT while still to be taken, EVN once given"),
    Rule("treatment-templates", _TREATMENT,
         _has("2.16.840.1.113883.10.20.1.24", "1.3.6.1.4.1.19376.1.5.3.1.4.7"),
         "a treatment announces 2.16.840.1.113883.10.20.1.24 and 1.3.6.1.4.1.19376.1.5.3.1.4.7"),
    Rule("treatment-mode", _TREATMENT,
         "count(c:templateId[re:test(@root,"
         r"'^1\.3\.6\.1\.4\.1\.19376\.1\.5\.3\.1\.4\.(7\.1|8|9|10|11)$')])=1",
         "a treatment announces one mode: normal, tapered, split, conditional or combined"),
    Rule("treatment-id-once", _TREATMENT, "count(c:id)<2", "a treatment has one identifier"),
    Rule("treatment-status", _TREATMENT, "c:statusCode/@code='completed'",
         "the status of a treatment is completed"),
    Rule("treatment-period", _TREATMENT + "/c:effectiveTime[1]",
         "contains(@xsi:type,'IVL_TS') and ((c:low and c:high) or"
         " (c:width and not(c:low) and not(c:high)))",
         "a treatment's period has both ends (the unknown one null), or a width alone"),
    Rule("treatment-rhythm", _TREATMENT + "/c:effectiveTime[position()>1]",
         "@operator='A' and re:test(@xsi:type,'(PIVL_TS|EIVL_TS|SXPR_TS)$')",
         "what follows the period is a rhythm, operator A"),
    Rule("treatment-dose", _TREATMENT + "/c:doseQuantity | " + _TREATMENT + "/c:rateQuantity",
         "@nullFlavor or (c:low and c:high)", "a dose has low and high, or is null"),
    Rule("treatment-normal",
         "//c:substanceAdministration[c:templateId/@root='1.3.6.1.4.1.19376.1.5.3.1.4.7.1']",
         "not(.//c:substanceAdministration)", "a normal treatment holds no other"),
    Rule("product-templates", _PRODUCT,
         _has("1.2.250.1.213.1.1.3.43", "2.16.840.1.113883.10.20.1.53",
              "1.3.6.1.4.1.19376.1.5.3.1.4.7.2"),
         "a product announces its three templates"),
    Rule("product-code", _PRODUCT + "/c:manufacturedMaterial",
         f"c:code[@codeSystem='{CIS}' and @code or @nullFlavor]",
         "a product is coded in CIS, or null with the other codes as translations"),
    Rule("product-name", _PRODUCT + "/c:manufacturedMaterial",
         "c:name[@nullFlavor or normalize-space(.)!='']", "a product has a name, or a null one"),
    Rule("meeting-templates", _MEETING,
         _has("2.16.840.1.113883.10.20.1.25", "1.3.6.1.4.1.19376.1.5.3.1.4.14"),
         "an appointment announces its three templates"),
    Rule("meeting-class", _MEETING, "@classCode='ENC' and @moodCode!='PRMS'",
         "an appointment is ENC, ARQ; the national kit rejects PRMS"),
    Rule("meeting-code", _MEETING, "c:code[" + _CODED + "]",
         "an appointment has a kind of encounter"),
    Rule("planned-when", _MEETING + " | " + _ACT, "c:effectiveTime or c:priorityCode",
         "what is planned has a date, or a priority"),
    Rule("priority", "//c:priorityCode", "@nullFlavor or @codeSystem='2.16.840.1.113883.5.7'",
         "a priority is of 2.16.840.1.113883.5.7"),
    Rule("request-class", _REQUEST, "@classCode='OBS' and @moodCode='INT'",
         "a request is OBS, INT"),
    Rule("request-templates", _REQUEST,
         _has("2.16.840.1.113883.10.20.1.25", "1.3.6.1.4.1.19376.1.5.3.1.1.20.3.1"),
         "a request announces its three templates"),
    Rule("request-status", _REQUEST, "c:statusCode/@code='active'", "a request is active"),
    Rule("request-time", _REQUEST, "c:effectiveTime", "a request has a date, perhaps null"),
    Rule("act-templates", _ACT,
         _has("2.16.840.1.113883.10.20.1.25", "1.3.6.1.4.1.19376.1.5.3.1.4.19"),
         "a planned act announces its three templates"),
    Rule("act-code", _ACT, "c:code[@code and @codeSystem or @nullFlavor]",
         "a planned act has a code, or a null one"),
    Rule("device-templates", _DEVICE, _has("2.16.840.1.113883.10.20.1.34"),
         "a device announces 2.16.840.1.113883.10.20.1.34"),
    Rule("device-class", _DEVICE, "@classCode='SPLY' and @moodCode='EVN'", "a device is SPLY, EVN"),
    Rule("device-time", _DEVICE, "count(c:effectiveTime)=1",
         "a device has one date, perhaps null"),
    Rule("device-code", _DEVICE,
         "c:participant[@typeCode='DEV']/c:participantRole[@classCode='MANU']/c:playingDevice/c:code",
         "a device is told by participant/participantRole/playingDevice/code"),
    Rule("allergies-templates", _ALLERGIES,
         _has("2.16.840.1.113883.10.20.1.27", "1.3.6.1.4.1.19376.1.5.3.1.4.5.1",
              "1.3.6.1.4.1.19376.1.5.3.1.4.5.3"),
         "a list of allergies announces its four templates"),
    Rule("allergies-period", _ALLERGIES,
         "(c:statusCode/@code='active' and c:effectiveTime/c:low and not(c:effectiveTime/c:high))"
         " or (c:statusCode/@code='completed' and c:effectiveTime/c:low and"
         " c:effectiveTime/c:high)",
         "an active list has a low and no high; a completed one has both"),
    Rule("allergies-list", _ALLERGIES,
         "c:entryRelationship[@typeCode='SUBJ' and @inversionInd='false']/c:observation",
         "a list of allergies holds one observation at least (SUBJ, inversionInd false)"),
    Rule("allergy-templates", _ALLERGY,
         _has("2.16.840.1.113883.10.20.1.28", "2.16.840.1.113883.10.20.1.18",
              "1.3.6.1.4.1.19376.1.5.3.1.4.5", "1.3.6.1.4.1.19376.1.5.3.1.4.6"),
         "an allergy announces its five templates"),
    Rule("allergy-kind", _ALLERGY + "/c:code", f"@code and @codeSystem='{SNOMED}'",
         "the kind of an allergy is of SNOMED CT"),
    Rule("allergy-status", _ALLERGY, "c:statusCode/@code='completed'",
         "the status of an allergy is completed"),
    Rule("allergy-low", _ALLERGY, "c:effectiveTime/c:low", "an allergy has a start, perhaps null"),
    Rule("allergy-value", _ALLERGY + "/c:value",
         "contains(@xsi:type,'CD') and (c:originalText/c:reference/@value or"
         f" @codeSystem='{_ABSENT}')",
         "an allergy's value is a CD that points at its words"),
)  # fmt: skip
