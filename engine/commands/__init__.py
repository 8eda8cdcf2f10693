"""What an operator can do. Each operation runs in the process that writes the store: the daemon,
or the command itself when no daemon runs. Each leaves its line in the audit trail."""

from typing import Any, Final

from engine.commands import consent
from engine.commands.context import Context, Operation, refused

OPERATIONS: Final[dict[str, Operation]] = {
    "consent.record": consent.record,
    "consent.list": consent.listing,
    "gp.confirm": consent.confirm_gp,
}


def perform(context: Context, operation: str, args: dict[str, Any]) -> dict[str, Any]:
    """Carry out one operation by its name. Raises EngineError when it is refused."""
    known = OPERATIONS.get(operation)
    if known is None:
        raise refused(
            f"There is no operation {operation!r}.",
            where="the command",
            remedy="use the relais command of the same version as the daemon",
        )
    return known(context, args)
