"""A JSON form and the store: whose stay it is about, and the fact that it makes.

Every way in of a form passes here: a watched folder, by way of the journal, and the command line.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from engine.knowledge import Knowledge
from engine.model.fact import DocumentAction, DocumentForm, DocumentPublished, Heard
from engine.model.form import LetterForm
from engine.model.people import Professional
from engine.model.stay import Stay
from engine.model.summary import Source
from engine.store.interface import Tx

# LOINC: a discharge letter. Which half wrote it is told by the form itself.
TYPE_CODE: Final = "11490-0"


class FormRefusedError(Exception):
    """A form that is right in itself and cannot be placed. Its text names no patient."""

    def __init__(self, what: str, where: str, remedy: str) -> None:
        super().__init__(what)
        self.what, self.where, self.remedy = what, where, remedy


@dataclass(frozen=True, slots=True)
class Placed:
    """A form, and whose it is."""

    patient: str  # the surviving key
    stay: Stay
    heard: Heard
    digest: str  # SHA-256 of the content
    content: bytes  # canonical JSON of the items

    def keep(self, tx: Tx) -> None:
        """Write the fact and its bytes."""
        tx.facts.put_blob(self.content, self.patient)
        tx.facts.add([self.heard])


def place(
    tx: Tx,
    knowledge: Knowledge,
    form: LetterForm,
    *,
    heard_at: datetime,
    now: datetime,
    journal_id: int | None = None,
) -> Placed:
    """Find the stay that a form is about. Raises FormRefusedError."""
    patient = _patient(tx, form)
    stays = knowledge.scene(tx, patient, now).record.stays
    stay = next((one for one in reversed(stays) if form.visit in one.visits), None)
    if stay is None:
        raise FormRefusedError(
            "That visit is no stay of this patient in a prison health unit.",
            "/visit",
            "give the visit number (PV1-19) of the stay; see: relais why",
        )
    for one in stay.documents:
        if one.document in (form.document, form.replaces) and one.half is not form.half:
            raise FormRefusedError(
                "The document of that number is the other half's.",
                "/document" if one.document == form.document else "/replaces",
                "give the form a number of its own",
            )
    # A record may count anew with each stay; a form's number is its writer's own.
    for other in stays:
        for document in other.documents if form.visit not in other.visits else ():
            if document.document in (form.document, form.replaces) and not form.withdraw:
                raise FormRefusedError(
                    "The document of that number is of another stay.",
                    "/document" if document.document == form.document else "/replaces",
                    "give the form a number of its own, or the visit of that stay",
                )
    content = form.items.model_dump_json(exclude_defaults=True).encode()
    digest = hashlib.sha256(content).hexdigest()
    fact = _fact(form, digest)
    heard = Heard(
        patient=patient,
        fact=fact,
        # A clock that runs ahead must not outrank for years what is said after it. What takes
        # words back counts from when it came: an older date on it does not undo it.
        recorded_at=(
            min(form.written_at, heard_at) if form.validated and not form.withdraw else heard_at
        ),
        # Of two forms written at one time the one that came later corrects the other.
        sender_order=f"{_instant(heard_at)}|{str(journal_id or '').zfill(24)}",
        heard_at=heard_at,
        journal_id=journal_id,
    )
    return Placed(patient, stay, heard, digest, content)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _patient(tx: Tx, form: LetterForm) -> str:
    number, authority = form.patient.number, form.patient.authority
    like = tx.facts.patients_like(f"{number}|{authority}" if authority else number)
    found = sorted({tx.facts.root(one) for one in like})
    if len(found) == 1:
        return found[0]
    if not found:
        raise FormRefusedError(
            "No patient of that number is known.",
            "/patient",
            "give number and authority as PID-3 carries them, once the record has told of the "
            "arrival",
        )
    raise FormRefusedError(
        "Several patients have that number, in different numbering domains.",
        "/patient",
        "give the authority, too",
    )


def _fact(form: LetterForm, content: str) -> DocumentPublished:
    action = DocumentAction.ADD
    if form.withdraw:
        action = DocumentAction.WITHDRAW
    elif form.replaces is not None:
        action = DocumentAction.REPLACE
    return DocumentPublished(
        document=form.document,
        replaces=form.replaces,
        action=action,
        visit=form.visit,
        half=form.half,
        type_code=TYPE_CODE,
        form=DocumentForm.SUMMARY,
        content=content,
        written_at=form.written_at,
        validated=form.validated,
        author=Professional(
            rpps=form.author.rpps, family=form.author.family, given=form.author.given
        ),
        source=Source.FORM,
    )
