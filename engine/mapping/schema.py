"""The shape of mapping files: how one hospital software says things. Data, without expressions.

``mappings/<dpi>/mapping.toml`` and ``units.toml``. What the standard (PAM FR) fixes is code in
this package; what a site chooses is here.
"""

from typing import Literal

from pydantic import Field, model_validator

from engine.mapping.clinical_schema import Clinical
from engine.mapping.path import InnerField, PathField
from engine.model.capacity import Regime
from engine.model.consent import Collected, ConsentState, Purpose, Voice
from engine.model.fact import Care, ExitKind, Half
from engine.model.value import Value
from engine.wire.hl7_documents import DocumentRules
from engine.wire.hl7_events import RequiredFields


class PatientNumbers(Value):
    """Which PID-3 is the hospital's own number."""

    types: tuple[str, ...] = Field(default=("PI",), description="CX-5, in order of preference.")
    authority: str | None = Field(
        default=None,
        description="One name for the numbering domain, when the sender varies CX-4.",
    )


class ExitLook(Value):
    """One field that may tell what a way out means."""

    field: PathField
    codes: dict[str, ExitKind] = Field(default_factory=dict, description="Value to meaning.")
    any: ExitKind | None = Field(default=None, description="Meaning of any other value.")
    weak: bool = Field(
        default=False,
        description="Counts only when no other field told anything: a default that clerks leave.",
    )


class Exits(Value):
    """How a discharge says what it is. Two strong fields that disagree mean 'unknown'."""

    discharge: tuple[ExitLook, ...] = Field(description="On A03.")
    leave: tuple[ExitLook, ...] = Field(default=(), description="On A21; else a leave.")


class ConsentRow(Value):
    """One kind of segment that states consent."""

    segment: str = Field(pattern=r"^[A-Z][A-Z0-9]{2}$")
    where: dict[str, str] = Field(description="Field address to the value that it must hold.")
    purposes: tuple[Purpose, ...] = Field(min_length=1)
    state: InnerField
    states: dict[str, ConsentState] = Field(description="Value to state.")
    at: InnerField | None = Field(default=None, description="Else the time of the message.")
    by: InnerField | None = Field(default=None, description="Who collected it.")
    recipient: InnerField | None = Field(default=None, description="An RPPS; else the GP.")
    how: InnerField | None = Field(default=None, description="How it was collected.")
    hows: dict[str, Collected] = Field(default_factory=dict, description="Value to way.")
    language: InnerField | None = Field(default=None, description="ISO 639: fr, ar.")
    voice: InnerField | None = Field(default=None, description="Where it stands who speaks.")
    voices: dict[str, Voice] = Field(default_factory=dict, description="Value to voice.")
    speaker: Voice = Field(
        default=Voice.PATIENT, description="Who speaks, where `voice` is not given or is empty."
    )


class ProtectionRow(Value):
    """One kind of segment that says who must agree besides the patient. A value of no table,
    where `regimes` has some, is a regime that is not known: the representative is asked."""

    segment: str = Field(pattern=r"^[A-Z][A-Z0-9]{2}$")
    where: dict[str, str] = Field(description="Field address to the value that it must hold.")
    value: InnerField
    regimes: dict[str, Regime] = Field(default_factory=dict, description="Value to regime.")
    secret_care: dict[str, bool] = Field(
        default_factory=dict, description="Value to: a minor's care is kept from the parents."
    )
    emancipated: dict[str, bool] = Field(default_factory=dict, description="Value to: it is so.")
    infant: dict[str, bool] = Field(
        default_factory=dict, description="Value to: a child who lives with a detained mother."
    )
    representative: InnerField | None = Field(default=None, description="Who that is.")
    at: InnerField | None = Field(default=None, description="Else the time of the message.")


class GpConfirmedRow(Value):
    """One kind of segment that confirms the médecin traitant."""

    segment: str = Field(pattern=r"^[A-Z][A-Z0-9]{2}$")
    where: dict[str, str]
    state: InnerField
    confirmed: tuple[str, ...] = Field(
        default=(), description="Values that confirm the ODRP of the same message."
    )
    rpps: InnerField | None = Field(default=None, description="Where the confirmed RPPS stands.")
    at: InnerField | None = None


class Documents(DocumentRules):
    """Where MDM and ORU messages say what we need, and what is asked of those that claim the
    national profile (`audiences`, `masked_to_doctors`)."""

    validated: tuple[str, ...] = Field(
        default=("AU", "LA"), description="TXA-17 values of a document that may leave."
    )
    types: tuple[str, ...] = Field(
        default=("11490-0", "68599-0", "34133-9", "28651-8"),
        description="TXA-2 (LOINC) of documents that belong in an exit letter.",
    )
    units: tuple[PathField, ...] = Field(description="Where the unit that wrote it stands.")
    half_of_type: dict[str, Half] = Field(
        default_factory=dict, description="Type code that tells the half by itself."
    )
    psychiatrists: tuple[str, ...] = Field(
        default=("G15_10/SM42", "G15_10/SM43", "G15_10/SM92", "G15_10/SM93", "G15_10/C57"),
        description="JDV_J01 specialties: a CDA whose author has one is not filed as somatic.",
    )


class PlannedReleases(Value):
    """Where the sender says for which day a release from a prison health unit is planned."""

    day: tuple[PathField, ...] = Field(
        default=(),
        description="The first that is filled counts, of any ADT of a visit. None: the record says "
        "nothing of it, or something else in these fields: an estimate is no planned release.",
    )
    pending: tuple[PathField, ...] = Field(
        default=(), description="The same on A16, a discharge to come; A25 takes it back."
    )


class DialectFile(Value):
    """mapping.toml."""

    name: str
    charset: dict[str, str] = Field(
        default_factory=dict, description="MSH-18 as this sender writes it, to a known one."
    )
    time_zone: str = Field(default="Europe/Paris", description="Of times without an offset.")
    required: RequiredFields = RequiredFields()
    patient: PatientNumbers = PatientNumbers()
    unit: tuple[PathField, ...] = Field(description="Where the unit (UF) of a movement stands.")
    gp: Literal["ROL"] = Field(default="ROL", description="ROL with ROL-3 = ODRP.")
    gp_rpps_types: tuple[str, ...] = Field(default=("RPPS", "IDNPS"), description="XCN-13.")
    exit: Exits
    release: PlannedReleases = PlannedReleases()
    consent: tuple[ConsentRow, ...] = ()
    protection: tuple[ProtectionRow, ...] = ()
    gp_confirmed: tuple[GpConfirmedRow, ...] = ()
    document: Documents


class UnitCode(Value):
    """One UF of a USMP."""

    code: str
    half: Half


class Usmp(Value):
    """A prison health unit: its codes in the messages."""

    name: str
    unit: tuple[UnitCode, ...]


class Units(Value):
    """units.toml."""

    usmp: dict[str, Usmp]
    destination: dict[str, ExitKind] = Field(
        default_factory=dict,
        description="FINESS of PV1-37 to what going there means: prison, hospital.",
    )

    @model_validator(mode="after")
    def _each_code_once(self) -> "Units":
        seen: dict[str, str] = {}
        for key, usmp in self.usmp.items():
            for unit in usmp.unit:
                if unit.code in seen:
                    raise ValueError(
                        f"unit code {unit.code} is given to {seen[unit.code]} and {key}"
                    )
                seen[unit.code] = key
        return self

    def care_of(self, code: str) -> Care | None:
        """The USMP and half of a UF; None: not a prison health unit."""
        for key, usmp in self.usmp.items():
            for unit in usmp.unit:
                if unit.code == code:
                    return Care(usmp=key, half=unit.half)
        return None


class Dialect(Value):
    """A mapping folder, whole."""

    folder: str = Field(description="Its name: the key that listeners use.")
    mapping: DialectFile
    units: Units
    clinical: Clinical = Clinical()
