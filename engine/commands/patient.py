"""The whole story of one patient."""

from typing import Any
from zoneinfo import ZoneInfo

from engine.commands.context import Context, find_patient, text_of
from engine.commands.outbox import attempt_row
from engine.commands.receipts import came_back, story_lines
from engine.commands.tasks import told_task
from engine.decide.plan import plan
from engine.decide.sentences import TASKS
from engine.decide.story import tell
from engine.model.trail import AuditKind
from engine.store.interface import Tx


def why(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """What is known, what was said, to whom, and why not; as text and as values."""
    zone = ZoneInfo(context.settings.config.time_zone)

    def work(tx: Tx) -> dict[str, Any]:
        patient = find_patient(tx, text_of(args, "patient"))
        context.audit(tx, AuditKind.READ, patient=patient, what="story")
        scene = context.knowledge.scene(tx, patient, context.now())
        decided = plan(scene)
        tasks = tx.tasks.of_patient(patient)
        attempts = {one.id: tx.outbox.attempts(one.id) for one in scene.deliveries}
        returned = {one.id: came_back(tx, one) for one in scene.deliveries}
        text = tell(
            scene,
            decided,
            tx.facts.of_patient(patient),
            {
                number: [
                    *(_line(attempt_row(one)) for one in rows),
                    *story_lines(returned[number]),
                ]
                for number, rows in attempts.items()
            },
            tasks,
            {kind.value: sentence for kind, sentence in TASKS.items()},
            zone,
        )
        return {
            "text": text,
            "patient": patient,
            "threads": [
                {
                    "stay": one.stay,
                    "thread": one.thread.value,
                    "standing": one.standing.value,
                    "reason": one.reason.value,
                }
                for one in decided.threads
            ],
            "deliveries": [
                {
                    "id": one.id,
                    "letter": one.letter_kind.value,
                    "version": one.version,
                    "face": "discreet" if one.discreet else "open",
                    "state": one.state.value,
                    "to": one.intended,
                    "message_id": one.message_id,
                    "attempts": [attempt_row(row) for row in attempts[one.id]],
                }
                | returned[one.id]
                for one in scene.deliveries
            ],
            "tasks": [told_task(one) for one in tasks],
        }

    return context.store.write_sync(work)


def _line(row: dict[str, Any]) -> str:
    details = [str(row[name]) for name in ("cause", "code", "status", "reply") if row[name]]
    return f"attempt {row['number']}  {row['opened_at']}  {row['outcome']}" + (
        f" ({', '.join(details)})" if details else ""
    )
