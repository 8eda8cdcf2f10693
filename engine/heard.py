"""What a message that was read leaves in the store, and whom it concerns besides its patient.

Each inside the transaction that writes that the message was read (engine.process).
"""

from datetime import datetime

from engine.mapping.reading import Reading
from engine.model.consent import ConsentStated
from engine.model.fact import (
    AccountMoved,
    GpConfirmed,
    Heard,
    IdentifierChanged,
    MovementStated,
    PatientsMerged,
)
from engine.model.trail import AuditKind
from engine.store.interface import Entry, Tx


def keep(tx: Tx, reading: Reading) -> bool:
    """Links, documents' bytes, facts. False: a link was refused, and nothing was kept of it."""
    for heard in reading.facts:
        match heard.fact:
            case PatientsMerged(eliminated=old) | IdentifierChanged(eliminated=str(old)):
                # A test message never joins two real patients.
                if not heard.test and not tx.facts.link(old, heard.patient):
                    return False
            case _:
                pass
    for data in reading.blobs.values():
        tx.facts.put_blob(data, reading.facts[0].patient)
    tx.facts.add(reading.facts)
    tx.facts.add(_of_moved_accounts(tx, reading))
    return True


def _of_moved_accounts(tx: Tx, reading: Reading) -> list[Heard]:
    """What an A44 has the other of its two patients hear too: that the stay left, or its movements,
    those that are told late included. Agreements stay behind: they are asked for anew."""
    found: list[Heard] = []
    for heard in reading.facts:
        match heard.fact:
            case AccountMoved() as moved:
                found.append(heard.model_copy(update={"patient": moved.former}))
                found += [
                    one.model_copy(update={"patient": moved.to, "journal_id": heard.journal_id})
                    for one in tx.facts.of_patient(tx.facts.root(moved.former))
                    if isinstance(one.fact, MovementStated) and one.fact.account == moved.account
                ]
            case MovementStated(account=str(account)):
                found += [
                    heard.model_copy(update={"patient": one.fact.to})
                    for one in tx.facts.of_patient(tx.facts.root(heard.patient))
                    if isinstance(one.fact, AccountMoved)
                    and one.fact.account == account
                    and one.fact.former == heard.patient
                ]
            case _:
                pass
    return found


def also_concerned(tx: Tx, patient: str, reading: Reading | None) -> set[str]:
    """Other patients to decide about anew: both of an A44, who has its account now, and those of a
    file with a line for each."""
    if reading is None:
        return set()
    told = list(reading.facts)
    if any(isinstance(one.fact, MovementStated) and one.fact.account for one in told):
        told += tx.facts.of_patient(tx.facts.root(patient))
    moves = [one.fact for one in told if isinstance(one.fact, AccountMoved)]
    named = {heard.patient for heard in reading.facts}
    return (named | {key for moved in moves for key in (moved.former, moved.to)}) - {patient}


def tell_agreements(tx: Tx, entry: Entry, reading: Reading, now: datetime) -> None:
    """Each agreement, and each doctor confirmed, that a message states has its own audit line."""
    for heard in reading.facts:
        said = {"patient": heard.patient, "subject": f"journal {entry.id}"}
        match heard.fact:
            case ConsentStated() as consent:
                tx.audit.append(
                    AuditKind.CONSENT_RECORDED,
                    now=now,
                    actor=entry.source,
                    purpose=consent.purpose.value,
                    state=consent.state.value,
                    recipient=consent.recipient,
                    said_at=consent.at.isoformat(),
                    how=consent.how.value,
                    language=consent.language,
                    voice=consent.voice.value,
                    **said,
                )
            case GpConfirmed():
                tx.audit.append(AuditKind.GP_CONFIRMED, now=now, actor=entry.source, **said)
            case _:
                pass
