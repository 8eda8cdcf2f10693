"""What every look at a letter in the making needs: the stay, its documents, what they say."""

from typing import Any

from engine.commands.context import Context, find_patient, refused, text_of, words_of
from engine.decide.letters import read_items
from engine.decide.scene import Scene
from engine.model.fact import DocumentForm
from engine.model.stay import Document, Stay
from engine.model.summary import Contribution, Said
from engine.model.trail import AuditKind
from engine.store.interface import Tx


def find_stay(context: Context, tx: Tx, args: dict[str, Any]) -> tuple[Scene, Stay]:
    """The one stay of a visit number; ``VISIT@USMP#2`` where one visit had several."""
    text, number = text_of(args, "stay"), words_of(args, "patient")
    visit = text.partition("@")[0]
    if number is not None:
        roots = {find_patient(tx, number)}
    else:
        rows = tx.facts.all_stays()
        roots = {one.patient for one in rows if _visit_part(one.key).endswith(f"/{visit}")}
    found: list[tuple[Scene, Stay]] = []
    for root in sorted(roots):
        scene = context.knowledge.scene(tx, root, context.now())
        found += [
            (scene, one)
            for one in scene.record.stays
            if text in one.visits
            or one.key.endswith(f"/{text}")
            or one.key.rpartition("#")[0].endswith(f"/{text}")
        ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise refused(
            "No stay of that visit is known.",
            where="the visit number",
            remedy="give the visit number (PV1-19) and --patient; see: relais why",
        )
    if len({stay.key.rpartition("/")[0] for _, stay in found}) > 1:
        remedy = "add --patient"
    else:
        names = sorted(stay.key.rpartition("/")[2] for _, stay in found)
        remedy = f"one of: {', '.join(names)}"
    raise refused("Several stays have that visit number.", where="the visit number", remedy=remedy)


def _visit_part(key: str) -> str:
    return key.rpartition("@")[0]


def tell_look(context: Context, tx: Tx, scene: Scene, stay: Stay, what: str, **detail: str) -> None:
    """The line of the audit: somebody read about this patient."""
    patient = scene.record.person.patient
    context.audit(tx, AuditKind.READ, patient=patient, stay=stay.key, what=what, **detail)


def documents_of(tx: Tx, stay: Stay) -> list[tuple[Document, bytes]]:
    """The documents of a stay, each with its bytes."""
    return [(one, tx.facts.blob(one.content)) for one in stay.documents]


def said_in(one: Document) -> Said:
    """Where what a document says comes from."""
    return Said(
        source=one.source,
        reference=one.document,
        at=one.written_at,
        author=one.author,
        validated=one.validated,
    )


def contribution_of(one: Document, content: bytes) -> Contribution | None:
    """None: a PDF, a document of neither half, or one that this version cannot read."""
    if one.half is None or one.form is DocumentForm.PDF:
        return None
    try:
        items = read_items(one.form, content)
    except ValueError:  # it quotes the document: it must not reach a log
        return None
    return Contribution(half=one.half, said=said_in(one), items=items)
