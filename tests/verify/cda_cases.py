"""One change for each rule of CDA, and what it is done to: ``n1`` or ``n3`` of fixtures/verify."""

from tests.support.mutations import Step, after, before, drop, inside, put, text, twice

PEOPLE = "1.2.250.1.71.4.2.1"
STRUCTURES = "1.2.250.1.71.4.2.2"
_AUTHOR = "c:author[1]/c:assignedAuthor"
_SIGNER = "c:legalAuthenticator"
_ROLE = "c:recordTarget/c:patientRole"
_PATIENT = _ROLE + "/c:patient"
_EVENT = "c:documentationOf/c:serviceEvent"
_ENCOUNTER = "c:componentOf/c:encompassingEncounter"
_RPLC = (
    '<relatedDocument typeCode="RPLC"><parentDocument><id root="2.999.1.7331.123.0"/>'
    '<versionNumber value="1"/></parentDocument></relatedDocument>'
)
_SECOND = (put("c:versionNumber", "value", "2"), after("c:documentationOf", _RPLC))
_INFORMANT = (
    '<informant><relatedEntity classCode="NOK"><relatedPerson><name><family>INVENTE</family>'
    "</name></relatedPerson></relatedEntity></informant>"
)
_PARENT = "c:relatedDocument/c:parentDocument"

HEADER: dict[str, tuple[str, tuple[Step, ...]]] = {
    "doc-realm": ("n1", (put("c:realmCode", "code", "US"),)),
    "doc-type-id": ("n1", (put("c:typeId", "extension", "X"),)),
    "doc-templates": ("n1", (put("c:templateId[1]", "root", "1.2.3"),)),
    "doc-level-1-templates": ("n1", (put("c:templateId[3]", "root", "1.2.3"),)),
    "doc-level-3-templates": ("n3", (after("c:templateId[3]",
        '<templateId root="1.3.6.1.4.1.19376.1.2.20"/>'),)),
    "doc-ldl-ses-version": ("n3", (put("c:templateId[3]", "extension", "2021.01"),)),
    "doc-ldl-ses-code": ("n3", (put("c:code", "code", "34105-7"),
                                put("c:code", "displayName", "CR hospitalier"))),
    "doc-id": ("n1", (put("c:id", "root", "b5e1c9f2-0b7c-4a35-9b45-0e61c2e2a001"),)),
    "doc-id-extension": ("n1", (put("c:id", "extension", "1"),)),
    "doc-code": ("n1", (put("c:code", "displayName", None),)),
    "doc-code-loinc": ("n1", (put("c:code", "code", "ADM"),)),
    "doc-title": ("n1", (text("c:title", " "),)),
    "doc-time": ("n1", (put("c:effectiveTime", "value", "20240230093000+0200"),)),
    "doc-time-offset": ("n1", (put("c:effectiveTime", "value", "20241003093000"),)),
    "doc-confidentiality": ("n1", (put("c:confidentialityCode", "code", "MASQUE_PS"),)),
    "doc-language": ("n1", (put("c:languageCode", "code", "fr"),)),
    "doc-set": ("n1", (put("c:setId", "root", "1.02.3"),)),
    "doc-version": ("n1", (put("c:versionNumber", "value", "1.0"),)),
    "doc-null": ("n1", (put("c:title", "nullFlavor", "UNK"),)),
    "doc-null-flavor": ("n1", (put(_ROLE + "/c:addr", "nullFlavor", "NP"),)),
    "doc-schema-location": ("n1", (put(".", "xsi:schemaLocation", "urn:hl7-org:v3 CDA.xsd"),)),
    "patient-id": ("n1", (put(_ROLE + "/c:id[2]", "extension", ""),)),
    "patient-ins-shape": ("n1", (put(_ROLE + "/c:id[1]", "extension", "2790351215189"),)),
    "patient-ins-key": ("n1", (put(_ROLE + "/c:id[1]", "root", "1.2.250.1.213.1.4.8"),
                               put(_ROLE + "/c:id[1]", "extension", "279035121518988"))),
    "patient-ins-one": ("n1", (twice(_ROLE + "/c:id[1]"),)),
    "patient-family": ("n1", (drop(_PATIENT + "/c:name/c:family[@qualifier='BR']"),)),
    "patient-family-qualifier": ("n1", (
        inside(_PATIENT + "/c:name", "<family>INVENTE</family>"),)),
    "patient-given-qualifier": ("n1", (
        inside(_PATIENT + "/c:name", '<given qualifier="SP">INVENTE</given>'),)),
    "patient-name-parts": ("n1", (
        inside(_PATIENT + "/c:name", "<delimiter>-</delimiter>"),)),
    "patient-gender": ("n1", (put(_PATIENT + "/c:administrativeGenderCode", "code", "X"),)),
    "patient-birth": ("n1", (put(_PATIENT + "/c:birthTime", "value", "19791328"),)),
    "patient-traits-birth-given": ("n1", (drop(_PATIENT + "/c:name/c:given[@qualifier='BR']"),)),
    "patient-traits-given": ("n1", (drop(_PATIENT + "/c:name/c:given[not(@qualifier)]"),)),
    "patient-traits-place": ("n1", (drop(_PATIENT + "/c:birthplace"),)),
    "address-use": ("n3", (put("c:custodian//c:addr", "use", "HOME"),)),
    "address-parts": ("n3", (twice("c:custodian//c:addr/c:city"),)),
    "telecom-null": ("n1", (put(_ROLE + "/c:telecom", "nullFlavor", "NA"),)),
    "telecom-value": ("n3", (put(_AUTHOR + "/c:telecom", "value", "0300000001"),)),
    "telecom-use": ("n3", (put(_AUTHOR + "/c:telecom", "use", "WORK"),)),
    "event-start": ("n1", (put(_EVENT + "/c:effectiveTime/c:low", "value", "20241301"),)),
    "event-stop": ("n3", (put(_EVENT + "/c:effectiveTime/c:high", "value", "20250230"),)),
    "event-performer": ("n1", (put(_EVENT + "/c:performer", "typeCode", "SPRF"),)),
    "event-sector": ("n1", (drop(_EVENT + "//c:standardIndustryClassCode"),)),
    "encounter-facility": ("n1", (
        put(_ENCOUNTER + "//c:healthCareFacility/c:code", "codeSystem", None),)),
    "encounter-code": ("n1", (put(_ENCOUNTER + "/c:code", "nullFlavor", "UNK"),)),
    "encounter-disposition": ("n3", (after(_ENCOUNTER + "/c:effectiveTime",
        '<dischargeDispositionCode code="8" codeSystem="1.2.3"/>'),)),
    "replace-type": ("n3", (*_SECOND, put("c:relatedDocument", "typeCode", "APND"))),
    "replace-id": ("n3", (*_SECOND, put(_PARENT + "/c:id", "root", "premier"))),
    "replace-set": ("n3", (*_SECOND, after(_PARENT + "/c:id", '<setId root="2.999.1.7331.123"/>'))),
    "replace-itself": ("n3", (*_SECOND, put(_PARENT + "/c:id", "root", "2.999.1.7331.123.1"))),
    "replace-missing": ("n3", (put("c:versionNumber", "value", "2"),)),
    "replace-first": ("n3", (*_SECOND, put("c:versionNumber", "value", "1"),
                             drop(_PARENT + "/c:versionNumber"))),
    "replace-backwards": ("n3", (*_SECOND, put(_PARENT + "/c:versionNumber", "value", "2"))),
    "period-order": ("n3", (
        put(_EVENT + "/c:effectiveTime/c:high", "value", "20241002150000+0200"),)),
    "code-label": ("n1", (put("c:confidentialityCode", "displayName", "Restreint"),)),
    "body-media": ("n1", (put("//c:nonXMLBody/c:text", "mediaType", "application/msword"),)),
    "body-representation": ("n1", (put("//c:nonXMLBody/c:text", "representation", "TXT"),)),
    "body-base64": ("n1", (text("//c:nonXMLBody/c:text", "JVBERi0xLjQ*"),)),
    "body-pdf": ("n1", (text("//c:nonXMLBody/c:text", "UEsDBBQAAAAIAA=="),)),
    # The kit's four ways to break an order, told apart.
    "order-order": ("n1", (drop("c:languageCode"),
                           after("c:setId", '<languageCode code="fr-FR"/>'))),
    "order-missing": ("n1", (drop("c:custodian"),)),
    "order-repeated": ("n1", (twice("c:confidentialityCode"),)),
    "order-unknown": ("n1", (after("c:title", "<copyTime value='2024'/>"),)),
}  # fmt: skip

HEADER |= {
    "person-id": ("n1", (put(_AUTHOR + "/c:id", "extension", "8012345678"),)),
    "person-rpps-key": ("n1", (put(_AUTHOR + "/c:id", "extension", "801234567890"),)),
    "structure-id": ("n1", (
        put(_AUTHOR + "//c:representedOrganization/c:id", "extension", "151"),)),
    "name-family": ("n1", (text(_AUTHOR + "//c:family", ""),)),
    "name-once": ("n1", (twice(_AUTHOR + "//c:given"),)),
    "name-prefix": ("n3", (text(_AUTHOR + "//c:prefix", "Madame"),)),
    "name-suffix": ("n3", (text(_AUTHOR + "//c:suffix", "Docteur"),)),
    "author-time": ("n1", (put("c:author/c:time", "value", "20241003253000+0200"),)),
    "author-id": ("n3", (after(_AUTHOR + "/c:id", '<id root="2.999.1.3" nullFlavor="UNK"/>'),)),
    "author-national": ("n1", (put(_AUTHOR + "/c:id", "root", "2.999.1.3"),)),
    "author-code": ("n1", (put(_AUTHOR + "/c:code", "displayName", None),)),
    "organisation-id": ("n1", (twice(_AUTHOR + "/c:representedOrganization/c:id"),)),
    "custodian-id": ("n1", (put("c:custodian//c:id", "root", "2.999.1.4"),)),
    "recipient-id": ("n1", (put("c:informationRecipient//c:id", "root", "2.999.1.5"),)),
    "signer-time": ("n1", (put(_SIGNER + "/c:time", "value", "hier"),)),
    "signer-code": ("n1", (put(_SIGNER + "/c:signatureCode", "code", "X"),)),
    "signer-id": ("n1", (twice(_SIGNER + "/c:assignedEntity/c:id"),)),
    "second-signer-id": ("n3", (put("c:authenticator//c:id", "root", "2.999.1.6"),)),
    "participant-class": ("n1", (put("c:participant/c:associatedEntity", "classCode", "CON"),)),
    "participant-type": ("n1", (put("c:participant", "typeCode", None),)),
    "participant-function": ("n1", (put("c:participant/c:functionCode", "codeSystem", "1.2.3"),)),
    "participant-time": ("n1", (put("c:participant/c:time", "nullFlavor", None),)),
    "participant-id": ("n1", (put("c:participant//c:id", "extension", None),
                              put("c:participant//c:id", "root", "2.999.1.7"))),
    "informant-class": ("n3", (before("c:custodian", _INFORMANT),
                               put("c:informant/c:relatedEntity", "classCode", "FRIEND"))),
    "informant-name": ("n3", (before("c:custodian", _INFORMANT),
                              text("c:informant//c:family", " "))),
}  # fmt: skip
