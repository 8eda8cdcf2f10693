"""Rules of the professionals and organisations of a CDA header."""

from typing import Final

from engine.verify.report import Weight
from engine.verify.rules import Rule

PEOPLE: Final = "1.2.250.1.71.4.2.1"
STRUCTURES: Final = "1.2.250.1.71.4.2.2"

_ANY_PERSON: Final = f"//c:id[@root='{PEOPLE}']"
_ANY_STRUCTURE: Final = f"//c:id[@root='{STRUCTURES}']"
_NAMES: Final = (
    "//c:assignedPerson/c:name | //c:associatedPerson/c:name |"
    " //c:intendedRecipient/c:informationRecipient/c:name"
)
_OUR_AUTHOR: Final = "c:author/c:assignedAuthor"

PEOPLE_RULES: Final = (
    Rule(
        "id-root",
        "//c:id[@root] | //c:templateId",
        r"re:test(@root,'^([0-2](\.(0|[1-9][0-9]*))+|[0-9A-Fa-f-]{36}|[A-Za-z][A-Za-z0-9-]*)$')",
        "the root of an identifier is an OID or a UUID",
    ),
    # IDNPS: one digit for the kind of number, then the number; 8 for RPPS.
    Rule("person-id", _ANY_PERSON,
         "re:test(@extension,'^(8[0-9]{11}|[0-79][0-9A-Za-z][0-9A-Za-z/._-]*)$')"
         " and not(@nullFlavor)",
         "a professional's number is one digit for its kind and the number; for an RPPS, 8 and"
         " 11 digits"),
    Rule("person-rpps-key", _ANY_PERSON + "[re:test(@extension,'^8[0-9]{11}$')]",
         "f:luhn(substring(@extension,2))", "the key of the RPPS does not hold", Weight.ADVICE),
    Rule("structure-id", _ANY_STRUCTURE,
         "re:test(@extension,'^(1[0-9][0-9AB][0-9]{7}|[02-9][0-9A-Za-z]{4}.*)$')"
         " and not(@nullFlavor)",
         "a structure's number is 1 and the 9 characters of the FINESS (2 and SIREN, 3 and SIRET)"),
    Rule("structure-finess-key", _ANY_STRUCTURE + "[re:test(@extension,'^1[0-9]{9}$')]",
         "f:luhn(substring(@extension,2))", "the key of the FINESS does not hold", Weight.ADVICE),
    Rule("name-family", _NAMES, "count(c:family)=1 and normalize-space(c:family)!=''",
         "a professional has exactly one family name"),
    Rule("name-once", _NAMES, "count(c:given)<2 and count(c:prefix)<2 and count(c:suffix)<2",
         "one given name, one prefix and one suffix at most; a compound given name is one"),
    Rule("name-prefix", "//c:assignedPerson/c:name/c:prefix | //c:associatedPerson/c:name/c:prefix"
         " | //c:intendedRecipient/c:informationRecipient/c:name/c:prefix",
         "re:test(.,'^(M|MME)$')", "the prefix is M or MME"),
    Rule("name-suffix", "//c:assignedPerson/c:name/c:suffix | //c:associatedPerson/c:name/c:suffix"
         " | //c:intendedRecipient/c:informationRecipient/c:name/c:suffix",
         "re:test(.,'^(DR|PR|MC|MG|PC|PG)$')", "the suffix is DR, PR, MC, MG, PC or PG"),
    Rule("author-time", "c:author", "f:moment(c:time/@value) and not(c:time/@nullFlavor)",
         "the hour at which the author wrote is missing or does not exist"),
    Rule("author-id", _OUR_AUTHOR + "/c:id", "@root and @extension and not(@nullFlavor)",
         "an author's identifier has a root and an extension"),
    Rule("author-national", _OUR_AUTHOR + "[c:assignedPerson]", f"c:id[@root='{PEOPLE}']",
         "a person who writes has a national number, not a local one alone", Weight.OURS),
    Rule("author-code", _OUR_AUTHOR + "/c:code",
         "@code and @codeSystem and @displayName and not(@nullFlavor)",
         "a specialty has code, system and label, or is left out"),
    Rule("organisation-id", "//c:representedOrganization",
         f"count(c:id[@root='{STRUCTURES}'])<2",
         "an organisation has one national number at most"),
    Rule("custodian-id", "c:custodian//c:representedCustodianOrganization",
         f"c:id[@root='{STRUCTURES}' and @extension]",
         "the custodian has a national number (1.2.250.1.71.4.2.2)"),
    Rule("recipient-id", "c:informationRecipient/c:intendedRecipient/c:id",
         f"@root='{PEOPLE}' and @extension and not(@nullFlavor)",
         "a recipient's identifier is a national one, or is left out"),
    Rule("recipient-address", "c:informationRecipient/c:intendedRecipient",
         "not(c:telecom[starts-with(@value,'mailto:')])",
         "the recipient is a medical fact; the mailbox is transport, and is not told here",
         Weight.OURS),
    Rule("signer-time", "c:legalAuthenticator | c:authenticator",
         "f:moment(c:time/@value) and not(c:time/@nullFlavor)",
         "the hour of the signature is missing or does not exist"),
    Rule("signer-code", "c:legalAuthenticator/c:signatureCode | c:authenticator/c:signatureCode",
         "@code='S'", "the signature's code is S"),
    Rule("signer-id", "c:legalAuthenticator/c:assignedEntity",
         "count(c:id)=1 and c:id/@root and c:id/@extension and not(c:id/@nullFlavor)",
         "who answers for the document has exactly one identifier, root and extension"),
    Rule("second-signer-id", "c:authenticator/c:assignedEntity",
         f"c:id[@root='{PEOPLE}' and @extension]",
         "a second signer has a national number"),
    Rule("participant-class", "c:participant/c:associatedEntity",
         "@classCode='PROV' or @classCode='AGNT'", "a participant is PROV or AGNT"),
    Rule("participant-type", "c:participant", "re:test(@typeCode,'^[A-Z]{2,8}$')",
         "a participant has a typeCode"),
    Rule("participant-function", "c:participant/c:functionCode[@code='PCP' or not(@code)]",
         "@code and @codeSystem='2.16.840.1.113883.5.88' and not(@nullFlavor)",
         "the attending physician is PCP of 2.16.840.1.113883.5.88"),
    Rule("participant-time", "c:participant/c:time",
         "@nullFlavor or f:moment(@value) or c:low or c:high",
         "the time of a participation is a date, or null"),
    Rule("participant-id", "c:participant/c:associatedEntity/c:id",
         "@root and @extension and not(@nullFlavor)",
         "a participant's identifier has a root and an extension, or is left out"),
    Rule("informant-class", "c:informant/c:relatedEntity",
         "re:test(@classCode,'^(ECON|NOK|CON|CAREGIVER|PAT|PRS|POLHOLD|QUAL|GUAR|PROV)$')",
         "not a class of a related person"),
    Rule("informant-name", "c:informant/c:relatedEntity/c:relatedPerson",
         "normalize-space(c:name/c:family)!=''", "a related person has a family name"),
)  # fmt: skip
