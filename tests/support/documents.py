"""Messages that carry a document, as the CI-SIS volet and plainer senders write them.

Invented people only. `fixtures/inbound/documents/` holds what `national` and `plain` build, byte
for byte; tests change one thing at a time with `without`, `edited` and `replaced`.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.support.adt import FIXTURES

DOCUMENTS = FIXTURES / "inbound" / "documents"

IPP_OID, INS_OID = "1.2.250.1.999.1", "1.2.250.1.213.1.4.8"
IPP, INS = "26000071", "281099999900357"
TYPE = "11490-0"
LABEL = "Lettre de liaison à la sortie"
N1, N3, NEW = "1.2.250.1.999.2.71001", "1.2.250.1.999.2.71003", "1.2.250.1.999.2.71004"

FLAGS = {
    "MASQUE_PS": ("Masqué aux professionnels de Santé", "N"),
    "INVISIBLE_PATIENT": ("Document Non Visible par le patient", "N"),
    "INVISIBLE_REP_LEGAUX": ("Non visible par les représentants Légaux du patient", "N"),
    "CONNEXION_SECRETE": ("Connexion Secrete", "N"),
    "MODIF_CONF_CODE": ("Modification Confidentiality Code", "N"),
    "DESTDMP": ("Destinataire DMP", "N"),
    "DESTMSSANTEPS": (
        "Destinataire (Professionnel de Santé, organisation ou BAL applicative)",
        "Y",
    ),
    "DESTMSSANTEPAT": ("Destinataire Patient", "N"),
    "ACK_RECEPTION": ("Accusé de réception", "Y"),
    "ACK_LECTURE_MSS": ("Accusé de lecture", "N"),
}
REQUIRED = tuple(FLAGS)[:8]

SECTIONS = """<structuredBody>
<component><section>
<code code="42349-1" codeSystem="2.16.840.1.113883.6.1"/><title>Motif de la prise en charge</title>
<text><paragraph>Suivi d'un asthme ancien.</paragraph></text>
</section></component>
<component><section>
<title>Consignes de l'unité</title>
<text><table><tbody><tr><td>SALBUTAMOL</td><td>à la demande</td></tr></tbody></table></text>
</section></component>
</structuredBody>"""

RTF = rb"""{\rtf1\ansi\ansicpg1252\uc1\deff0{\fonttbl{\f0\fswiss\fcharset0 Arial;}}
{\header Centre hospitalier d'Exempleville\par}
\pard\f0\fs22 Synth\'e8se m\'e9dicale\par
\trowd\cellx3000\cellx6000\intbl Traitement\cell Posologie\cell\row
\trowd\cellx3000\cellx6000\intbl Salbutamol\cell \u224\'e0 la demande\cell\row
\pard L\rquote\u233?volution est favorable.{\v brouillon}\par
{\pict\pngblip 89504e470d0a1a0a}
}"""


def pdf() -> bytes:
    """One empty page."""
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\n"
        b"trailer<</Root 1 0 R>>\n%%EOF\n"
    )


@dataclass(frozen=True)
class Cda:
    """A CDA of the patient, level 1 or 3."""

    number: str = N1
    structured: bool = False
    replaces: str = ""
    patients: tuple[tuple[str, str], ...] = ((IPP_OID, IPP), (INS_OID, INS))
    body: str = ""
    recipient: str = ""

    def bytes(self) -> bytes:
        ids = "".join(f'<id root="{root}" extension="{number}"/>' for root, number in self.patients)
        related = (
            f'<relatedDocument typeCode="RPLC"><parentDocument><id root="{self.replaces}"/>'
            "</parentDocument></relatedDocument>"
            if self.replaces
            else ""
        )
        inner = base64.b64encode(pdf()).decode()
        body = self.body or (
            SECTIONS
            if self.structured
            else f'<nonXMLBody><text mediaType="application/pdf" representation="B64">{inner}'
            "</text></nonXMLBody>"
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3">'
            f'<id root="{self.number}"/><code code="{TYPE}" codeSystem="2.16.840.1.113883.6.1"/>'
            f'<effectiveTime value="20260310090000+0100"/><recordTarget><patientRole>{ids}'
            f"</patientRole></recordTarget>{self.recipient}{related}"
            f"<component>{body}</component></ClinicalDocument>\n"
        ).encode()


@dataclass(frozen=True)
class National:
    """A message that claims the volet, version 2.1."""

    kind: str = "MDM^T02"
    orc_1: str = "NW"
    obx_11: str = "F"
    documents: tuple[Cda, ...] = (Cda(),)
    replaced: str = ""

    def lines(self) -> list[str]:
        mdm = self.kind.startswith("MDM")
        coded, structure = ("CWE", "MDM_T02") if mdm else ("CE", "ORU_R01")
        text = "text" if mdm else "TEXT"
        number = self.documents[0].number
        lines = [
            f"MSH|^~\\&|SILLAGE|CHEX|RELAIS|CHEX|20260310090500||{self.kind}^{structure}|D000071|P|"
            f"{'2.6' if mdm else '2.5'}|||||FRA|UNICODE UTF-8|||2.1^CISIS_CDA_HL7_V2",
            *(["EVN||20260310090500"] if mdm else []),
            f"PID|1||{IPP}^^^CHEX&{IPP_OID}&ISO^PI~{INS}^^^ASIP-SANTE-INS-NIR&{INS_OID}&ISO^INS||"
            "VASSEUR^ODILE^ODILE ANNE^^^^L||19810412|F|||||||||||||||||||||||||VALI",
            "PV1|1|I|5101^^^CHEX||||||||||||||||V260071^^^CHEX&1.2.250.1.999.1&ISO^VN",
            f"ORC|{self.orc_1}",
            f"OBR|1|||{TYPE}^{LABEL}^LN",
            *([f"TXA|1|{TYPE}|TEXT|||||||||{number}|{self.replaced}||||AU"] if mdm else []),
        ]
        for place, document in enumerate(self.documents, 1):
            content = base64.b64encode(document.bytes()).decode()
            lines.append(
                f"OBX|{place}|ED|{TYPE}^{LABEL}^LN||^{text}^XML^Base64^{content}||||||{self.obx_11}"
            )
            if place == 1:
                lines += [
                    "PRT||UC||SB^Send by^participation|810999990038^MODELE^Claire^^^^^^"
                    "ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS|||CH EXEMPLE^^^^^"
                    "ASIP-SANTE-ST&1.2.250.1.71.4.2.2&ISO^FINEG^^^990000028",
                    "PRT||UC||RCT^Result Copies To^participation|810999990046^TEMOIN^Paul^^^^^^"
                    "ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS||||||||||"
                    "^^X.400^paul.temoin@cabinet-exemple.mssante.fr",
                ]
        last = len(self.documents)
        for place, (code, (label, value)) in enumerate(FLAGS.items(), last + 1):
            lines.append(
                f"OBX|{place}|{coded}|{code}^{label}^MetaDMPMSS||{value}^^expandedYes-NoIndicator"
                "||||||F"
            )
        mail = base64.b64encode("Chère consœur, voici la lettre.".encode()).decode()
        lines.append(
            f"OBX|{last + len(FLAGS) + 1}|ED|CORPSMAIL_PS^Corps du mail pour un PS^MetaDMPMSS||"
            f"^{text}^^Base64^{mail}||||||F"
        )
        return lines

    def bytes(self) -> bytes:
        return joined(self.lines())


def joined(lines: list[str]) -> bytes:
    return ("\r".join(lines) + "\r").encode()


def lines_of(raw: bytes) -> list[str]:
    return raw.decode().rstrip("\r").split("\r")


def plain(content: list[str], kind: str = "MDM^T02", profile: str = "") -> bytes:
    """An MDM that claims nothing, as most hospital software sends it."""
    return joined(
        [
            f"MSH|^~\\&|SILLAGE|CHEX|RELAIS|CHEX|20260310090500||{kind}|D000072|P|2.6|||||FRA|"
            f"UNICODE UTF-8|||{profile}",
            "EVN||20260310090500",
            f"PID|1||{IPP}^^^CHEX&{IPP_OID}&ISO^PI||VASSEUR^ODILE^^^^^L||19810412|F",
            "PV1|1|I|5101^^^CHEX||||||||||||||||V260071^^^CHEX^VN",
            f"TXA|1|{TYPE}|TEXT|20260310090000|||||10999990038^MODELE^Claire|||"
            "DOC71^^1.2.250.1.999.2^ISO|||||AU",
            *content,
        ]
    )


def encapsulated(data: bytes, kind: str, subtype: str) -> str:
    content = base64.b64encode(data).decode()
    return f"OBX|1|ED|{TYPE}^{LABEL}^LN||^{kind}^{subtype}^Base64^{content}||||||F"


def without(raw: bytes, start: str) -> bytes:
    """The message without the segments that begin so, OBX by ``OBX:CODE``."""
    segment, _, code = start.partition(":")
    wanted = re.compile(rf"{segment}\|" + (rf"\d+\|\w+\|{code}\^" if code else ""))
    kept = [line for line in lines_of(raw) if not wanted.match(line)]
    assert len(kept) < len(lines_of(raw)), start
    return joined(kept)


def edited(raw: bytes, start: str, field: int, value: str) -> bytes:
    """The message with one field of one segment changed; OBX by ``OBX:CODE``, the first else."""
    segment, _, code = start.partition(":")
    lines = lines_of(raw)
    for n, line in enumerate(lines):
        parts = line.split("|")
        if parts[0] == segment and (not code or parts[3].split("^")[0] == code):
            at = field - 1 if segment == "MSH" else field
            parts += [""] * (at + 1 - len(parts))
            parts[at] = value
            lines[n] = "|".join(parts)
            return joined(lines)
    raise AssertionError(start)


def flagged(raw: bytes, **values: str) -> bytes:
    """The message with other values of its flags."""
    for code, value in values.items():
        raw = edited(raw, f"OBX:{code}", 5, f"{value}^^expandedYes-NoIndicator")
    return raw


INITIAL = National()
FIXED: dict[str, Callable[[], bytes]] = {
    "t02-n1": INITIAL.bytes,
    "t02-n3": replace(INITIAL, documents=(Cda(N3, structured=True),)).bytes,
    "t10-n1": National("MDM^T10", "RO", "C", (Cda(NEW, replaces=N1),), N1).bytes,
    "t04-n1": National("MDM^T04", "CA", "D").bytes,
    "oru-n1-n3": National("ORU^R01", documents=(Cda(), Cda(N3, structured=True))).bytes,
    "lps-t02": lambda: edited(INITIAL.bytes(), "MSH", 21, "1.1^CISIS_CDA_HL7_LPS"),
    "plain-rtf": lambda: plain([encapsulated(RTF, "text", "RTF")]),
    "plain-pdf": lambda: plain([encapsulated(pdf(), "AP", "PDF")]),
    "plain-text": lambda: plain(
        [
            f"OBX|1|TX|{TYPE}^{LABEL}^LN||Asthme équilibré.||||||F",
            f"OBX|2|TX|{TYPE}^{LABEL}^LN||SALBUTAMOL à la demande \\T\\ éviction du tabac.||||||F",
        ]
    ),
}


def fixture(name: str) -> bytes:
    return (DOCUMENTS / f"{name}.hl7").read_bytes()
