"""What the hospital's record is told of a letter: a copy once it has left, a receipt if it asked.

Each is a delivery of its own in the outbox, with its own state and retries, queued in the
transaction that made it due: the one that wrote that the letter left, or was refused. Its id
derives from the letter's, so that it is queued once.

What can go wrong
    The message cannot be made: a fault of ours, or a letter whose files are no longer kept. A
    person hears of it, and what the transaction was for is written all the same.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Literal

import structlog

from engine.knowledge import Knowledge
from engine.model.channel import Record
from engine.model.config import Hospital
from engine.model.errors import EngineError
from engine.model.fact import DocumentPublished
from engine.model.flow import COPY, Delivery, DeliveryState, message_about
from engine.model.letter import LetterKind
from engine.model.people import QUALIFIED
from engine.model.policy import Mode
from engine.model.receipt import Kept, ReceiptKind
from engine.model.stay import visit_of_key
from engine.model.task import TaskKind, WantedTask
from engine.model.trail import AuditKind
from engine.store.interface import Tx
from engine.wire import hl7
from engine.wire.hl7_documents import Flag, flags_of
from engine.wire.mdm import Copy, Ends, write_mdm
from engine.wire.zam import Zam, ZamKind, smtp_error, write_zam

RECORD: Final = "record"  # the channel of these messages; no [channels.*] may have its name

_NOT_DELIVERED: Final = (DeliveryState.REJECTED, DeliveryState.EXPIRED)
_NO_ANSWER: Final = "441"  # SMTPERRORCODE: no answer
_UNTOLD: Final = 906  # applicationErrorCondition: another error
_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")

log = structlog.get_logger("record")


@dataclass(frozen=True, slots=True)
class DocumentType:
    """What a kind of letter is: its code, the code's name, the OID of the code system."""

    code: str
    name: str
    system: str


@dataclass(frozen=True)
class Teller:
    """Queues what the record is told. One for each settings file."""

    record: Record
    hospital: Hospital
    knowledge: Knowledge
    types: Mapping[LetterKind, DocumentType]

    def left_or_refused(self, tx: Tx, letter: str, now: datetime) -> None:
        """A letter may have moved: queue what that calls for. Never raises but for the store."""
        row = tx.outbox.get(letter)
        if row is None or row.about or tx.receipts.forgotten(row.id):
            return  # of a patient who was forgotten the record is told nothing any more
        # On paper it has left once a person has posted it.
        if row.state is DeliveryState.RELAYED and not row.in_print_queue:
            self._queue(tx, row, now, COPY, partial(self._copy, tx, row, now))
        elif row.state in _NOT_DELIVERED and self.record.receipts:
            self._refused(tx, row, now)

    def came_back(self, tx: Tx, row: Delivery, kept: Kept, now: datetime) -> None:
        """A report about a letter was kept: a delivery or its failure is Z02, a reading or the
        refusal of the doctor's software Z03. Others say neither, and nor do those of a mailbox
        that the letter was not sent to."""
        said = kept.receipt
        if not self.record.receipts or kept.other_box:
            return
        match said.kind:
            case ReceiptKind.DELIVERED:
                zam = Zam(ZamKind.DELIVERY, "", positive=True)
            case ReceiptKind.FAILED:
                code = str(smtp_error(said.code, said.status))
                zam = Zam(ZamKind.DELIVERY, "", positive=False, code=code, words="not delivered")
            case ReceiptKind.DISPLAYED | ReceiptKind.FILED:
                zam = Zam(ZamKind.READING, "", positive=True)
            case ReceiptKind.REFUSED:
                code = str(said.code or _UNTOLD)
                zam = Zam(ZamKind.READING, "", positive=False, code=code, words="not filed")
            case _:
                return
        self.receipt(tx, row, zam.kind, zam, now)

    def receipt(
        self, tx: Tx, row: Delivery, kind: ZamKind, zam: Zam, now: datetime, attempt: str = ""
    ) -> None:
        """Tell those senders of its documents who asked for this kind of receipt: what came back
        about a letter (a report of delivery: Z02, of reading: Z03). ``zam.answers`` is filled in
        here, one message each. ``attempt``: of that one alone; another that fails is told anew."""
        wanted = Flag.ACK_LECTURE_MSS if kind is ZamKind.READING else Flag.ACK_RECEPTION
        for number in _asked(tx, row, wanted):
            one = Zam(kind, number, zam.positive, row.intended, zam.code, zam.words)
            name = f"{kind.value}:{number}:{'Y' if zam.positive else 'N'}{attempt}"
            self._queue(tx, row, now, name, partial(self._zam, one, now))

    def _refused(self, tx: Tx, row: Delivery, now: datetime) -> None:
        """The operator refused it at once, or took it at no attempt until it was too old: what a
        report of a failure would say later."""
        closed = [one for one in tx.outbox.attempts(row.id) if one.outcome not in ("", "accepted")]
        last = closed[-1] if closed else None
        refused = row.state is DeliveryState.REJECTED
        if row.possibly_sent or (refused and last is None):
            return
        if last is not None and (last.code or last.status or refused):
            code = str(smtp_error(last.code, last.status))
        else:
            code = _NO_ANSWER
        words = "refused" if refused else "not delivered in time"
        zam = Zam(ZamKind.DELIVERY, "", positive=False, code=code, words=words)
        self.receipt(tx, row, ZamKind.DELIVERY, zam, now, f":{row.attempts}")

    def _queue(
        self, tx: Tx, row: Delivery, now: datetime, what: str, make: Callable[[str], bytes]
    ) -> None:
        ident = message_about(row.id, what)
        if tx.outbox.get(ident) is not None:
            return
        try:
            message = make(ident)
        except Exception as error:  # the outcome of the letter must be written whatever this does
            log.error("record-not-told", delivery=row.id, error=type(error).__name__)
            tx.tasks.raise_(
                WantedTask(
                    key=f"record:{ident}",
                    kind=TaskKind.RECORD_NOT_TOLD,
                    patient=row.patient,
                    stay=row.stay,
                    about=ident,
                ),
                now,
                why=error.what if isinstance(error, EngineError) else type(error).__name__,
            )
            return
        tx.outbox.add(_delivery(row, ident, len(message), now), message, {})
        tx.audit.append(
            AuditKind.RECORD_TOLD,
            now=now,
            patient=row.patient,
            stay=row.stay,
            subject=f"delivery {ident}",
            about=row.id,
            what=what.partition(":")[0],
            bytes=len(message),
        )

    def _ends(self) -> Ends:
        record = self.record
        test = self.knowledge.policy.mode is Mode.TEST
        processing: Literal["P", "T"] = "T" if test else "P"
        return Ends(
            application=self.hospital.software_id,
            facility=record.own_facility or self.hospital.finess,
            to_application=record.application,
            to_facility=record.facility,
            processing=processing,
            profile=record.profile,
            enhanced=record.enhanced,
        )

    def _zam(self, zam: Zam, now: datetime, ident: str) -> bytes:
        return write_zam(zam, ident, now, self._ends())

    def _copy(self, tx: Tx, row: Delivery, now: datetime, ident: str) -> bytes:
        files = tx.outbox.files(row.id)
        cda = files.get("cda.xml") if self.record.content == "cda" else None
        hidden = files.get("metadata.xml", b"")
        traits = self.knowledge.traits(tx, row.patient)
        key, _, oid = row.patient.partition("|")
        kind = self.types[row.letter_kind]
        qualified = QUALIFIED in (traits.identity_status or ())
        boxes = self.knowledge.doctors.named(row.rpps)
        name = f"{boxes[0].family}^{boxes[0].given}" if boxes else "^"
        copy = Copy(
            control_id=ident,
            at=now,
            ipp=key,
            ipp_oid=oid,
            assigner=self.record.assigner,
            ins=traits.ins if qualified else None,
            family=traits.birth_family or "",
            given=traits.birth_given or "",
            given_all=traits.birth_given_all or "",
            birth_date=traits.birth_date or "",
            sex=traits.sex or "U",
            status=QUALIFIED if qualified else "",
            visit=visit_of_key(row.stay),
            visit_oid=self.hospital.visit_oid,
            type_code=kind.code,
            type_name=kind.name,
            type_system=kind.system,
            document=row.document_oid,
            replaces=self._copied_before(tx, row) if self.record.replacements else "",
            sent_at=row.closed_at or now,
            content=files["letter.pdf"] if cda is None else cda,
            is_cda=cda is not None,
            hospital=self.hospital.name,
            finess=self.hospital.finess,
            recipient_rpps=row.rpps,
            recipient_name=name,
            recipient_address="" if row.intended.endswith(".invalid") else row.intended,
            masked=b'"MASQUE_PS"' in hidden,
            hidden_from_patient=b'"INVISIBLE_PATIENT"' in hidden,
            hidden_from_parents=b'"INVISIBLE_REPRESENTANTS_LEGAUX"' in hidden,
        )
        return write_mdm(copy, self._ends())

    @staticmethod
    def _copied_before(tx: Tx, row: Delivery) -> str:
        """The number of the version before, which the CDA names, if the record has its copy."""
        for one in tx.outbox.of_patient(row.patient):
            if one.set_oid == row.set_oid and one.version == row.version - 1:
                copy = tx.outbox.get(message_about(one.id, COPY))
                if copy is not None and copy.state is DeliveryState.RELAYED:
                    return one.document_oid
        return ""


def answered(tx: Tx, zam: Zam, now: datetime, source: str) -> Delivery | None:
    """A system of the hospital says what became of a message of ours: a line in the audit, and a
    task when it says no. None: it is about none of ours. Said twice, it is told twice and asked
    once; about a patient who was forgotten, it is told and asks nobody."""
    row = tx.outbox.get(zam.answers)
    if row is None or not row.about:
        return None
    tx.audit.append(
        AuditKind.RECORD_ANSWERED,
        now=now,
        actor=source,
        patient=row.patient,
        stay=row.stay,
        subject=f"delivery {row.id}",
        receipt=zam.kind.value,
        positive=zam.positive,
        code=zam.code if _CODE.fullmatch(zam.code) else "",
    )
    if not zam.positive and not tx.receipts.forgotten(row.id):
        tx.tasks.raise_(
            WantedTask(
                key=f"zam:{row.id}:{zam.kind.value}",
                kind=TaskKind.RECORD_REFUSED,
                patient=row.patient,
                stay=row.stay,
                about=row.id,
            ),
            now,
        )
    return row


def _asked(tx: Tx, row: Delivery, wanted: Flag) -> list[str]:
    """MSH-10 of the messages that brought a document of this letter and asked for a receipt."""
    contents = {part.partition(":")[2] for part in row.parts}
    numbers: list[str] = []
    for heard in tx.facts.of_patient(row.patient):
        if not isinstance(heard.fact, DocumentPublished) or heard.fact.content not in contents:
            continue
        entry = tx.journal.get(heard.journal_id) if heard.journal_id is not None else None
        if entry is None or not entry.kept or not entry.control_id:
            continue  # typed in by a person, or its bytes are purged
        try:
            flags = flags_of(hl7.read(entry.raw))
        except EngineError:
            continue  # a character set of the sender's own: no flag is sure
        if any(one.flag is wanted and one.value == "Y" for one in flags):
            numbers.append(entry.control_id)
    return list(dict.fromkeys(numbers))


def _delivery(row: Delivery, ident: str, size: int, now: datetime) -> Delivery:
    """The addresses are the letter's: they tell whom it is about, and pass the guard of test mode.
    No mail goes there: the channel is the record's."""
    return Delivery(
        id=ident,
        letter_kind=row.letter_kind,
        patient=row.patient,
        stay=row.stay,
        rpps=row.rpps,
        version=row.version,
        parts=row.parts,
        statement=row.statement,
        purposes=row.purposes,
        discreet=row.discreet,
        channel=RECORD,
        sender=row.sender,
        address=row.address,
        intended=row.intended,
        message_id=f"<{ident}@{row.sender.rpartition('@')[2]}>",
        document_oid=row.document_oid,
        set_oid=row.set_oid,
        size=size,
        state=DeliveryState.QUEUED,
        created_at=now,
        due_at=now,
        attempts=0,
        possibly_sent=False,
        closed_at=None,
        reason="",
        about=row.id,
    )
