"""What was heard: the closed union of facts, and the envelope that says where each came from.

A fact is what a message or a person said, once the dialect of the source is undone. Facts are
kept for ever and never changed; the state of a stay is a fold over them (decide.fold).
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from engine.model.capacity import ProtectionStated
from engine.model.care import Care, Half
from engine.model.clinical import ClinicalStated
from engine.model.consent import ConsentStated
from engine.model.people import Professional, Traits
from engine.model.release import ReleasePlanned
from engine.model.summary import Source
from engine.model.value import Value

__all__ = [
    "Action", "Care", "ClinicalStated", "ConsentStated", "DocumentAction", "DocumentForm",
    "DocumentPublished", "ExitKind", "ExitKindDecided", "Fact", "GpConfirmed", "GpDisowned",
    "GpFound", "GpSource", "GpStated", "Half", "Heard", "IdentifierChanged",
    "IdentityStatusSeen", "MovementStated", "PatientsMerged", "PersonStated", "ProtectionStated",
    "ReleasePlanned",
]  # fmt: skip


class Action(StrEnum):
    """ZBE-4."""

    INSERT = "INSERT"
    UPDATE = "UPDATE"
    CANCEL = "CANCEL"


class ExitKind(StrEnum):
    """What the way out means. Closed: what does not fit is UNKNOWN, and a person decides."""

    RELEASE = "release"
    TRANSFER = "transfer"
    HOSPITAL = "hospital"
    DEATH = "death"
    ESCAPE = "escape"
    EXPULSION = "expulsion"
    LEAVE = "leave"
    UNKNOWN = "unknown"


class PersonStated(Value):
    """Traits of the person (any ADT carries them; A28, A31 and A08 carry nothing else)."""

    kind: Literal["person"] = "person"
    traits: Traits
    removed: tuple[str, ...] = Field(
        default=(), description='Names of the traits that the message deletes (`""`).'
    )


class IdentityStatusSeen(Value):
    """PID-32 but for VALI, of a message that is not about the person (a document, an order…).

    It takes a VALI away and may add a doubt; it never brings a VALI nor lifts a doubt, which the
    ADT of the identity's own system do (PersonStated).
    """

    kind: Literal["identity-status"] = "identity-status"
    status: tuple[str, ...] = Field(min_length=1, description="PID-32.")


class GpStated(Value):
    """The declared médecin traitant, or its removal. Source: ROL with ROL-3 = ODRP."""

    kind: Literal["gp"] = "gp"
    gp: Professional | None = Field(description="None: ROL-2 = DE, or an empty ROL-4.")


class GpConfirmed(Value):
    """A person, or a mapped segment, says that this doctor is the right one."""

    kind: Literal["gp-confirmed"] = "gp-confirmed"
    rpps: str = Field(default="", repr=False, description="Empty: the doctor whom `named` names.")
    named: Professional | None = Field(
        default=None, repr=False, description="As the message that confirms names the doctor."
    )
    at: AwareDatetime
    by: str = Field(repr=False)


class GpSource(StrEnum):
    """Where a person looked for the médecin traitant."""

    AMELIPRO = "amelipro"  # the insurer's portal
    PATIENT = "patient"  # the patient's own word, or papers


class GpFound(Value):
    """What a person found out about the médecin traitant outside the record, and brought back."""

    kind: Literal["gp-found"] = "gp-found"
    source: GpSource
    gp: Professional | None = Field(
        default=None, repr=False, description="None: `none` tells whether the patient has none."
    )
    none: bool = Field(default=False, description="The source says that the patient has none.")
    at: AwareDatetime
    by: str = Field(repr=False)


class GpDisowned(Value):
    """A doctor says: not my patient. Nothing goes to that doctor until a person confirms anew."""

    kind: Literal["gp-disowned"] = "gp-disowned"
    rpps: str = Field(repr=False)
    at: AwareDatetime
    by: str = Field(repr=False, description="Who said so here, or the receipt that did.")


class MovementStated(Value):
    """A movement (ZBE) of the patient, inserted, updated or cancelled.

    Source  ADT A01 to A07, A11 to A13, A21, A22, A38, Z99. Spec: PAM FR 2.11, sections 5 and 7.
    """

    kind: Literal["movement"] = "movement"
    movement: str = Field(description="ZBE-1.1; derived from visit, event and date where absent.")
    visit: str = Field(repr=False, description="PV1-19.1.")
    account: str | None = Field(default=None, repr=False, description="PID-18.1.")
    action: Action
    event: str = Field(description="The event that the movement is: A01, A03… (ZBE-6 on Z99).")
    at: AwareDatetime = Field(description="ZBE-2: when it takes effect.")
    historic: bool = Field(default=False, description="ZBE-5 = Y.")
    unit: str | None = Field(default=None, description="UF code that placed the patient.")
    care: Care | None = Field(default=None, description="None: not a prison health unit.")
    patient_class: str | None = Field(default=None, description="PV1-2.")
    exit_kind: ExitKind | None = Field(default=None, description="On A03 and A21 alone.")
    exit_evidence: tuple[str, ...] = Field(default=(), description="Fields that told the kind.")


class PatientsMerged(Value):
    """A40: the patient of MRG-1 is from now on the patient of PID-3."""

    kind: Literal["merged"] = "merged"
    eliminated: str = Field(repr=False, description="MRG-1, as a patient key.")


class AccountMoved(Value):
    """A44: a stay was entered under the wrong patient; its account is from now on of another.

    Heard by both: the former patient loses the stay, the other one has it.
    """

    kind: Literal["account-moved"] = "account-moved"
    account: str = Field(repr=False, description="MRG-3.1, else PID-18.1.")
    former: str = Field(repr=False, description="MRG-1, as a patient key.")
    to: str = Field(repr=False, description="PID-3, as a patient key.")


class IdentifierChanged(Value):
    """A47: the old identifier, if it is a patient key, leads to the new one; an INS is dropped."""

    kind: Literal["identifier-changed"] = "identifier-changed"
    eliminated: str | None = Field(default=None, repr=False)
    ins_removed: bool = False


class DocumentForm(StrEnum):
    """What OBX-5 held, once read."""

    TEXT = "text"
    PDF = "pdf"
    SUMMARY = "summary"  # canonical JSON of model.summary.Items


class DocumentAction(StrEnum):
    """MDM T02 adds, T10 replaces, T04 withdraws."""

    ADD = "add"
    REPLACE = "replace"
    WITHDRAW = "withdraw"


class Visibility(StrEnum):
    """From whom a document is hidden: codes of the confidentialityCode of IHE XDM entries.

    Source  OBX of table MetaDMPMSS. Scheme 1.2.250.1.213.1.1.4.13.
    """

    MASQUE_PS = "MASQUE_PS"
    INVISIBLE_PATIENT = "INVISIBLE_PATIENT"
    INVISIBLE_REPRESENTANTS_LEGAUX = "INVISIBLE_REPRESENTANTS_LEGAUX"


class DocumentPublished(Value):
    """A document that the DPI wrote for the way out.

    Source  MDM^T02 (T10, T04), ORU^R01. The bytes lie in the store under ``content``.
    """

    kind: Literal["document"] = "document"
    document: str = Field(
        repr=False, description="TXA-12, or ClinicalDocument/id: root and extension joined."
    )
    replaces: str | None = Field(
        default=None, repr=False, description="TXA-13, or the CDA's relatedDocument RPLC."
    )
    also: tuple[str, ...] = Field(
        default=(),
        repr=False,
        description="Numbers of the same content at another level of CDA, which came with it: "
        "what is later said of them is said of this document.",
    )
    action: DocumentAction = DocumentAction.ADD
    visit: str | None = Field(default=None, repr=False, description="PV1-19.1.")
    half: Half | None = Field(description="None: neither half could be told; a person looks.")
    type_code: str = Field(description="TXA-2 or OBX-3.1, LOINC.")
    form: DocumentForm
    content: str = Field(description="SHA-256 (hex) of the bytes kept in the store.")
    written_at: AwareDatetime
    validated: bool = Field(
        description="TXA-17 is one of the mapping's validated states; of an ORU, OBX-11 is F or C."
    )
    masked: bool = Field(
        default=False,
        description="Kept from every doctor: MASQUE_PS = Y or DESTMSSANTEPS = N, or the message "
        "uses these flags and does not say N and Y.",
    )
    visibility: tuple[Visibility, ...] = Field(
        default=(), description="What the author hid, whether or not it bears on a doctor."
    )
    author: Professional | None = Field(default=None, repr=False)
    source: Source = Field(default=Source.DOCUMENT, description="An MDM or ORU, or the JSON form.")


class ExitKindDecided(Value):
    """A person told what a way out of unknown kind means."""

    kind: Literal["exit-kind-decided"] = "exit-kind-decided"
    visit: str = Field(repr=False, description="PV1-19.1: ZBE-1 alone may be used again.")
    movement: str
    exit_kind: ExitKind
    at: AwareDatetime
    by: str = Field(repr=False)


Fact = Annotated[
    PersonStated
    | IdentityStatusSeen
    | GpStated
    | GpConfirmed
    | GpFound
    | GpDisowned
    | MovementStated
    | PatientsMerged
    | AccountMoved
    | IdentifierChanged
    | DocumentPublished
    | ConsentStated
    | ProtectionStated
    | ClinicalStated
    | ExitKindDecided
    | ReleasePlanned,
    Field(discriminator="kind"),
]


class Heard(Value):
    """A fact, and where and when it was heard.

    ``recorded_at`` (EVN-2, else MSH-7) and ``sender_order`` (MSH-7 in UTC, ``|``, MSH-10) are the
    sender's: they order facts in the same way whatever the order of arrival. ``heard_at`` is
    ours, and only starts hold-back delays.
    """

    patient: str = Field(repr=False, description="Patient key: IPP value and its authority.")
    fact: Fact
    recorded_at: AwareDatetime
    sender_order: str = Field(default="", repr=False)
    heard_at: AwareDatetime
    journal_id: int | None = Field(default=None, description="None: said at the command line.")
    test: bool = Field(default=False, description="MSH-11 was not P.")
