"""Content models of the CDA elements that the French documents use.

Source  HL7 CDA R2 (order of children); CI-SIS "Structuration minimale de documents de santé"
(cardinalities, narrower than the schema's).
"""

from typing import Final

from engine.verify.models import Models
from engine.verify.rules import V3

_TAIL: Final = (
    " subject? specimen* performer* author* informant* participant* entryRelationship* reference*"
    " precondition*"
)

HEADER: Final = {
    "ClinicalDocument": "realmCode typeId templateId+ id code title effectiveTime"
    " confidentialityCode languageCode setId versionNumber recordTarget author+ dataEnterer?"
    " informant* custodian informationRecipient* legalAuthenticator authenticator* participant*"
    " inFulfillmentOf* documentationOf+ relatedDocument? authorization* componentOf component",
    "recordTarget": "templateId* patientRole",
    "patientRole": "id+ addr* telecom* patient providerOrganization?",
    "patient": "name administrativeGenderCode birthTime guardian? birthplace?"
    " languageCommunication*",
    "guardian": "id* code? addr* telecom* (guardianPerson|guardianOrganization)",
    "birthplace": "place",
    "author": "templateId* functionCode? time assignedAuthor",
    "assignedAuthor": "templateId* id+ code? addr* telecom*"
    " (assignedPerson|assignedAuthoringDevice) representedOrganization?",
    "assignedEntity": "templateId* id+ code? addr* telecom* assignedPerson?"
    " representedOrganization?",
    "assignedPerson": "name",
    "representedOrganization": "id* name* telecom* addr* standardIndustryClassCode?"
    " asOrganizationPartOf?",
    "informant": "(assignedEntity|relatedEntity)",
    "relatedEntity": "code? addr* telecom* effectiveTime? relatedPerson",
    "custodian": "assignedCustodian",
    "assignedCustodian": "representedCustodianOrganization",
    "representedCustodianOrganization": "id name? telecom? addr?",
    "ClinicalDocument/informationRecipient": "intendedRecipient",
    "intendedRecipient": "id? addr* telecom* informationRecipient? receivedOrganization?",
    "intendedRecipient/informationRecipient": "name",
    "legalAuthenticator": "time signatureCode assignedEntity",
    "authenticator": "time signatureCode assignedEntity",
    "ClinicalDocument/participant": "functionCode? time associatedEntity",
    "associatedEntity": "id? code? addr* telecom* associatedPerson? scopingOrganization?",
    "associatedPerson": "name",
    "documentationOf": "serviceEvent",
    "serviceEvent": "id* code? effectiveTime? performer*",
    "relatedDocument": "parentDocument",
    "parentDocument": "id+ code? setId? versionNumber?",
    "componentOf": "encompassingEncounter",
    "encompassingEncounter": "id* code? effectiveTime dischargeDispositionCode? responsibleParty?"
    " encounterParticipant* location",
    "location": "healthCareFacility",
    "healthCareFacility": "id* code location? serviceProviderOrganization?",
    "healthCareFacility/location": "name? addr?",
    "ClinicalDocument/component": "(nonXMLBody|structuredBody)",
    "nonXMLBody": "text",
}

BODY: Final = {
    "structuredBody": "component+",
    "structuredBody/component": "section",
    "section/component": "section",
    "section": "templateId+ id? code title text author* informant* entry* component*",
    "entry": "(observation|substanceAdministration|encounter|procedure|act|organizer|supply|"
    "observationMedia)",
    "observation": "templateId* id* code text? statusCode? effectiveTime? priorityCode?"
    " repeatNumber? languageCode? value* interpretationCode* methodCode* targetSiteCode*"
    + _TAIL + " referenceRange*",
    "substanceAdministration": "templateId* id* code? text? statusCode? effectiveTime*"
    " priorityCode? repeatNumber? routeCode? approachSiteCode* doseQuantity? rateQuantity?"
    " maxDoseQuantity? administrationUnitCode? subject? specimen* consumable performer* author*"
    " informant* participant* entryRelationship* reference* precondition*",
    "consumable": "manufacturedProduct",
    "manufacturedProduct": "templateId* id* (manufacturedLabeledDrug|manufacturedMaterial)"
    " manufacturerOrganization?",
    "manufacturedMaterial": "templateId* code? name? lotNumberText?",
    "encounter": "templateId* id* code? text? statusCode? effectiveTime? priorityCode?" + _TAIL,
    "act": "templateId* id* code text? statusCode? effectiveTime? priorityCode? languageCode?"
    + _TAIL,
    "procedure": "templateId* id* code? text? statusCode? effectiveTime? priorityCode?"
    " languageCode? methodCode* approachSiteCode* targetSiteCode*" + _TAIL,
    "supply": "templateId* id* code? text? statusCode? effectiveTime* priorityCode* repeatNumber?"
    " independentInd? quantity? expectedUseTime? subject? specimen* product? performer* author*"
    " informant* participant* entryRelationship* reference* precondition*",
    "observationMedia": "templateId* id* languageCode? value" + _TAIL,
}  # fmt: skip

_WORDS: Final = "content|linkHtml|sub|sup|br|footnote|footnoteRef|renderMultiMedia"

# Data types and narrative: HL7 datatypes R1 and NarrativeBlock.xsd.
INNER: Final = {
    "name": "(family|given|prefix|suffix|delimiter)* validTime?",
    "place": "name? addr?",
    "performer": "templateId* functionCode? time? modeCode? assignedEntity",
    "participant": "templateId* time? awarenessCode? participantRole",
    "participantRole": "templateId* id* code? addr* telecom* (playingDevice|playingEntity)?"
    " scopingEntity?",
    "playingDevice": "templateId* code? manufacturerModelName? softwareName?",
    "playingEntity": "code? quantity* name* desc?",
    "entryRelationship": "templateId* sequenceNumber? seperatableInd? (observation|act|encounter|"
    "substanceAdministration|procedure|supply|organizer|observationMedia|regionOfInterest)",
    "code": "originalText? qualifier* translation*",
    "translation": "originalText? qualifier* translation*",
    "value": "originalText? qualifier* translation* low? width? high? center? numerator?"
    " denominator? reference? thumbnail?",
    "originalText": "reference? thumbnail?",
    "text": "reference? thumbnail?",
    "effectiveTime": "low? width? high? center? phase? period? event? offset? comp*",
    "doseQuantity": "translation* low? width? high? center?",
    "rateQuantity": "translation* low? width? high? center?",
    "section/text": f"({_WORDS}|paragraph|list|table)*",
    "paragraph": f"caption? ({_WORDS})*",
    "content": f"({_WORDS})*",
    "caption": f"({_WORDS})*",
    "list": "caption? item+",
    "item": f"caption? ({_WORDS}|paragraph|list|table)*",
    "table": "caption? (col|colgroup)* thead? tfoot? tbody+",
    "thead": "tr+",
    "tfoot": "tr+",
    "tbody": "tr+",
    "tr": "(td|th)+",
    "td": f"({_WORDS}|paragraph|list)*",
    "th": f"({_WORDS})*",
}  # fmt: skip

MODELS: Final = Models(HEADER | BODY | INNER, V3, "order")
