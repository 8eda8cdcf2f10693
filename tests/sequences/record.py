"""The record of an invented hospital: what its software would send, as bytes, and what was meant.

One message is built with its meaning beside it (``Told``). The oracle judges by the meaning; the
engine sees the bytes alone.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

ZONE: Final = ZoneInfo("Europe/Paris")
_IDS: Final = "CHEX&1.2.250.1.999.1&ISO"
INS_OID: Final = "1.2.250.1.213.1.4.8"


@dataclass(frozen=True)
class Someone:
    """A patient, as their papers tell."""

    ipp: str
    family: str
    given: str
    born: str
    sex: str
    nir: str

    @property
    def key(self) -> str:
        return f"{self.ipp}|1.2.250.1.999.1"


def _nir(thirteen: str) -> str:
    return f"{thirteen}{97 - int(thirteen) % 97:02}"


# The third is the first, entered twice: the record that a merge is for.
PEOPLE: Final = (
    Someone("26000801", "LAMBERT", "THEO", "19900417", "M", _nir("1900459350001")),
    Someone("26000802", "MOREL", "JADE", "19850211", "F", _nir("2850259350002")),
    Someone("26000803", "LAMBERT", "THEO", "19900417", "M", _nir("1900459350001")),
)


@dataclass(frozen=True)
class Doctor:
    """A line of the directory."""

    rpps: str
    family: str
    given: str
    address: str


DOCTORS: Final = (
    Doctor("10999990012", "MARTEL", "Claire", "claire.martel@cabinets.mssante.example"),
    Doctor("10999990046", "WATTEAU", "Bruno", "bruno.watteau@cabinets.mssante.example"),
    Doctor("10999990020", "DELATTRE", "Hugues", "hugues.delattre@medical59.apicrypt.example"),
)
# In the order of PURPOSES: the questions of the arrival form.
QUESTIONS: Final = {
    "arrival-notice": "CONS_AVIS_ARRIVEE",
    "exit-notice": "CONS_AVIS_SORTIE",
    "exit-letter-somatic": "CONS_LETTRE_DSS",
    "exit-letter-psychiatric": "CONS_LETTRE_DSP",
    "letter-written": "CONS_LETTRE_ECRITE",
    "detention-told": "CONS_DETENTION_DITE",
}
PURPOSES: Final = tuple(QUESTIONS)
ANSWERS: Final = {
    "granted": "O",
    "refused": "N",
    "withdrawn": "R",
    "could-not-be-asked": "I",
}
UNITS: Final = {"DSS": "5101", "DSP": "5150", "elsewhere": "5201", "ward": "3300"}
EXITS: Final = {
    "release": "LIB",
    "transfer": "TRF",
    "escape": "EVA",
    "hospital": "HOP",
    "death": "DCD",
    "expulsion": "EXP",
}


@dataclass(frozen=True)
class Consent:
    """One statement of will."""

    purpose: str
    state: str
    at: datetime
    visit: str | None
    recipient: str = "MT"


@dataclass(frozen=True)
class Move:
    """One statement about a movement."""

    number: str
    visit: str
    event: str  # A01, A02, A03
    action: str  # INSERT, UPDATE, CANCEL
    at: datetime
    unit: str
    kind: str = ""
    account: str = ""


@dataclass(frozen=True)
class Told:
    """What one message means, or one act of a person at the command line (``raw`` is empty)."""

    patient: str  # key
    at: datetime  # EVN-2
    number: int  # MSH-10
    raw: bytes = b""
    test: bool = False
    who: Someone | None = None  # whose traits it carries
    status: str = ""
    ins: str = ""
    dead: str = ""
    doctor: str | None = None  # RPPS of a médecin traitant; "" takes the one known away
    confirms: str = ""
    confirmed_at: datetime | None = None
    consents: tuple[Consent, ...] = ()
    move: Move | None = None
    merged: str = ""
    moved_account: str = ""
    moved_from: str = ""
    ins_gone: bool = False
    readable: bool = True


@dataclass
class Stay:
    """A visit, as the record of the hospital has it."""

    visit: str
    account: str
    person: int
    entry: Move
    half: str
    exit: Move | None = None


@dataclass
class Hospital:
    """What the software knows, and how it would say it."""

    numbers: int = 0
    visits: int = 0
    documents: int = 0
    status: dict[int, str] = field(default_factory=dict)
    stays: list[Stay] = field(default_factory=list)

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def last(self, person: int) -> Stay | None:
        mine = [one for one in self.stays if one.person == person]
        return mine[-1] if mine else None

    def message(
        self,
        kind: str,
        person: int,
        now: datetime,
        lines: tuple[str, ...] = (),
        *,
        ins: bool = False,
        dead: str = "",
        account: str = "",
        test: bool = False,
    ) -> tuple[bytes, int]:
        who, number = PEOPLE[person], self.number()
        at = stamp(now)
        version = "2.6" if kind.startswith("MDM") else "2.5^FRA^2.11"
        pid = [""] * 33
        pid[0], pid[1] = "PID", "1"
        pid[3] = f"{who.ipp}^^^{_IDS}^PI"
        if ins:
            pid[3] += f"~{who.nir}^^^ASIP-SANTE-INS-NIR&{INS_OID}&ISO^INS"
        pid[5] = f"{who.family}^{who.given}^{who.given}^^^^L"
        pid[7], pid[8] = who.born, who.sex
        pid[11] = "^^^^^FRA^BDL^^59350"
        pid[18] = f"{account}^^^{_IDS}^AN" if account else ""
        pid[30], pid[32] = dead, self.status.get(person, "PROV")
        head = (
            f"MSH|^~\\&|SILLAGE|CHEX|RELAIS|CHEX|{at}||{kind}|{number}|{'T' if test else 'P'}"
            f"|{version}|||||FRA|UNICODE UTF-8",
            f"EVN||{at}||||{at}",
            "|".join(pid),
        )
        return "".join(f"{line}\r" for line in (*head, *lines)).encode(), number


def stamp(at: datetime) -> str:
    return at.astimezone(ZONE).strftime("%Y%m%d%H%M%S")


def second(at: datetime) -> datetime:
    """What HL7 keeps of a moment."""
    return at.replace(microsecond=0)


def movement_lines(move: Move, *more: str) -> tuple[str, ...]:
    original = move.event if move.action != "INSERT" else ""
    return (
        f"PV1|1|I|{move.unit}^^^CHEX||||||||||||||||{move.visit}^^^{_IDS}^VN",
        f"ZBE|{move.number}^CHEX|{stamp(move.at)}||{move.action}|N|{original}"
        f"|USMP^^^^^^UF^^^{move.unit}||HMS",
        *((f"ZFV|||||||||{EXITS[move.kind]}",) if move.kind in EXITS else ()),
        *more,
    )


def doctor_line(rpps: str) -> str:
    """A ROL; "" takes the médecin traitant away."""
    who = next((one for one in DOCTORS if one.rpps == rpps), DOCTORS[0])
    action = "UC" if rpps else "DE"
    return (
        f"ROL|1|{action}|ODRP|{who.rpps}^{who.family}^{who.given}"
        "^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^RPPS"
    )


def form_lines(answers: dict[str, str], now: datetime, *, confirms: bool) -> tuple[str, ...]:
    asked = [(QUESTIONS[purpose], ANSWERS[state]) for purpose, state in answers.items()]
    if confirms:
        asked.append(("MT_CONFIRME", "O"))
    return tuple(
        f"OBX|{n}|CE|{question}^{question}^LOCAL||{answer}||||||F|||{stamp(now)}||IDE"
        for n, (question, answer) in enumerate(asked, 1)
    )


def merge_line(person: int, account: str = "") -> str:
    tail = f"||{account}^^^{_IDS}^AN" if account else ""
    return f"MRG|{PEOPLE[person].ipp}^^^{_IDS}^PI{tail}"


def document_lines(visit: str, unit: str, number: str, now: datetime, text: str) -> tuple[str, ...]:
    return (
        f"PV1|1|I|{unit}^^^CHEX||||||||||||||||{visit}^^^{_IDS}^VN",
        f"TXA|1|11490-0|TEXT|{stamp(now)}|||||10999990038^MODÈLE^Claire|||{number}|||||AU",
        f"OBX|1|TX|11490-0^Lettre^LN||{text}||||||F",
    )
