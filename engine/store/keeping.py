"""What is asked of the store about its keys, and about what is no longer kept.

Part of store.interface, in a file of its own: few commands need it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.store.masters import Master


class KeyVerbs(Protocol):
    """The keys that the store holds, each wrapped by a master."""

    def rewrap(self, new: Master) -> int:
        """Wrap every key with another master; gives how many."""
        ...

    def counts(self) -> dict[str, dict[str, int]]:
        """By name of a master: how many keys of what kind it wraps ("store", "patients")."""
        ...


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much went with a patient."""

    facts: int
    documents: int
    messages: int
    letters: int


class RetentionVerbs(Protocol):
    """What is no longer kept. Each gives how many rows it freed, of at most ``limit``; 0: there
    is nothing more to free. None touches what is still needed."""

    def forget(self, patient: str) -> Forgotten:
        """Destroy the keys of a cluster and drop what they sealed. What proves that letters were
        sent stays, as does the audit. The cluster's deliveries and tasks must be closed."""
        ...

    def purge_messages(self, before: datetime, limit: int) -> int:
        """Raw bytes of messages received before, read, and not waiting for a person."""
        ...

    def purge_letters(self, before: datetime, limit: int) -> int:
        """Mails and files of deliveries closed before, and the mails that came back about them,
        but for those about which a person is asked what came of them."""
        ...

    def purge_documents(self, before: datetime, limit: int) -> int:
        """Documents of patients at rest since before."""
        ...

    def purge_tasks(self, before: datetime, limit: int) -> int:
        """Tasks closed before that decide nothing any more."""
        ...

    def at_rest(self, before: datetime, limit: int) -> Sequence[str]:
        """Surviving keys of patients of whom nothing was heard since, whose stays have all
        ended, with nothing under way and no open task."""
        ...

    def shrink(self, pages: int) -> int:
        """Give free room back to the file system, so many pages at most; gives how many are
        left."""
        ...
