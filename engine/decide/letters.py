"""From a decision to the letter it calls for: the one source of all its renderings."""

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from engine.decide import gate
from engine.decide.capacity import secret
from engine.decide.clinical import agreeing, gathered
from engine.decide.plan import Send
from engine.decide.scene import Scene
from engine.model.config import Hospital
from engine.model.errors import ComposeError
from engine.model.fact import DocumentForm, Half, Visibility
from engine.model.letter import (
    HEADINGS,
    THREAD_OF,
    Annex,
    Letter,
    LetterKind,
    LetterPatient,
    Replaced,
    Signatory,
    UnitFace,
)
from engine.model.people import Mailbox, Professional
from engine.model.policy import Mode, Policy
from engine.model.stay import Document, Person, Stay, unit_of_key, visit_of_key
from engine.model.summary import Contribution, ExitSummary, Items, Narrative, Said, Source

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
    """Build the letter of a decision.

    ``contents`` holds the documents' bytes by SHA-256: those of the decision, and those of the
    version that it replaces as far as they are still kept. Raises ComposeError.
    """
    # None: a letter is taken back whose stay no longer exists.
    stay = next((one for one in scene.record.stays if one.key == send.stay), None)
    say, person = send.say, scene.record.person
    kind = say.kind
    unit = _face(scene.policy.units[unit_of_key(send.stay)], send)
    documents = _chosen(stay, {str(part) for part in say.parts}) if stay else []
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
        replaces=_replaced(send, contents, stay.background if stay else ()),
        issued_at=now,
        patient=_patient(person, scene.policy, hospital),
        recipient=say.mailbox,
        unit=unit,
        discreet=say.discreet,
        visit=stay.visit if stay else visit_of_key(send.stay),
        visit_oid=hospital.visit_oid,
        arrived_at=stay.arrived_at if stay else send.replaces.created_at if send.replaces else now,
        left_at=stay.exit.at if stay and stay.exit and tells_exit else None,
        summary=_summary(send, stay, unit, documents, contents) if stay else ExitSummary(),
        annexes=tuple(
            Annex(
                half=one.half,
                heading=HEADINGS[one.half],
                pdf=contents[one.content],
                author=_signatory(_known(one.author, unit)),
                written_at=one.written_at,
            )
            for one in documents
            if one.form is DocumentForm.PDF and one.half is not None
        ),
        visibility=_hidden(documents, secret_care=secret(person, now)),
        withheld=say.withheld,
    )


def _face(unit: UnitFace, send: Send) -> UnitFace:
    """The one that the letter shows. ComposeError where there is none: never the other one."""
    if not send.say.discreet:
        return unit
    if unit.neutral is None:
        raise ComposeError(
            where=f"delivery {send.delivery}, {send.say.kind.value}, version {send.version}",
            effect="no mail was made of this letter",
            remedy="add the neutral table of its unit to relais.toml, then reload",
            what="The letter must not tell the detention, and its unit has no neutral face.",
        )
    return unit.neutral


def _hidden(documents: list[Document], *, secret_care: bool) -> tuple[Visibility, ...]:
    """What the authors hid; and from the parents, where a minor's care is secret."""
    found = {hidden for one in documents for hidden in one.visibility}
    if secret_care:
        found.add(Visibility.INVISIBLE_REPRESENTANTS_LEGAUX)
    return tuple(hidden for hidden in Visibility if hidden in found)


def _chosen(stay: Stay, wanted: set[str]) -> list[Document]:
    """The documents of the decision (``Document.part``), each part once: somatic part first, then
    by date. The same bytes may be of both halves, or lie there unvalidated, too."""
    found: dict[str, Document] = {}
    for one in stay.documents:
        if one.usable and one.part in wanted:
            found.setdefault(one.part, one)  # of one content the first document counts
    return sorted(found.values(), key=lambda one: (one.half != Half.DSS, one.written_at))


def _summary(
    send: Send,
    stay: Stay,
    unit: UnitFace,
    documents: list[Document],
    contents: Mapping[str, bytes],
) -> ExitSummary:
    """What the documents say, then what messages said of the halves that have a part here.

    The background never opens a half: the patient's agreement was looked up for the documents.
    """
    written = [
        Contribution(
            half=one.half,
            said=Said(
                source=one.source,
                reference=one.document,
                at=one.written_at,
                author=_known(one.author, unit),
                validated=one.validated,
            ),
            items=_items(send, one.form, contents[one.content]),
        )
        for one in documents
        if one.form is not DocumentForm.PDF and one.half is not None
    ]
    halves = {part.half for part in send.say.parts}
    pages = any(one.form is DocumentForm.PDF for one in documents)
    heard = gathered(stay.background, written, halves, unread=pages)
    return ExitSummary(contributions=agreeing((*written, *heard), stay.background))


def read_items(form: DocumentForm, content: bytes) -> Items:
    """What a document that is no PDF says. Raises ValueError, which may quote the document."""
    if form is DocumentForm.SUMMARY:
        return Items.model_validate_json(content)
    return Items(narratives=(Narrative(text=content.decode()),))


def _items(send: Send, form: DocumentForm, content: bytes) -> Items:
    """What one document says. ComposeError, without a word of it, when it cannot be read."""
    try:
        return read_items(form, content)
    except ValueError:  # of pydantic or of the decoder: both quote the document
        raise ComposeError(
            where=f"delivery {send.delivery}, {send.say.kind.value}, version {send.version}",
            effect="no mail was made of this letter",
            remedy="report it: this version of the program should read what it wrote",
            what="A document of the store cannot be read.",
        ) from None


def _replaced(
    send: Send, contents: Mapping[str, bytes], background: Sequence[Contribution]
) -> Replaced | None:
    before = send.replaces
    if before is None:
        return None
    had = [(Half(half), content) for half, _, content in (p.partition(":") for p in before.parts)]
    has = [(part.half, part.content) for part in send.say.parts]
    halves = {half for half, _ in had}
    return Replaced(
        document_oid=before.document_oid,
        version=before.version,
        message_id=before.message_id,
        issued_at=before.created_at,
        halves=tuple(half for half in Half if half in halves),
        modified=tuple(
            half
            for half in Half
            if half in halves
            and half in {one for one, _ in has}
            and {c for h, c in had if h is half} != {c for h, c in has if h is half}
        ),
        summary=_said_before(send, before.created_at, had, contents, background),
    )


def _said_before(
    send: Send,
    at: datetime,
    had: list[tuple[Half, str]],
    contents: Mapping[str, bytes],
    background: Sequence[Contribution],
) -> ExitSummary | None:
    """What the version before said, as far as its documents are still here and can be read.

    A replaced document is no longer among those of the stay: its form shows in its bytes.
    """
    found = []
    for half, content in sorted(had, key=lambda one: one[0] is not Half.DSS):
        data = contents.get(content)
        if data is None:
            return None
        if data.startswith(b"%PDF-"):
            continue
        form = DocumentForm.SUMMARY if _is_summary(data) else DocumentForm.TEXT
        said = Said(source=Source.DOCUMENT, reference=content, at=at, validated=True)
        try:
            items = _items(send, form, data)
        except ComposeError:
            return None
        found.append(Contribution(half=half, said=said, items=items))
    return ExitSummary(contributions=agreeing(found, background))


def _is_summary(data: bytes) -> bool:
    try:
        Items.model_validate_json(data)
    except ValueError:
        return False
    return True


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


def _known(author: Professional | None, unit: UnitFace) -> Professional | None:
    """The author, with the specialty that the settings tell of the unit's own physician."""
    who = unit.responsible
    if author is None or author.specialty_code or author.rpps != who.rpps:
        return author
    return author.model_copy(
        update={"specialty_code": who.specialty_code, "specialty": who.specialty}
    )


def _signatory(author: Professional | None) -> Signatory | None:
    if author is None:
        return None
    return Signatory(
        rpps=author.rpps or author.other_id or "",
        family=author.family,
        given=author.given,
        specialty_code=author.specialty_code,
        specialty=author.specialty,
    )
