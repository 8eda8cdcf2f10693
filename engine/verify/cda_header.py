"""Rules of a CDA header: the document itself, the patient, the events, the versions.

Source  CI-SIS "Structuration minimale de documents de santé"; what testContenuCDA 3.0 enforces,
and what it lets through: shapes of identifiers, keys, versions.
"""

from typing import Final

from engine.verify.report import Weight
from engine.verify.rules import Rule

INS_ROOTS: Final = tuple(f"1.2.250.1.213.1.4.{n}" for n in (8, 9, 10, 11))
_INS: Final = " or ".join(f"@root='{root}'" for root in INS_ROOTS)
_ROLE: Final = "c:recordTarget/c:patientRole"
_PATIENT: Final = _ROLE + "/c:patient"
# With an INS, all the traits must go along.
_WITH_INS: Final = f"{_ROLE}[c:id[{_INS}]]/c:patient"
_NO_NULL: Final = (
    "realmCode", "typeId", "templateId", "id", "code", "title", "effectiveTime",
    "confidentialityCode", "languageCode", "setId", "versionNumber", "recordTarget", "author",
    "custodian", "legalAuthenticator", "documentationOf", "componentOf", "component",
)  # fmt: skip

_PARTS: Final = (
    "houseNumber", "streetName", "streetNameType", "postalCode", "city", "county", "country",
    "state", "additionalLocator", "unitID", "postBox", "precinct",
)  # fmt: skip

DOCUMENT: Final = (
    Rule("doc-realm", "c:realmCode", "@code='FR'", "the realm is FR"),
    Rule("doc-type-id", "c:typeId",
         "@root='2.16.840.1.113883.1.3' and @extension='POCD_HD000040'",
         "typeId is 2.16.840.1.113883.1.3, extension POCD_HD000040"),
    Rule("doc-templates", "self::*",
         "c:templateId[@root='2.16.840.1.113883.2.8.2.1'] and"
         " c:templateId[@root='1.2.250.1.213.1.1.1.1']",
         "the templates of the French header (2.16.840.1.113883.2.8.2.1, 1.2.250.1.213.1.1.1.1)"
         " are not both announced"),
    Rule("doc-level-1-templates", "self::*[c:component/c:nonXMLBody]",
         "count(c:templateId)=3 and c:templateId[@root='1.3.6.1.4.1.19376.1.2.20']",
         "a level 1 document announces exactly three templates, 1.3.6.1.4.1.19376.1.2.20 the"
         " third"),
    Rule("doc-level-3-templates", "self::*[c:component/c:structuredBody]",
         "count(c:templateId)>2 and not(c:templateId[@root='1.3.6.1.4.1.19376.1.2.20'])",
         "a level 3 document announces the template of its model, and not that of level 1"),
    Rule("doc-ldl-ses-version", "c:templateId[@root='1.2.250.1.213.1.1.1.29']",
         "@extension='2022.01'", "the exit letter's model is of version 2022.01"),
    Rule("doc-ldl-ses-code", "self::*[c:templateId[@root='1.2.250.1.213.1.1.1.29']]",
         "c:code/@code='11490-0'", "an exit letter (LDL-SES) has the code 11490-0"),
    Rule("doc-id", "c:id", "f:id(@root)",
         "the identifier's root is an OID, or a UUID in capitals"),
    Rule("doc-id-extension", "c:id", "not(@extension)",
         "the whole identifier belongs in root: XDM takes nothing else", Weight.OURS),
    Rule("doc-code", "c:code", "@code and @codeSystem and @displayName",
         "code, codeSystem and displayName are all wanted"),
    Rule("doc-code-loinc", "c:code[@codeSystem='2.16.840.1.113883.6.1']",
         "re:test(@code,'^[0-9]{3,6}-[0-9]$')", "the code is not of LOINC's form"),
    Rule("doc-title", "c:title", "normalize-space(.)!=''", "the title is empty"),
    Rule("doc-time", "c:effectiveTime", "f:moment(@value)", "not a date that exists"),
    Rule("doc-time-offset", "c:effectiveTime[f:moment(@value)]",
         "re:test(@value,'^[0-9]{12,14}[+-][0-9]{4}$')",
         "date, hour and offset from UTC are wanted", Weight.OURS),
    Rule("doc-confidentiality", "c:confidentialityCode",
         "(@code='N' or @code='R' or @code='V') and @codeSystem='2.16.840.1.113883.5.25'"
         " and @displayName",
         "N, R or V of 2.16.840.1.113883.5.25 with its label; who may not see goes in the XDM"
         " metadata"),
    Rule("doc-language", "c:languageCode", "@code='fr-FR'", "the language is fr-FR"),
    Rule("doc-set", "c:setId", "f:id(@root)",
         "the root of setId is an OID, or a UUID in capitals"),
    Rule("doc-version", "c:versionNumber", "re:test(@value,'^[1-9][0-9]{0,8}$')",
         "the version is a whole number, 1 the first"),
    Rule("doc-null", " | ".join(f"c:{name}" for name in _NO_NULL), "not(@nullFlavor)",
         "no nullFlavor is accepted here"),
    Rule("doc-null-flavor", ".//*[@nullFlavor]",
         "@nullFlavor='UNK' or @nullFlavor='NASK' or @nullFlavor='ASKU' or @nullFlavor='NAV'"
         " or @nullFlavor='MSK' or @nullFlavor='NA' or @nullFlavor='OTH' or @nullFlavor='NI'",
         "not a nullFlavor that the French documents use"),
)  # fmt: skip

PATIENT: Final = (
    Rule("patient-id", _ROLE + "/c:id", "f:id(@root) and @extension!='' and not(@nullFlavor)",
         "each identifier of the patient has a root and an extension"),
    Rule("patient-ins-shape", f"{_ROLE}/c:id[{_INS}]",
         "re:test(@extension,'^[0-9]{5}([0-9]{2}|2[AB])[0-9]{8}$')",
         "an INS is 15 characters, key included"),
    # Official test identities often fail their key.
    Rule("patient-ins-key",
         f"{_ROLE}/c:id[@root='{INS_ROOTS[0]}' or @root='{INS_ROOTS[1]}']"
         "[re:test(@extension,'^[0-9]{5}([0-9]{2}|2[AB])[0-9]{8}$')]",
         "f:nir(@extension)", "the key of the INS does not hold"),
    Rule("patient-ins-one", _ROLE, f"count(c:id[{_INS}])<2", "more than one INS"),
    Rule("patient-family", _PATIENT + "/c:name", "c:family[@qualifier='BR']",
         "the birth name (family, qualifier BR) is missing"),
    Rule("patient-family-qualifier", _PATIENT + "/c:name/c:family",
         "(@qualifier='BR' or @qualifier='CL') and normalize-space(.)!=''",
         "a family name is not empty, and is a birth name (BR) or a used one (CL)"),
    Rule("patient-given-qualifier", _PATIENT + "/c:name/c:given",
         "not(@qualifier) or @qualifier='BR' or @qualifier='CL'",
         "a given name is the first of birth (BR), a used one (CL), or all of them (none)"),
    Rule("patient-name-parts", _PATIENT + "/c:name",
         "count(c:prefix)<2 and count(c:suffix)<2 and"
         " count(*)=count(c:family|c:given|c:prefix|c:suffix)",
         "a name holds family, given, one prefix and one suffix at most"),
    Rule("patient-gender", _PATIENT + "/c:administrativeGenderCode",
         "(@code='F' or @code='M' or @code='UN') and @codeSystem='2.16.840.1.113883.5.1'"
         " and not(@nullFlavor)",
         "F, M or UN of 2.16.840.1.113883.5.1"),
    Rule("patient-birth", _PATIENT + "/c:birthTime", "f:moment(@value)",
         "not a birth date that exists; a year or a month alone would do"),
    Rule("patient-traits-birth-given", _WITH_INS + "/c:name",
         "c:given[@qualifier='BR'][normalize-space(.)!='']",
         "an INS goes with the first given name of birth (given, qualifier BR)"),
    Rule("patient-traits-given", _WITH_INS + "/c:name",
         "c:given[not(@qualifier)][normalize-space(.)!='']",
         "an INS goes with all given names of birth (given, without qualifier)"),
    Rule("patient-traits-place", _WITH_INS,
         "re:test(c:birthplace/c:place/c:addr/c:county,'^[0-9][0-9AB][0-9]{3}$')",
         "an INS goes with the COG code of the place of birth, 5 characters"),
    Rule("address-use", "//c:addr[@use]",
         "re:test(@use,'^(H|HP|HV|WP|TMP|DIR|PUB)$')", "not a use of an address"),
    Rule("address-parts", "//c:addr",
         "count(c:streetAddressLine)<8 and " + " and ".join(f"count(c:{one})<2" for one in _PARTS)
         + " and (not(c:streetAddressLine) or count(*)="
         "count(c:streetAddressLine|c:postalCode|c:city|c:country))",
         "up to 7 streetAddressLine, or each part once"),
    Rule("telecom-null", "//c:telecom[@nullFlavor]",
         "re:test(@nullFlavor,'^(UNK|NASK|ASKU|NAV|MSK)$')",
         "a telecom takes the nullFlavor UNK, NASK, ASKU, NAV or MSK alone"),
    Rule("telecom-value", "//c:telecom[not(@nullFlavor)]",
         "re:test(@value,'^(tel|fax|mailto|http|ftp|mllp):.')",
         "a telecom begins with tel:, fax:, mailto:, http:, ftp: or mllp:"),
    Rule("telecom-use", "//c:telecom[@use]",
         "re:test(@use,'^(H|HP|HV|WP|DIR|PUB|EC|MC|PG)$')", "not a use of a telecom"),
)  # fmt: skip

_EVENT: Final = "c:documentationOf/c:serviceEvent"
_MAIN: Final = "c:documentationOf[1]/c:serviceEvent"
_ENCOUNTER: Final = "c:componentOf/c:encompassingEncounter"

EVENTS: Final = (
    Rule("event-start", _MAIN, "f:moment(c:effectiveTime/c:low/@value)",
         "the date on which the care began (effectiveTime/low) is missing or does not exist"),
    Rule("event-stop", f"{_EVENT}/c:effectiveTime/c:high[@value] |"
         f" {_ENCOUNTER}/c:effectiveTime/*[@value] | {_ENCOUNTER}/c:effectiveTime[@value]",
         "f:moment(@value)",
         "not a date that exists"),
    Rule("event-performer", _MAIN, "count(c:performer)=1 and c:performer/@typeCode='PRF'",
         "the main act has exactly one performer, PRF"),
    Rule("event-sector", _MAIN + "/c:performer/c:assignedEntity",
         "c:representedOrganization/c:standardIndustryClassCode"
         "[@code and @codeSystem and @displayName and not(@nullFlavor)]",
         "the practice setting (standardIndustryClassCode) is missing: XDM takes it from here"),
    Rule("encounter-facility", _ENCOUNTER + "/c:location/c:healthCareFacility/c:code",
         "@code and @codeSystem and @displayName and not(@nullFlavor)",
         "the kind of establishment is wanted with its system and label"),
    Rule("encounter-code", _ENCOUNTER + "/c:code",
         "@code and @codeSystem and @displayName and not(@nullFlavor)",
         "the kind of encounter is wanted with its system and label, or not at all"),
    Rule("encounter-disposition", _ENCOUNTER + "/c:dischargeDispositionCode",
         "@codeSystem='1.2.250.1.213.2.14'", "the mode of exit is of 1.2.250.1.213.2.14 (PMSI)"),
    Rule("replace-type", "c:relatedDocument", "@typeCode='RPLC'",
         "the only relation to another document is its replacement, RPLC"),
    Rule("replace-id", "c:relatedDocument/c:parentDocument/c:id", "f:id(@root)",
         "the replaced version is told by an OID, or by a UUID in capitals"),
    Rule("replace-set", "c:relatedDocument/c:parentDocument", "not(c:setId) and not(c:code)",
         "the replaced version is told by id and versionNumber alone"),
    Rule("replace-itself", "self::*[c:relatedDocument]",
         "not(c:relatedDocument/c:parentDocument/c:id/@root=c:id/@root and"
         " string(c:relatedDocument/c:parentDocument/c:id/@extension)=string(c:id/@extension))",
         "the document replaces itself"),
    Rule("replace-missing", "self::*[c:versionNumber/@value>1]", "c:relatedDocument",
         "a version above 1 says which one it replaces (relatedDocument)"),
    Rule("replace-first", "self::*[c:versionNumber/@value=1]", "not(c:relatedDocument)",
         "version 1 replaces nothing", Weight.OURS),
    Rule("replace-backwards", "self::*[c:relatedDocument/c:parentDocument/c:versionNumber/@value]",
         "c:relatedDocument/c:parentDocument/c:versionNumber/@value < c:versionNumber/@value",
         "the replaced version is not an earlier one"),
)  # fmt: skip
