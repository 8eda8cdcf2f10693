"""What a search is given besides the bytes, and what it finds: where, and by which rule."""

from dataclasses import dataclass, field
from typing import Final

# Names of the findings that no rule file holds.
UNREADABLE: Final = "cannot-be-read"
OWN_NAME: Final = "own-name"
OWN_ADDRESS: Final = "own-address"
OWN_NUMBER: Final = "own-number"

BUILT_IN: Final = {
    UNREADABLE: "a part that cannot be unpacked and read",
    OWN_NAME: "a name of a prison unit of the site",
    OWN_ADDRESS: "an address or a mailbox of a prison unit of the site",
    OWN_NUMBER: "a phone or FINESS number of a prison unit or site",
}


@dataclass(frozen=True, slots=True)
class Hit:
    """Where something was found, and by which rule. Never what: a task and a log may show it."""

    place: str  # "part 2 > IHE_XDM/SUBSET01/DOC0001.XML > …/section(46241-6)/text/paragraph"
    rule_id: str


@dataclass(frozen=True, slots=True)
class OwnTerms:
    """What, at this site, says prison: searched for in discreet letters alone."""

    names: tuple[str, ...] = ()  # of units, as letterheads and senders show them
    addresses: tuple[str, ...] = ()  # lines that name a street or a building; not a town alone
    phones: tuple[str, ...] = ()
    mailboxes: tuple[str, ...] = ()
    finess: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What belongs to this very letter, so that a word of it is no leak at its place.

    ``people``: patient and doctors, each as all of their names in one text. ``addresses``: theirs.
    ``files``: SHA-256 (hex) of attachments that are the same in every letter, such as a leaflet:
    they tell nothing of a patient, so they are read in discreet letters alone.
    """

    people: tuple[str, ...] = field(default=(), repr=False)
    addresses: tuple[str, ...] = field(default=(), repr=False)
    files: frozenset[str] = frozenset()
