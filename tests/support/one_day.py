"""Everything that a record says of one invented patient in a day, message by message."""

from dataclasses import dataclass
from typing import Final

OLD, KEPT = "26000977", "26000978"  # the second survives the merge
DSS, DSP, WARD = "5101", "5150", "3300"
MARTEL, LEFEVRE = "10999990012^MARTEL^Claire", "10999990038^LEFÈVRE-CŒUR^Anne"
_DAY: Final = "20260302"
_IDS: Final = "CHEX&1.2.250.1.999.1&ISO"
_PURPOSES: Final = ("CONS_AVIS_ARRIVEE", "CONS_AVIS_SORTIE", "CONS_LETTRE_DSS", "CONS_LETTRE_DSP")


@dataclass(frozen=True)
class Said:
    """One message, by the name that a failing test shows."""

    name: str
    raw: bytes

    def __repr__(self) -> str:
        return self.name


def _message(
    name: str,
    kind: str,
    hour: str,
    number: int,
    *lines: str,
    ipp: str = OLD,
    dead: str = "",
    born: str = "19931104",
) -> Said:
    at = f"{_DAY}{hour}00"
    version = "2.6" if kind.startswith("MDM") else "2.5^FRA^2.11"
    head = (
        f"MSH|^~\\&|SILLAGE|CHEX|RELAIS|CHEX|{at}||{kind}|{number}|P|{version}|||||FRA"
        "|UNICODE UTF-8",
        f"EVN||{at}||||{at}",
        f"PID|1||{ipp}^^^{_IDS}^PI||ÉTIENNE^MAËL^MAËL^^^^L||{born}|M"
        f"||||||||||D977^^^{_IDS}^AN||||||||||||{dead}||PROV",
    )
    return Said(name, "".join(f"{line}\r" for line in (*head, *lines)).encode())


def _moved(
    name: str,
    event: str,
    hour: str,
    number: int,
    zbe: str,
    unit: str,
    *more: str,
    at: str = "",
    action: str = "INSERT",
    original: str = "",
    ipp: str = OLD,
    visit: str = "V977",
) -> Said:
    when = f"{_DAY}{at or hour}00"
    return _message(
        name,
        f"ADT^{event}",
        hour,
        number,
        f"PV1|1|I|{unit}^^^CHEX||||||||||||||||{visit}^^^{_IDS}^VN",
        f"ZBE|{zbe}^CHEX|{when}||{action}|N|{original}|USMP^^^^^^UF^^^{unit}||HMS",
        *more,
        ipp=ipp,
    )


def _form(
    name: str,
    hour: str,
    number: int,
    answers: dict[str, str],
    gp: str,
    *,
    ipp: str = OLD,
    action: str = "UC",
) -> Said:
    obx = [
        f"OBX|{n}|CE|{question}^{question}^LOCAL||{answer}||||||F|||{_DAY}{hour}00||IDE"
        for n, (question, answer) in enumerate(answers.items(), 1)
    ]
    doctor = f"ROL|1|{action}|ODRP|{gp}^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^RPPS"
    return _message(name, "ADT^A31", hour, number, doctor, *obx, ipp=ipp)


def _letter(
    name: str,
    kind: str,
    hour: str,
    number: int,
    document: str,
    unit: str,
    text: str,
    *,
    visit: str = "V977",
) -> Said:
    own, _, parent = document.partition("<")
    return _message(
        name,
        f"MDM^{kind}",
        hour,
        number,
        f"PV1|1|I|{unit}^^^CHEX||||||||||||||||{visit}^^^{_IDS}^VN",
        f"TXA|1|11490-0|TEXT|{_DAY}{hour}00|||||10999990038^MODÈLE^Claire|||{own}|{parent}||||AU",
        f"OBX|1|TX|11490-0^Lettre^LN||{text}||||||F",
    )


# In the order in which the sender wrote them.
DAY: Final = (
    _moved("arrival", "A01", "0800", 1, "M1", DSS),
    _form("first doctor", "0810", 2, {}, LEFEVRE),
    _form("form", "0820", 3, dict.fromkeys((*_PURPOSES, "MT_CONFIRME"), "O"), MARTEL),
    _moved("to the other half", "A02", "0900", 4, "M2", DSP),
    _moved("to a ward", "A21", "1000", 5, "M3", DSP, "ZFM||7"),
    _moved("back", "A22", "1200", 6, "M4", DSS),
    _letter("somatic letter", "T02", "1300", 7, "DOC1", DSS, "Suites simples."),
    _letter("psychiatric letter", "T02", "1305", 8, "DOC2", DSP, "Suivi à poursuivre au CMP."),
    _letter("somatic letter anew", "T10", "1330", 9, "DOC3<DOC1", DSS, "Suites très simples."),
    _moved("way out", "A03", "1400", 10, "M5", DSS, "ZFV|||||||||LIB"),
    _moved(
        "no way out", "A13", "1405", 11, "M5", DSS, at="1400", action="CANCEL", original="A03"
    ),
    _message(
        "merge", "ADT^A40", "1410", 12, f"MRG|{OLD}^^^{_IDS}^PI", ipp=KEPT
    ),
    _form("a change of mind", "1420", 13, {"CONS_LETTRE_DSP": "R"}, MARTEL, ipp=KEPT),
    _moved("way out anew", "A03", "1600", 14, "M6", DSS, "ZFV|||||||||LIB", ipp=KEPT),
    _moved(
        "its hour put right", "Z99", "1630", 15, "M6", DSS, "ZFV|||||||||LIB",
        at="1610", action="UPDATE", original="A03", ipp=KEPT,
    ),
)  # fmt: skip

# A day on which little fits: arrivals entered twice, cancels that name nothing, another prison,
# another hospital visit, a doctor taken back, one number for two movements.
HARD_DAY: Final = (
    _moved("arrival of a first visit", "A01", "0700", 101, "N1", DSS, visit="V970"),
    _form("form", "0705", 102, dict.fromkeys((*_PURPOSES, "MT_CONFIRME"), "O"), MARTEL),
    _moved(
        "never arrived", "A11", "0710", 103, "N1", DSS, visit="V970", at="0700", action="CANCEL"
    ),
    _moved("arrival anew", "A04", "0720", 104, "N2", DSS, visit="V971", at="0700"),
    _moved("cancel of nothing", "A12", "0730", 105, "N9", DSS, visit="V971", action="CANCEL"),
    _moved("a ward's own visit", "A01", "0800", 106, "W1", WARD, visit="V972"),
    _moved("its end", "A03", "0900", 107, "W2", WARD, "ZFV|||||||||LIB", visit="V972"),
    _form("doctor taken back", "0910", 108, {}, MARTEL, action="DE"),
    _form("another doctor", "0915", 109, {"MT_CONFIRME": "O"}, LEFEVRE),
    _moved("way out", "A03", "1000", 110, "N3", DSS, "ZFV|||||||||LIB", visit="V971"),
    _moved("the same number", "A03", "1001", 111, "N3", DSS, "ZFV|||||||||HOP", visit="V971"),
    _moved(
        "which way out", "Z99", "1002", 112, "N3", DSS, visit="V971", at="1000", action="UPDATE"
    ),
    _moved("another prison", "A01", "1100", 113, "S1", "5201", visit="V973"),
    _moved("out of it", "A03", "1200", 114, "S2", "5201", "ZFV|||||||||LIB", visit="V973"),
    _message("merge", "ADT^A40", "1310", 117, f"MRG|{OLD}^^^{_IDS}^PI", ipp=KEPT),
    _letter("another prison's letter", "T02", "1320", 118, "DOC9", "5201", "Rien.", visit="V973"),
    _letter("taken back", "T04", "1330", 119, "DOC9", "5201", "Rien.", visit="V973"),
)  # fmt: skip
# A death that is told, denied, told by a discharge that is taken back; and a merge with a record
# of another birth date, put right afterwards.
SAD_DAY: Final = (
    _moved("arrival", "A01", "0800", 201, "M1", DSS),
    _form("form", "0820", 202, dict.fromkeys((*_PURPOSES, "MT_CONFIRME"), "O"), MARTEL),
    _message("dead", "ADT^A31", "0900", 203, dead="Y"),
    _message("not dead", "ADT^A31", "0910", 204, dead="N"),
    _moved("way out by death", "A03", "1000", 205, "M2", DSS, "ZFV|||||||||DCD"),
    _moved("no way out", "A13", "1005", 206, "M2", DSS, at="1000", action="CANCEL", original="A03"),
    _message("born otherwise", "ADT^A28", "1100", 207, ipp=KEPT, born="19931105"),
    _message("merge", "ADT^A40", "1110", 208, f"MRG|{OLD}^^^{_IDS}^PI", ipp=KEPT, born="19931105"),
    _message("put right", "ADT^A31", "1120", 209, ipp=KEPT),
    _moved("way out", "A03", "1200", 210, "M3", DSS, "ZFV|||||||||LIB", ipp=KEPT),
)  # fmt: skip
