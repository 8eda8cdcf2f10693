"""What an operation works on, and the ways of finding a patient and telling the audit."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, TypeVar

from engine.knowledge import Knowledge, look_again
from engine.model.errors import OperationError
from engine.model.fact import Fact, Heard
from engine.model.trail import AuditKind
from engine.runtime.settings import Settings
from engine.runtime.wiring import knowledge_of
from engine.store.interface import Tx
from engine.store.sqlite import SqliteStore


@dataclass(frozen=True)
class Context:
    """One operation's surroundings. ``wake`` tells the daemon's stages that something changed."""

    store: SqliteStore
    settings: Settings
    now: Callable[[], datetime]
    actor: str
    wake: Callable[[], None]

    @property
    def knowledge(self) -> Knowledge:
        """What decisions read of the settings."""
        return knowledge_of(self.settings)

    def tell(self, tx: Tx, patient: str, fact: Fact) -> None:
        """Keep a fact said by a person, and have the patient looked at again."""
        now = self.now()
        tx.facts.add([Heard(patient=patient, fact=fact, recorded_at=now, heard_at=now)])
        self.knowledge.settle(tx, patient, now)
        look_again(tx, patient, now)

    def audit(
        self,
        tx: Tx,
        kind: AuditKind,
        *,
        subject: str = "",
        patient: str | None = None,
        stay: str | None = None,
        **detail: Any,
    ) -> None:
        """One line of the audit trail, in the operator's name."""
        tx.audit.append(
            kind,
            now=self.now(),
            actor=self.actor,
            patient=patient,
            stay=stay,
            subject=subject,
            **detail,
        )


Choice = TypeVar("Choice", bound=Enum)
_MOST_ROWS: Final = 10_000
_PAST_ANY_ROW: Final = 2**63  # SQLite numbers rows with 64 bits

Operation = Callable[[Context, dict[str, Any]], dict[str, Any]]


def find_patient(tx: Tx, text: str) -> str:
    """The surviving key of the one patient of that number. Raises OperationError."""
    found = sorted({tx.facts.root(one) for one in tx.facts.patients_like(text)})
    if len(found) == 1:
        return found[0]
    if not found:
        raise refused(
            "No patient of that number is known.",
            where="the patient number",
            remedy="give the IPP as PID-3 carries it; look at: relais journal list",
        )
    raise refused(
        "Several patients have that number, in different numbering domains.",
        where="the patient number",
        remedy="give the number with its domain: NUMBER|DOMAIN, as relais journal show prints it",
    )


def refused(what: str, *, where: str, remedy: str) -> OperationError:
    """An operation that was not carried out."""
    return OperationError(what=what, where=where, effect="nothing was done", remedy=remedy)


def text_of(args: dict[str, Any], name: str) -> str:
    """A required argument."""
    value = args.get(name)
    if not isinstance(value, str) or not value:
        raise refused(
            f"The argument {name!r} is missing.", where="the command", remedy="see --help"
        )
    return value


def words_of(args: dict[str, Any], name: str) -> str | None:
    """An argument that may be left out."""
    return text_of(args, name) if args.get(name) not in (None, "") else None


def list_of(args: dict[str, Any], name: str) -> list[Any]:
    """An argument that may be repeated."""
    value = args.get(name)
    if not isinstance(value, list):
        raise refused(
            f"The argument {name!r} is missing.", where="the command", remedy="see --help"
        )
    return value


def choice_of(args: dict[str, Any], name: str, kind: type[Choice]) -> Choice | None:
    """An argument that is one word of a closed list; None when it is left out."""
    value = args.get(name)
    if value is None or value == "":
        return None
    for one in kind:
        if one.value == value:
            return one
    raise refused(
        f"There is no such {name}.",
        where=f"--{name}",
        remedy="one of: " + ", ".join(one.value for one in kind),
    )


def moment_of(context: Context, text: str | None) -> datetime:
    """A moment of the past, as typed; now, where nothing was."""
    if not text:
        return context.now()
    at: datetime | None = None
    with contextlib.suppress(ValueError):
        at = datetime.fromisoformat(text)
    if at is None or at.tzinfo is None or at > context.now():
        raise refused(
            "That is no moment of the past.",
            where="--at",
            remedy="write it as 2026-03-02T10:30+01:00",
        )
    return at


def limit_of(args: dict[str, Any], default: int) -> int:
    """How many rows at most."""
    value = args.get("limit", default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_ROWS:
        raise refused(
            "That is no number of rows.", where="--limit", remedy=f"give 1 to {_MOST_ROWS}"
        )
    return value


def number_of(args: dict[str, Any], name: str) -> int:
    """A required whole number."""
    value = args.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _PAST_ANY_ROW:
        raise refused(
            f"The argument {name!r} is no whole number.", where="the command", remedy="see --help"
        )
    return value
