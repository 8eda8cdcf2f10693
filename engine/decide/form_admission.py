"""Accept or refuse a JSON form, or a file of statements, at the door."""

from dataclasses import dataclass
from datetime import datetime

from engine.decide.admission import Verdict
from engine.model.flow import AckCode, Condition
from engine.wire.consent_file import read_consents
from engine.wire.form import FormError, FormFault, read_form, told
from engine.wire.hl7_errors import DATA_TYPE
from engine.wire.release_file import read_releases


@dataclass(frozen=True, slots=True)
class FormVerdict(Verdict):
    """What is said of a form: its places are JSON pointers."""

    @property
    def reason(self) -> str:
        """Places and sentences, never a value: ``/items/plan/0/due: is no date``."""
        return "; ".join(told(FormFault(one.location, one.text)) for one in self.conditions)


def admit_form(raw: bytes, now: datetime) -> FormVerdict:
    """Judge one form, as it came at ``now``. Total: any bytes get a verdict, however they nest."""
    try:
        read_form(raw, now=now)
    except FormError as error:
        return _refused(error)
    return FormVerdict(AckCode.AA)


def admit_consents(raw: bytes, now: datetime) -> FormVerdict:
    """Judge one file of agreements, as it came at ``now``. Total: any bytes get a verdict."""
    try:
        read_consents(raw, now=now)
    except FormError as error:
        return _refused(error)
    return FormVerdict(AckCode.AA)


def admit_releases(raw: bytes, now: datetime) -> FormVerdict:
    """Judge one list of coming releases, as it came at ``now``. Total: any bytes get a verdict."""
    try:
        read_releases(raw, now=now)
    except FormError as error:
        return _refused(error)
    return FormVerdict(AckCode.AA)


def _refused(error: FormError) -> FormVerdict:
    return FormVerdict(
        AckCode.AE,
        tuple(
            Condition(code=DATA_TYPE, location=one.pointer, text=one.what) for one in error.faults
        ),
    )
