"""Accept or refuse a JSON form at the door."""

from dataclasses import dataclass

from engine.decide.admission import Verdict
from engine.model.flow import AckCode, Condition
from engine.wire.form import FormError, FormFault, read_form, told
from engine.wire.hl7_errors import DATA_TYPE


@dataclass(frozen=True, slots=True)
class FormVerdict(Verdict):
    """What is said of a form: its places are JSON pointers."""

    @property
    def reason(self) -> str:
        """Places and sentences, never a value: ``/items/plan/0/due: is no date``."""
        return "; ".join(told(FormFault(one.location, one.text)) for one in self.conditions)


def admit_form(raw: bytes) -> FormVerdict:
    """Judge one form. Total: any bytes get a verdict."""
    try:
        read_form(raw)
    except FormError as error:
        return FormVerdict(
            AckCode.AE,
            tuple(
                Condition(code=DATA_TYPE, location=one.pointer, text=one.what)
                for one in error.faults
            ),
        )
    return FormVerdict(AckCode.AA)
