"""One change for each rule of an exit letter's body, to the ``n3`` of fixtures/verify."""

from tests.support.mutations import Step, after, before, drop, inside, put, text, twice

S = "1.2.250.1.213.1.1.3.48"
_ID = '<id root="B5E1C9F2-0B7C-4A35-9B45-0E61C2E2A099"/>'
_SECTIONS = "c:component/c:structuredBody"


def _section(code: str) -> str:
    return f"//c:section[c:code/@code='{code}']"


def _by(name: str, template: str) -> str:
    return f"//c:{name}[c:templateId/@root='{template}']"


_STATUS = _by("observation", S + ".16")
_ENTRY = _by("observation", S + ".6")
_EXIT = _by("observation", S + ".7")
_SYNTHESIS = _by("observation", S + ".9")
_BLOOD = _by("observation", S + ".10")
_TREATMENT = _by("substanceAdministration", "1.2.250.1.213.1.1.3.42")
_PRODUCT = _TREATMENT + "//c:manufacturedProduct"
_MEETING = _by("encounter", "1.2.250.1.213.1.1.3.58")
_LIST = _by("act", "1.2.250.1.213.1.1.3.40")
_ALLERGY = _by("observation", "1.2.250.1.213.1.1.3.41")
_PLAN = _section("18776-5")

_REQUEST = (
    '<entry><observation classCode="OBS" moodCode="INT">'
    '<templateId root="2.16.840.1.113883.10.20.1.25"/>'
    '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.1.20.3.1"/>'
    f'<templateId root="1.2.250.1.213.1.1.3.27"/>{_ID}'
    '<code code="ORG-064" displayName="x" codeSystem="1.2.250.1.213.1.1.4.322"/>'
    '<text><reference value="#rdv1"/></text><statusCode code="active"/>'
    '<effectiveTime nullFlavor="UNK"/></observation></entry>'
)
_ACT = (
    '<entry><procedure classCode="PROC" moodCode="INT">'
    '<templateId root="2.16.840.1.113883.10.20.1.25"/>'
    '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.19"/>'
    f'<templateId root="1.2.250.1.213.1.1.3.62"/>{_ID}'
    '<code code="BGQP001" codeSystem="1.2.250.1.215.300.1"/><statusCode code="active"/>'
    '<priorityCode code="R" codeSystem="2.16.840.1.113883.5.7"/></procedure></entry>'
)
_DEVICE = (
    "<component><section>"
    '<templateId root="2.16.840.1.11383.10.20.1.7"/>'
    '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.1.5.3.5"/>'
    f'<templateId root="1.2.250.1.213.1.1.2.1"/>{_ID}'
    '<code code="46264-8" displayName="Dispositifs" codeSystem="2.16.840.1.113883.6.1"/>'
    '<title>Dispositifs</title><text><content ID="dm1">Canne</content></text>'
    '<entry><supply classCode="SPLY" moodCode="EVN">'
    '<templateId root="2.16.840.1.113883.10.20.1.34"/>'
    f'<templateId root="1.2.250.1.213.1.1.3.20"/>{_ID}<effectiveTime nullFlavor="UNK"/>'
    '<participant typeCode="DEV"><participantRole classCode="MANU">'
    '<playingDevice classCode="DEV" determinerCode="INSTANCE"><code code="Y1218"'
    ' codeSystem="1.2.250.1.213.2.68"><originalText><reference value="#dm1"/></originalText></code>'
    "</playingDevice></participantRole></participant></supply></entry></section></component>"
)
_COPY = (
    f'<component><section><templateId root="1.2.250.1.213.1.1.2.243"/>{_ID}'
    '<code code="55108-5" displayName="Copie" codeSystem="2.16.840.1.113883.6.1"/>'
    "<title>Copie du document</title><text>Copie</text>"
    '<entry><organizer classCode="CLUSTER" moodCode="EVN"/></entry></section></component>'
)
_WITH_REQUEST = inside(_PLAN, _REQUEST)
_WITH_ACT = inside(_PLAN, _ACT)
_WITH_DEVICE = inside(_SECTIONS, _DEVICE)
_WITH_COPY = inside(_SECTIONS, _COPY)
_R = _by("observation", "1.2.250.1.213.1.1.3.27")
_A = _by("procedure", "1.2.250.1.213.1.1.3.62")
_D = _by("supply", "1.2.250.1.213.1.1.3.20")

GOOD: dict[str, tuple[Step, ...]] = {
    "a request": (_WITH_REQUEST,),
    "a planned act": (_WITH_ACT,),
    "a device": (_WITH_DEVICE,),
    "a copy": (_WITH_COPY,),
    "no known treatment": (
        drop(_section("10183-2") + "/c:entry[2]"),
        put(_TREATMENT, "moodCode", "EVN"),
        put(_TREATMENT + "/c:code", "code", "no-known-medications"),
        put(_TREATMENT + "/c:code", "codeSystem", "2.16.840.1.113883.5.1150.1"),
        drop(_TREATMENT + "/c:doseQuantity"),
        drop(_TREATMENT + "/c:effectiveTime[2]"),
        put(_TREATMENT + "/c:effectiveTime/c:low", "nullFlavor", "NA"),
        put(_TREATMENT + "/c:effectiveTime/c:low", "value", None),
        put(_TREATMENT + "/c:effectiveTime/c:high", "nullFlavor", "NA"),
        put(_TREATMENT + "/c:effectiveTime/c:high", "value", None),
        drop(_PRODUCT + "//c:name"),
        drop(_PRODUCT + "//c:code"),
        inside(_PRODUCT + "/c:manufacturedMaterial", '<code nullFlavor="NA"/>'),
        inside(_PRODUCT + "/c:manufacturedMaterial", '<name nullFlavor="NA"/>'),
    ),
    "no known allergy": (
        put(_ALLERGY + "/c:value", "code", "no-known-allergies"),
        put(_ALLERGY + "/c:value", "codeSystem", "2.16.840.1.113883.5.1150.1"),
    ),
    "a width alone": (
        drop(_TREATMENT + "/c:effectiveTime/c:low"),
        drop(_TREATMENT + "/c:effectiveTime/c:high"),
        inside(_TREATMENT + "/c:effectiveTime", '<width value="7" unit="d"/>'),
    ),
    "a UCD code as translation": (
        inside(
            _TREATMENT + "//c:code[@nullFlavor='OTH']",
            '<translation code="9000001" codeSystem="1.2.250.1.213.2.61"/>',
        ),
    ),
}

BODY: dict[str, tuple[Step, ...]] = {
    "entry-id": (put(_MEETING + "/c:id", "root", "rdv"),),
    "entry-reference": (drop(_MEETING + "/c:text"),),
    "entry-status-null": (
        _WITH_DEVICE, after(_D + "/c:id", '<statusCode nullFlavor="UNK"/>')),
    "observation-class": (put(_EXIT, "moodCode", "INT"),),
    "observation-templates": (
        drop(_EXIT + "/c:templateId[@root='1.3.6.1.4.1.19376.1.5.3.1.4.13']"),),
    "observation-code": (put(_EXIT + "/c:code", "displayName", None),),
    "observation-status": (put(_EXIT + "/c:statusCode", "code", "active"),),
    "observation-time": (put(_EXIT + "/c:effectiveTime", "value", "20250231"),),
    "observation-value": (drop(_EXIT + "/c:value"),),
    "observation-author": (
        inside(_EXIT, "<author><time value='2025'/><assignedAuthor><id root='1.2' extension='1'/>"
               "<assignedPerson><name><family>A</family></name></assignedPerson></assignedAuthor>"
               "</author>"),
        twice(_EXIT + "/c:author")),
    "status-templates": (drop(_STATUS + f"/c:templateId[@root='{S}.16.1']"),),
    "status-code": (put(_STATUS + "/c:code", "code", "GEN-066"),),
    "status-value": (put(_STATUS + "/c:value", "code", "385643006"),
                     put(_STATUS + "/c:value", "displayName", "x")),
    "status-once": (twice(_section("33557-0") + "/c:entry"),),
    "treatment-class": (put(_TREATMENT, "moodCode", "RQO"),),
    "treatment-templates": (
        drop(_TREATMENT + "/c:templateId[@root='2.16.840.1.113883.10.20.1.24']"),),
    "treatment-mode": (
        drop(_TREATMENT + "/c:templateId[@root='1.3.6.1.4.1.19376.1.5.3.1.4.7.1']"),),
    "treatment-id-once": (twice(_TREATMENT + "/c:id"),),
    "treatment-status": (put(_TREATMENT + "/c:statusCode", "code", "active"),),
    "treatment-period": (drop(_TREATMENT + "/c:effectiveTime/c:high"),),
    "treatment-rhythm": (put(_TREATMENT + "/c:effectiveTime[2]", "operator", None),),
    "treatment-dose": (drop(_TREATMENT + "/c:doseQuantity/c:low"),),
    "treatment-normal": (
        inside(_TREATMENT, '<entryRelationship typeCode="COMP"><substanceAdministration'
               ' classCode="SBADM" moodCode="INT"><consumable><manufacturedProduct>'
               "<manufacturedMaterial/></manufacturedProduct></consumable>"
               "</substanceAdministration></entryRelationship>"),),
    "product-templates": (drop(_PRODUCT + "/c:templateId[1]"),),
    "product-code": (put(_PRODUCT + "//c:code", "codeSystem", "1.2.250.1.213.2.61"),
                     put(_PRODUCT + "//c:code", "code", "9000001")),
    "product-name": (text(_PRODUCT + "//c:name", ""),),
    "translation-system": (put(_PRODUCT + "//c:translation", "codeSystem", "1.2.3"),),
    "medicine-code": (put(_PRODUCT + "//c:translation", "code", "clozapine"),),
    "meeting-templates": (drop(_MEETING + "/c:templateId[1]"),),
    "meeting-class": (put(_MEETING, "moodCode", "PRMS"),),
    "meeting-code": (drop(_MEETING + "/c:code"),),
    "planned-when": (drop(_MEETING + "/c:effectiveTime"),),
    "priority": (_WITH_ACT, put(_A + "/c:priorityCode", "codeSystem", "1.2.3")),
    "request-class": (_WITH_REQUEST, put(_R, "moodCode", "EVN")),
    "request-templates": (_WITH_REQUEST, drop(_R + "/c:templateId[1]")),
    "request-status": (_WITH_REQUEST, put(_R + "/c:statusCode", "code", "completed")),
    "request-time": (_WITH_REQUEST, drop(_R + "/c:effectiveTime")),
    "act-templates": (_WITH_ACT, drop(_A + "/c:templateId[1]")),
    "act-code": (_WITH_ACT, drop(_A + "/c:code")),
    "device-templates": (_WITH_DEVICE, drop(_D + "/c:templateId[1]")),
    "device-class": (_WITH_DEVICE, put(_D, "moodCode", "INT")),
    "device-time": (_WITH_DEVICE, drop(_D + "/c:effectiveTime")),
    "device-code": (_WITH_DEVICE, drop(_D + "//c:playingDevice")),
    "allergies-templates": (drop(_LIST + "/c:templateId[1]"),),
    "allergies-period": (
        inside(_LIST + "/c:effectiveTime", '<high nullFlavor="UNK"/>'),),
    "allergies-list": (put(_LIST + "/c:entryRelationship", "inversionInd", "true"),),
    "allergy-templates": (drop(_ALLERGY + "/c:templateId[1]"),),
    "allergy-kind": (put(_ALLERGY + "/c:code", "codeSystem", "1.2.3"),),
    "allergy-status": (put(_ALLERGY + "/c:statusCode", "code", "active"),),
    "allergy-low": (drop(_ALLERGY + "/c:effectiveTime/c:low"),),
    "allergy-value": (drop(_ALLERGY + "/c:value/c:originalText"),),
    "section-missing": (drop(_SECTIONS + "/c:component[c:section/c:code/@code='42349-1']"),),
    "section-twice": (twice(_SECTIONS + "/c:component[c:section/c:code/@code='42349-1']"),),
    "section-templates": (drop(_PLAN + "/c:templateId[1]"),),
    "section-code": (put(_PLAN + "/c:code", "codeSystem", "1.2.3"),),
    "section-id": (drop(_PLAN + "/c:id"),),
    "section-id-form": (put(_PLAN + "/c:id", "root", "b5e1c9f2-0b7c-4a35-9b45-0e61c2e2a00e"),),
    "section-title": (text(_PLAN + "/c:title", ""),),
    "section-text": (text(_section("42349-1") + "/c:text", " "),),
    "section-copy": (_WITH_COPY, text(_section("55108-5") + "/c:title", "Copie")),
    "section-no-entry": (
        inside(_section("42349-1"), '<entry><act classCode="ACT" moodCode="EVN">'
               '<code code="x"/></act></entry>'),),
    "section-entry": (drop(_section("48765-2") + "/c:entry"),),
    "section-entries": (
        inside(_section("48765-2"), '<entry><act classCode="ACT" moodCode="EVN">'
               '<code code="x"/></act></entry>'),),
    "summary-missing": (drop(_section("42545-4") + "/c:entry[2]"),),
    "summary-twice": (twice(_section("42545-4") + "/c:entry[2]"),),
    "summary-code": (put(_BLOOD + "/c:code", "code", "MED-147"),),
    "summary-type": (put(_BLOOD + "/c:value", "xsi:type", "ST"),),
    "summary-bool": (put(_BLOOD + "/c:value", "value", "non"),),
    "summary-text": (text(_SYNTHESIS + "/c:value", " "),),
    "summary-mode": (put(_EXIT + "/c:value", "code", "GEN-092.06.99"),),
    "narrative-id": (put("//c:content[@ID='sortie']", "ID", "entree"),
                     put(_EXIT + "//c:reference", "value", "#entree")),
    "narrative-id-form": (put("//c:content[@ID='sortie']", "ID", "1"),
                          put(_EXIT + "//c:reference", "value", "#1")),
    "code-system": (put(_PLAN + "//c:encounter/c:code", "codeSystem", "ActCode"),),
    "code-empty": (put(_MEETING + "/c:code", "code", "AMB "),),
    "id-root": (put("c:author[2]//c:representedOrganization/c:id", "root", "é"),),
    "reference-form": (put(_ENTRY + "//c:reference", "value", "entree"),),
    "reference-target": (put(_ENTRY + "//c:reference", "value", "#entry"),),
    "period-date": (put(_TREATMENT + "/c:effectiveTime/c:high", "value", "20250230"),),
    "order-unknown": (after(_PLAN + "/c:title", "<languageCode code='fr-FR'/>"),
                      before(_PLAN + "/c:languageCode", "<extra/>"),
                      drop(_PLAN + "/c:languageCode")),
}  # fmt: skip
