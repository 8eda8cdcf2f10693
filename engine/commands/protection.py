"""Who must agree besides the patient: recorded by a person."""

from typing import Any

from engine.commands.context import Context, choice_of, find_patient, refused, text_of, words_of
from engine.model.capacity import ProtectionStated, Regime
from engine.model.trail import AuditKind
from engine.store.interface import Tx

_FLAGS = ("secret_care", "emancipated", "infant")


def protect(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Record a measure of protection, the representative, that a minor's care is secret…"""
    regime = choice_of(args, "regime", Regime)
    representative = words_of(args, "representative")
    flags = {name: args[name] for name in _FLAGS if isinstance(args.get(name), bool)}
    if regime is None and representative is None and not flags:
        raise refused(
            "Nothing is said of the patient.",
            where="the command",
            remedy="give --regime, --representative, --secret-care, --emancipated or --infant",
        )
    if representative is not None and len(representative) > 200:
        raise refused(
            "The representative's name is too long.", where="--representative",
            remedy="give a name and how to reach them, 200 characters at most",
        )  # fmt: skip

    def work(tx: Tx) -> dict[str, Any]:
        patient = find_patient(tx, text_of(args, "patient"))
        said = ProtectionStated(
            regime=regime,
            representative=representative,
            at=context.now(),
            by=context.actor,
            **flags,
        )
        context.audit(
            tx,
            AuditKind.HUMAN_ACT,
            patient=patient,
            act="protect",
            regime=regime.value if regime else None,
            representative=representative is not None,
            **flags,
        )
        context.tell(tx, patient, said)
        known = context.knowledge.scene(tx, patient, context.now()).record.person.protection
        return {"protection": known.model_dump(mode="json")}

    result = context.store.write_sync(work)
    context.wake()
    return result
