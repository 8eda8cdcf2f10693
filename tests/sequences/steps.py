"""The alphabet of the random sequences. A step is plain data, total in any state of the house, so
that any sub-sequence of a failing one is a sequence too."""

from dataclasses import dataclass
from random import Random
from typing import Final

from tests.sequences.record import ANSWERS, EXITS, PURPOSES

SPANS: Final = (0, 1, 2, 4, 6, 30, 600, 7200, 86_400, 400_000, 3_000_000)
_SPAN_WEIGHTS: Final = (2, 3, 3, 4, 12, 6, 3, 2, 2, 1, 1)
STATUSES: Final = ("VALI", "PROV", "VIDE", "DOUB", "CACH", "USUR")
OUTCOMES: Final = ("accepted", "deferred", "rejected", "unknown", "interrupted", "crash")
ACTS: Final = ("hold", "release", "retry", "cancel", "cancel", "again")
WAYS: Final = ("read", "dispatch", "send")


@dataclass(frozen=True)
class Step:
    """One thing that happens. ``person``: index in PEOPLE; ``pick``: any number, which each kind
    uses as it needs; ``words``: names out of the closed lists of its kind."""

    kind: str
    person: int = 0
    pick: int = 0
    words: tuple[str, ...] = ()
    late: bool = False  # the message is made now, and arrives with a later "post" step
    unread: bool = False  # the message arrives, and nobody reads it yet

    def __repr__(self) -> str:
        flags = "".join(f", {name}=True" for name in ("late", "unread") if getattr(self, name))
        return f"Step({self.kind!r}, {self.person}, {self.pick}, {self.words!r}{flags})"


_WEIGHTS: Final = {
    "arrive": 8,
    "leave": 8,
    "cancel-exit": 3,
    "cancel-arrival": 2,
    "update": 3,
    "move": 3,
    "identity": 6,
    "death": 2,
    "doctor": 4,
    "form": 9,
    "merge": 4,
    "renumber": 1,
    "account": 2,
    "document": 6,
    "again": 2,
    "unreadable": 1,
    "said": 9,
    "confirm": 3,
    "clock": 22,
    "act": 6,
    "pause": 1,
    "answer": 5,
    "crash": 5,
    "outcome": 7,
    "post": 3,
}
_KINDS: Final = tuple(_WEIGHTS)
_CUMULATED: Final = tuple(_WEIGHTS.values())
_MESSAGES: Final = frozenset(_KINDS[: _KINDS.index("said")])


def any_step(dice: Random) -> Step:
    """One step; the dice decide everything."""
    kind = dice.choices(_KINDS, _CUMULATED)[0]
    person = dice.choices((0, 1, 2), (7, 2, 2))[0]
    pick = dice.randrange(1000)
    words: tuple[str, ...] = ()
    if kind == "leave":
        words = (dice.choices((*EXITS, "unsaid"), (14, 1, 1, 1, 2, 1, 1))[0],)
    elif kind == "move":
        words = (dice.choice(("DSP", "DSS", "ward", "elsewhere")),)
    elif kind == "arrive":
        words = (dice.choices(("DSS", "DSP", "elsewhere"), (8, 2, 1))[0], _answers(dice))
    elif kind == "identity":
        words = (dice.choices(STATUSES, (8, 5, 2, 1, 1, 1))[0], dice.choice(("ins", "ins", "")))
    elif kind in ("form", "said"):
        words = (*_some(dice), dice.choices(tuple(ANSWERS), (6, 3, 3, 1))[0])
    elif kind == "clock":
        words = (str(dice.choices(SPANS, _SPAN_WEIGHTS)[0]),)
    elif kind == "act":
        words = (dice.choice(ACTS),)
    elif kind == "outcome":
        return _outcome(dice)
    elif kind == "crash":
        words = (dice.choice(("before", "after")),)
    elif kind == "document":
        words = (dice.choice(("DSS", "DSS", "DSP")),)
    is_message = kind in _MESSAGES
    return Step(
        kind,
        person,
        pick,
        words,
        late=is_message and dice.random() < 0.06,
        unread=is_message and dice.random() < 0.1,
    )


def any_sequence(dice: Random) -> list[Step]:
    """Mostly a stay that would be told, as far as the dice let it come; then what may come between
    or afterwards. What is written is often not yet sent."""
    begun: list[Step] = []
    turn = dice.random()
    if dice.random() < 0.35:
        begun.append(Step("identity", 0, 0, ("VALI", "ins")))
    if turn < 0.85:
        begun += [Step("arrive", 0, dice.randrange(1000), ("DSS", "granted")), _pause(dice)]
    if turn < 0.4:
        if dice.random() < 0.6:
            begun.append(Step("document", 0, dice.randrange(1000), ("DSS",)))
        begun += [Step("leave", 0, dice.randrange(1000), ("release",)), _pause(dice)]
    if dice.random() < 0.3:
        begun.insert(dice.randint(0, len(begun)), _outcome(dice))
    return [*begun, *(any_step(dice) for _ in range(dice.randint(2, 7)))]


def _pause(dice: Random) -> Step:
    return Step("clock", 0, dice.randrange(1000), (dice.choice(("6", "6", "6", "8", "2")),))


def _outcome(dice: Random) -> Step:
    return Step("outcome", 0, 0, (dice.choices(OUTCOMES, (1, 3, 2, 3, 3, 3))[0],))


def _answers(dice: Random) -> str:
    return dice.choices(("granted", "none", "some"), (6, 2, 2))[0]


def _some(dice: Random) -> tuple[str, ...]:
    if dice.random() < 0.3:
        return PURPOSES[:4]
    return (dice.choice(PURPOSES),)
