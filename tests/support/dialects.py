"""The invented messages of fixtures/inbound, and what each must say."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from engine.model.fact import (
    AccountMoved,
    GpStated,
    Heard,
    IdentifierChanged,
    MovementStated,
    PatientsMerged,
    PersonStated,
)
from engine.model.people import Professional
from engine.model.value import Value
from engine.wire.hl7 import Message

FOLDER = Path(__file__).resolve().parents[2] / "fixtures/inbound/pam-fr"


class Said(Value):
    """What a message says, in the words of expected.toml."""

    segments: str
    charset: str
    patient: str = ""
    names: str = ""
    used: str = ""
    born: str = ""
    ins: str = ""
    gp: str = ""
    movement: str = ""
    also: str = ""
    facts: int


class Expected(Said):
    """One row of expected.toml. Unknown keys are errors."""

    file: str
    shows: str
    ack: str = "AA"
    state: str = "processed"

    @property
    def raw(self) -> bytes:
        """The message."""
        return (FOLDER / f"{self.file}.hl7").read_bytes()

    @property
    def said(self) -> Said:
        """What is compared."""
        return Said.model_validate(
            self.model_dump(include=set(Said.model_fields), exclude_unset=True)
        )


def expected() -> list[Expected]:
    """The rows, in their order."""
    table = tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))
    return [Expected.model_validate(row) for row in table["message"]]


def said(message: Message, facts: Iterable[Heard]) -> Said:
    """Put what was read in the same words. A fact of another kind has no words: an error."""
    told: dict[str, str] = {}
    patients: list[str] = []
    for heard in facts:
        if isinstance(heard.fact, AccountMoved) and heard.patient == heard.fact.former:
            continue  # the same fact, which its other patient hears too
        patients.append(heard.patient)
        words = _words(heard)
        assert not told.keys() & words.keys(), "one fact of a kind, in these messages"
        told |= words
    return Said(
        segments=" ".join(one.name for one in message.segments),
        charset=message.charset,
        patient=" ".join(sorted(set(patients))),
        facts=len(patients),
        **{name: text for name, text in told.items() if text},
    )


def _words(heard: Heard) -> dict[str, str]:
    match heard.fact:
        case PersonStated(traits=traits, removed=removed):
            names = (traits.birth_family, traits.birth_given, traits.birth_given_all)
            used = (traits.used_family, traits.used_given)
            ins = f"{traits.ins.matricule} {traits.ins.oid}" if traits.ins else ""
            return {
                "names": _slashed(*names),
                "used": _slashed(*used),
                "born": traits.birth_date or "",
                "ins": " ".join(filter(None, (ins, "removed" if removed == ("ins",) else ""))),
            }
        case GpStated(gp=gp):
            return {"gp": _doctor(gp) if gp else "none"}
        case MovementStated() as moved:
            return {"movement": _movement(moved)}
        case PatientsMerged(eliminated=old):
            return {"also": f"merged {old}"}
        case AccountMoved(former=old):
            return {"also": f"account of {old}"}
        case IdentifierChanged(eliminated=None, ins_removed=True):
            return {"also": "ins dropped"}
        case other:
            raise AssertionError(other.kind)


def _slashed(*names: str | None) -> str:
    """Names with a stroke between them; what is absent at the end is left out."""
    return " / ".join(one or "-" for one in names).rstrip("-/ ") if any(names) else ""


def _doctor(gp: Professional) -> str:
    return f"{gp.rpps or f'({gp.other_id})'} {gp.family} {gp.given}"


def _movement(moved: MovementStated) -> str:
    where = f"{moved.unit} {moved.care.half if moved.care else '-'}"
    text = f"{moved.event} {moved.action} {moved.at.isoformat()} in {where}"
    text += f", class {moved.patient_class}" + (", historic" if moved.historic else "")
    return f"{text}: {moved.exit_kind}" if moved.exit_kind else text
