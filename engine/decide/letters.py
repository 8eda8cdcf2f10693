"""From a decision to the letter it calls for: the one source of all its renderings."""

import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from engine.decide import gate
from engine.decide.plan import Send
from engine.decide.scene import Scene
from engine.model.config import Hospital
from engine.model.fact import DocumentForm, Half
from engine.model.letter import (
    THREAD_OF,
    Annex,
    Letter,
    LetterKind,
    LetterPatient,
    Replaced,
    Section,
    Signatory,
)
from engine.model.people import Mailbox, Professional
from engine.model.policy import Mode, Policy
from engine.model.stay import Document, Person, Stay, unit_of_key, visit_of_key

HEADINGS: Final = {
    Half.DSS: "Prise en charge somatique",
    Half.DSP: "Prise en charge psychiatrique",
}
_OID: Final = re.compile(r"[0-2](\.(0|[1-9]\d*))+")
# Name space of the identifiers that this engine mints; any constant would do.
_MINT: Final = uuid.UUID("6f1c1f0a-5f0e-5c55-9a53-52656c616973")


def mint_oid(*parts: str) -> str:
    """An OID under 2.25 (ITU-T X.667): the same for the same parts, whatever happens between."""
    return f"2.25.{uuid.uuid5(_MINT, chr(0).join(parts)).int}"


def message_id(delivery: str, sender: str) -> str:
    """The Message-ID of a delivery, in the sender's domain: the same at every attempt."""
    return f"<{delivery}@{sender.rpartition('@')[2]}>"


def address_for(mailbox: Mailbox, policy: Policy) -> str:
    """The doctor's mailbox; in test mode the first declared test mailbox."""
    return mailbox.address if policy.mode is Mode.PRODUCTION else policy.test_mailboxes[0]


def write(
    scene: Scene, send: Send, contents: Mapping[str, bytes], hospital: Hospital, now: datetime
) -> Letter:
    """Build the letter of a decision. ``contents`` holds the documents' bytes by SHA-256."""
    # None: a letter is taken back whose stay no longer exists.
    stay = next((one for one in scene.record.stays if one.key == send.stay), None)
    say, person = send.say, scene.record.person
    kind = say.kind
    documents = _chosen(stay, {part.content for part in say.parts}) if stay else []
    tells_exit = kind in (LetterKind.EXIT_NOTICE, LetterKind.EXIT_LETTER)
    return Letter(
        kind=kind,
        delivery=send.delivery,
        document_oid=mint_oid("document", send.delivery),
        set_oid=(
            send.replaces.set_oid
            if send.replaces
            else mint_oid("set", send.stay, THREAD_OF[kind], say.mailbox.rpps)
        ),
        version=send.version,
        replaces=_replaced(send),
        issued_at=now,
        patient=_patient(person, scene.policy, hospital),
        recipient=say.mailbox,
        unit=scene.policy.units[unit_of_key(send.stay)],
        visit=stay.visit if stay else visit_of_key(send.stay),
        visit_oid=hospital.visit_oid,
        arrived_at=stay.arrived_at if stay else send.replaces.created_at if send.replaces else now,
        left_at=stay.exit.at if stay and stay.exit and tells_exit else None,
        sections=tuple(
            Section(
                half=one.half,
                heading=HEADINGS[one.half],
                text=contents[one.content].decode(),
                author=_signatory(one.author),
                written_at=one.written_at,
            )
            for one in documents
            if one.form is DocumentForm.TEXT and one.half is not None
        ),
        annexes=tuple(
            Annex(
                half=one.half,
                heading=HEADINGS[one.half],
                pdf=contents[one.content],
                author=_signatory(one.author),
                written_at=one.written_at,
            )
            for one in documents
            if one.form is DocumentForm.PDF and one.half is not None
        ),
        withheld=say.withheld,
    )


def _chosen(stay: Stay, wanted: set[str]) -> list[Document]:
    """The documents of the decision: somatic part first, then by date."""
    return sorted(
        (one for one in stay.documents if one.content in wanted and one.half is not None),
        key=lambda one: (one.half != Half.DSS, one.written_at),
    )


def _replaced(send: Send) -> Replaced | None:
    before = send.replaces
    if before is None:
        return None
    return Replaced(
        document_oid=before.document_oid,
        version=before.version,
        message_id=before.message_id,
        issued_at=before.created_at,
    )


def _patient(person: Person, policy: Policy, hospital: Hospital) -> LetterPatient:
    traits = person.traits
    number, _, authority = person.patient.partition("|")
    return LetterPatient(
        ipp=number,
        ipp_oid=authority if _OID.fullmatch(authority) else hospital.patient_oid,
        ins=gate.qualified_ins(person, policy),
        birth_family=traits.birth_family or "",
        birth_given=traits.birth_given or "",
        birth_given_all=traits.birth_given_all or traits.birth_given or "",
        used_family=traits.used_family,
        used_given=traits.used_given,
        birth_date=traits.birth_date or "",
        sex=traits.sex or "U",
        birth_place_code=traits.birth_place_code,
    )


def _signatory(author: Professional | None) -> Signatory | None:
    if author is None:
        return None
    return Signatory(
        rpps=author.rpps or author.other_id or "", family=author.family, given=author.given
    )
