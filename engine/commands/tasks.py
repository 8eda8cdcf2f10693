"""What a person must do."""

from typing import Any, Final

from engine.commands.candidates import ABOUT_DOCTORS, told_doctor
from engine.commands.context import Context, limit_of, number_of, refused
from engine.commands.receipts import told_by_call
from engine.commands.release import words
from engine.decide.answers import ANSWERS, GO_ON, choices
from engine.decide.sentences import CURES, TASKS
from engine.model.fact import ExitKind, ExitKindDecided
from engine.model.task import RELEASE_KINDS, Task, TaskKind
from engine.model.trail import AuditKind
from engine.outbound.held import let_go
from engine.store.interface import Tx

# What a person compares of two patients who are alike.
_COMPARED: Final = (
    *("birth_family", "used_family", "birth_given", "birth_given_all", "birth_date", "sex"),
    *("birth_place_code", "identity_status"),
)


def listing(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Open tasks, or all. The patient number shows, so the look is a read of patient data."""

    def work(tx: Tx) -> dict[str, Any]:
        rows = tx.tasks.listing(only_open=not args.get("all"), limit=limit_of(args, 100))
        context.audit(tx, AuditKind.READ, what="task list", count=len(rows))
        return {"tasks": [told_task(one) for one in rows]}

    return context.store.write_sync(work)


def show(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """One task: what, why, and what to do."""
    number = number_of(args, "task")

    def work(tx: Tx) -> dict[str, Any]:
        one = _existing(tx, number)
        context.audit(
            tx, AuditKind.READ, subject=f"task {number}", patient=one.patient, what="task"
        )
        told = told_task(one)
        if one.kind is TaskKind.NEAR_IDENTITY and one.patient:
            told["side_by_side"] = _side_by_side(context, tx, one)
        if one.kind in ABOUT_DOCTORS and one.patient:
            told |= told_doctor(context, tx, one.patient)
        if one.kind is TaskKind.LEAK:
            told["where"] = _where(tx, one)
        if one.kind in RELEASE_KINDS and one.patient:
            told["words"] = words(context, tx, one)
        return told

    return context.store.write_sync(work)


def _where(tx: Tx, one: Task) -> list[str]:
    """The places and rules of a leak, out of the audit line that raised its task."""
    lines = [
        line.detail.get("why") or ""
        for line in tx.audit.of_patient(one.patient or "")
        if line.kind == AuditKind.TASK_RAISED and line.subject == f"task {one.id}"
    ]
    return "; ".join(lines).split("; ")


def _side_by_side(context: Context, tx: Tx, one: Task) -> list[str]:
    """Two patients who are alike, trait by trait. Both looks leave their line in the audit."""
    pair = (one.patient or "", one.about)
    context.audit(tx, AuditKind.READ, subject=f"task {one.id}", patient=one.about, what="task")
    both = [context.knowledge.traits(tx, each) for each in pair]
    rows = [("number", *(each.partition("|")[0] for each in pair))]
    for name in _COMPARED:
        values = [getattr(traits, name) for traits in both]
        shown = [" ".join(value) if isinstance(value, tuple) else value for value in values]
        rows.append((name.replace("_", " "), *(str(value or "-") for value in shown)))
    return [
        f"{name}: {left} | {right}" + ("" if left == right else "  (differs)")
        for name, left, right in rows
    ]


def done(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Close a task. Some answers change what is known: what a way out means, that a doubt or a
    veto was looked at."""
    number, answer = number_of(args, "task"), str(args.get("answer") or "done")

    def work(tx: Tx) -> dict[str, Any]:
        one = _existing(tx, number)
        if not one.open:
            raise refused(
                "That task is closed already.",
                where=f"task {number}",
                remedy=f"see: relais task show {number}",
            )
        _checked(one, answer)
        said = _exit_decided(context, tx, one, answer)
        tx.tasks.close(number, context.now(), context.actor, answer)
        told_by_call(context, tx, one, answer)
        if said is not None and one.patient:
            context.tell(tx, one.patient, said)
        elif one.patient:
            context.knowledge.settle(tx, one.patient, context.now())
        if one.kind is TaskKind.LEAK and answer == GO_ON:
            let_go(tx, one.about, context.now(), context.actor)
        if one.kind is TaskKind.NEAR_IDENTITY:
            for each in filter(None, (one.patient, one.about)):
                context.knowledge.settle(tx, each, context.now())
        closed = tx.tasks.get(number)
        assert closed is not None
        return told_task(closed)

    result = context.store.write_sync(work)
    context.wake()
    return result


def _checked(one: Task, answer: str) -> None:
    """A task that takes the words of its list alone is closed by one of them."""
    known = choices(one.kind, answer)
    if known:
        raise refused(
            f"{TASKS[one.kind]} This answer does not decide it, and a closed task stays closed.",
            where="--answer",
            remedy=f"one of: {', '.join(known)}; what each asks for: relais task show {one.id}",
        )


def _exit_decided(context: Context, tx: Tx, one: Task, answer: str) -> ExitKindDecided | None:
    """What a way out means, where the task asks for it."""
    if one.kind is not TaskKind.EXIT_KIND_UNKNOWN or one.patient is None:
        return None
    record = context.knowledge.scene(tx, one.patient, context.now()).record
    stay = next((stay for stay in record.stays if stay.key == one.stay), None)
    if stay is None or stay.exit is None or stay.exit.movement != one.about:
        raise refused(
            "That way out is no longer known: it was cancelled or corrected.",
            where=f"task {one.id}",
            remedy="look again: relais task list",
        )
    return ExitKindDecided(
        visit=stay.visit,
        movement=one.about,
        exit_kind=ExitKind(answer),
        at=context.now(),
        by=context.actor,
    )


def _existing(tx: Tx, number: int) -> Task:
    one = tx.tasks.get(number)
    if one is None:
        raise refused(
            "There is no such task.", where=f"task {number}", remedy="see: relais task list"
        )
    return one


def told_task(one: Task) -> dict[str, Any]:
    """A task as plain values, with its sentence and its cure."""
    return {
        "id": one.id,
        "kind": one.kind.value,
        "what": TASKS[one.kind],
        "do": CURES[one.kind].replace("{id}", str(one.id)).replace("{about}", one.about),
        "patient": (one.patient or "").partition("|")[0],
        "about": one.about,
        "raised_at": one.raised_at.isoformat(timespec="seconds"),
        "closed_at": one.closed_at.isoformat(timespec="seconds") if one.closed_at else None,
        "closed_by": one.closed_by,
        "answers": list(ANSWERS.get(one.kind, ())),
        "answer": one.answer,
        "deadline": one.deadline.isoformat(timespec="seconds") if one.deadline else None,
    }
