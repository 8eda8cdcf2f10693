"""The firewall of the daemon: rules on disk, the site's own terms, and whom a letter is about."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import structlog

from engine.knowledge import Knowledge
from engine.mapping.schema import Dialect
from engine.model.config import Config
from engine.model.flow import Delivery
from engine.outbound.permission import Screened
from engine.privacy.report import UNREADABLE, Known, OwnTerms
from engine.privacy.rules import Rules
from engine.privacy.search import search
from engine.runtime.leaflet import read_leaflet
from engine.runtime.lexicon import rules_of, site_terms
from engine.runtime.settings import Settings
from engine.store.interface import Tx

_log = structlog.get_logger("runtime.firewall")

_KEPT: Final = 512  # verdicts remembered: places and names of rules, nothing of a letter


@dataclass(frozen=True)
class Ground:
    """What letters are read by; a reload replaces it."""

    rules: Rules
    own: OwnTerms
    leaflets: frozenset[str]  # SHA-256
    version: str


def ground_of(settings: Settings) -> Ground:
    """Read rules and own terms. Raises ConfigError."""
    config = settings.config
    rules = rules_of(config.mappings)
    own = own_terms(config, settings.dialects)
    leaflets = frozenset(
        hashlib.sha256(read_leaflet(unit.leaflet)).hexdigest()
        for unit in config.units.values()
        if unit.leaflet
    )
    told = repr((rules.version, own, sorted(leaflets)))
    return Ground(rules, own, leaflets, hashlib.sha256(told.encode()).hexdigest()[:16])


def own_terms(config: Config, dialects: dict[str, Dialect]) -> OwnTerms:
    """What the open faces of the units, and the prisons that patients go to, are known by."""
    return site_terms(config.units, config.channels, dialects, config.hospital.name)


class LetterFirewall:
    """See outbound.permission.Firewall."""

    def __init__(self, settings: Settings, knowledge: Callable[[], Knowledge]) -> None:
        """Raises ConfigError."""
        self._ground = ground_of(settings)
        self._knowledge = knowledge
        self._verdicts: OrderedDict[tuple[str, str, bool, Known], Screened] = OrderedDict()

    def use(self, ground: Ground) -> None:
        """Read by other rules from now on (a reload)."""
        self._ground = ground

    @property
    def version(self) -> str:
        """Of the rules, the own terms and the leaflets in use now."""
        return self._ground.version

    def sentence(self, rule: str) -> str:
        """What a rule looks for, in words."""
        return self._ground.rules.name(rule)

    def prepare(self, tx: Tx, delivery: Delivery) -> Callable[[], Screened]:
        """See outbound.permission.Firewall."""
        ground, mime = self._ground, tx.outbox.mime(delivery.id)
        known = self._known(tx, delivery, ground)

        def work() -> Screened:
            return self._screened(ground, mime, known, discreet=delivery.discreet)

        return work

    def _screened(self, ground: Ground, mime: bytes, known: Known, *, discreet: bool) -> Screened:
        digest = hashlib.sha256(mime).hexdigest()
        key = (digest, ground.version, discreet, known)
        held = self._verdicts.get(key)
        if held is not None:
            return held
        try:
            hits = search(mime, ground.rules, discreet=discreet, own=ground.own, known=known)
            found = tuple((hit.place, hit.rule_id) for hit in hits)
        except Exception as error:  # a fault of ours holds the letter as a leak would
            _log.error("firewall-fault", error=type(error).__name__)
            found = (("mail", UNREADABLE),)
        screened = Screened(digest, ground.version, found)
        self._verdicts[key] = screened
        while len(self._verdicts) > _KEPT:
            self._verdicts.popitem(last=False)
        return screened

    def _known(self, tx: Tx, delivery: Delivery, ground: Ground) -> Known:
        knowledge = self._knowledge()
        traits = knowledge.traits(tx, delivery.patient)
        patient = (
            *(traits.birth_family, traits.birth_given, traits.used_family, traits.used_given),
            traits.birth_given_all,
        )
        boxes = knowledge.doctors.named(delivery.rpps)
        people = [*(f"{one.family} {one.given}" for one in boxes), *self._signatories()]
        return Known(
            people=(" ".join(name for name in patient if name), *dict.fromkeys(people)),
            addresses=tuple(
                dict.fromkeys(line for one in boxes for line in (one.place, *one.postal))
            ),
            files=ground.leaflets,
        )

    def _signatories(self) -> Iterator[str]:
        for unit in self._knowledge().policy.units.values():
            for face in (unit, unit.neutral):
                if face is not None:
                    yield f"{face.responsible.family} {face.responsible.given}"
