"""Looks doctors up for the decisions: the national directory on disk, and the site's own file.

One for the process and the settings in use. It opens the present generation of the directory when
it is first asked, lets go of it when another is in place, and keeps its last answers: a decision
is taken anew with every message about a patient, and most ask what was asked before.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from engine.model.config import Config
from engine.model.directory import BoxRow, Origin, PracticeRow, TerritoryRow, generation_of
from engine.model.errors import DamagedError, StoreError
from engine.model.letter import LetterKind
from engine.model.people import Mailbox, Professional
from engine.model.recipient import ADDRESSED, Answer, Choice, DoctorNote, Gap, Service

if TYPE_CHECKING:
    from engine.directory.doctor import National, Ways
    from engine.directory.domains import TrustedDomains
    from engine.store.directory_reader import DirectoryReader

_log = structlog.get_logger()
_KEPT: Final = 2048  # answers
DAMAGED: Final = "the file of the national directory is damaged: import it again"
T = TypeVar("T")
_Asked = tuple[Professional, DoctorNote | None, tuple[Mailbox, ...]]


class Doctors:
    """See knowledge.Doctors. Any thread; one at a time."""

    def __init__(self, config: Config, local: Mapping[str, Sequence[Mailbox]]) -> None:
        self._config = config
        self._local = local
        self._lock = threading.Lock()
        self._annuaire: _Annuaire | None = None
        self._answers: OrderedDict[_Asked, Answer] = OrderedDict()
        self._made_ways: Ways | None = None
        self._unreadable = False

    @property
    def generation(self) -> str:
        """Of the national directory in place; "" when none is."""
        with self._lock, self._looking() as annuaire:
            return annuaire.national.generation if annuaire else ""

    def find(self, named: Professional, note: DoctorNote | None) -> Answer:
        """Who that is, and the mailbox for each kind of letter. Raises ``StoreError`` when the
        disk refuses: what asked waits."""
        from engine.directory.doctor import answer

        try:
            return self._found(named, note, answer)
        except DamagedError as error:
            # The list of domains that may be written to is in there, too: no row is believed.
            self._tell_damage(error)
            choices = tuple(Choice(kind=one, gap=Gap.DOCTOR, why=DAMAGED) for one in ADDRESSED)
            return Answer(choices=choices, source="annuaire:damaged")

    def _found(
        self, named: Professional, note: DoctorNote | None, answer: "Callable[..., Answer]"
    ) -> Answer:
        with self._lock, self._believed() as annuaire:
            asked = (named, note, tuple(self._local.get(named.rpps or "", ())))
            known = self._answers.get(asked)
            if known is None:
                known = answer(
                    named,
                    self._local,
                    annuaire.national if annuaire else None,
                    annuaire.trusted if annuaire else None,
                    self._ways(),
                    note,
                )
                self._answers[asked] = known
                while len(self._answers) > _KEPT:
                    self._answers.popitem(last=False)
            return known

    def address_fault(self, address: str, channel: str) -> str | None:
        """Why an address is not written to by a channel; None: it may be."""
        from engine.directory.doctor import address_fault

        if self._ways().prints(channel):
            return None  # nothing is written to but an envelope
        try:
            with self._lock, self._believed() as annuaire:
                trusted = annuaire.trusted if annuaire else None
        except DamagedError as error:
            self._tell_damage(error)
            return DAMAGED
        return address_fault(address, trusted, apicrypt=channel in self._ways().apicrypt)

    def _tell_damage(self, error: DamagedError) -> None:
        if not self._unreadable:
            _log.error("annuaire-unreadable", code=error.code)
        self._unreadable = True

    def named(self, rpps: str) -> tuple[Mailbox, ...]:
        """The rows of the site's file for a number; else what the national directory calls the
        doctor of that number. For names and places alone: an address may be empty."""
        if own := tuple(self._local.get(rpps, ())):
            return own
        with self._lock, self._looking() as annuaire:
            person = annuaire.reader.by_rpps(rpps) if annuaire and rpps else None
        if person is None:
            return ()
        rows: tuple[PracticeRow | BoxRow, ...] = (*person.practices, *person.boxes)
        towns = dict.fromkeys(one.town for one in rows)
        return tuple(
            Mailbox(
                rpps=rpps, family=person.family, given=person.given, place=town, address="",
                type="PER", channel="",
            )
            for town in towns or ("",)
        )  # fmt: skip

    def look(self, work: "Callable[[DirectoryReader, TrustedDomains], T]") -> T | None:
        """Run something on the directory itself, for a person who chooses; None: there is none."""
        with self._lock, self._looking() as annuaire:
            return None if annuaire is None else work(annuaire.reader, annuaire.trusted)

    def services(self) -> tuple[Service, ...]:
        """Those of the site's territory file. A mailbox that may not be written to is left out."""
        with self._lock, self._looking() as annuaire:
            return annuaire.services() if annuaire else ()

    def close(self) -> None:
        """Let go of the directory's file; it is opened again when it is asked for."""
        with self._lock:
            self._let_go()

    @contextmanager
    def _looking(self) -> "Iterator[_Annuaire | None]":
        annuaire = self._present()
        if annuaire is None:
            yield None
            return
        with annuaire.reader.telling():
            yield annuaire

    @contextmanager
    def _believed(self) -> "Iterator[_Annuaire | None]":
        """As `_looking`; ``DamagedError`` where there is a directory that cannot be read."""
        with self._looking() as annuaire:
            if annuaire is None and self._unreadable:
                raise DamagedError(
                    what="The directory's file cannot be read.",
                    where="the folder of the data",
                    effect="no doctor is found in it",
                    remedy="import all files again: relais directory import",
                )
            yield annuaire

    def _present(self) -> "_Annuaire | None":
        from engine.store.directory import directory_path

        if self._annuaire is not None and self._annuaire.reader.stale:
            self._let_go()
        if self._annuaire is None:
            path = directory_path(self._config.data)
            if not path.exists():  # two microseconds, where a site has none
                self._unreadable = False
                return None
            try:
                self._annuaire = _Annuaire.open(path)
            except StoreError as error:
                # Made by another version, or damaged: status and config check tell it.
                if not self._unreadable:
                    _log.error("annuaire-unreadable", code=error.code)
                self._unreadable = True
                return None
            self._unreadable = False
            self._answers.clear()
        return self._annuaire

    def _let_go(self) -> None:
        if self._annuaire is not None:
            self._annuaire.reader.close()
        self._annuaire = None
        self._answers.clear()

    def _ways(self) -> "Ways":
        if self._made_ways is None:
            self._made_ways = ways_of(self._config)
        return self._made_ways


class _Annuaire:
    """The generation in place, opened."""

    def __init__(
        self, reader: "DirectoryReader", national: "National", trusted: "TrustedDomains"
    ) -> None:
        self.reader = reader
        self.national = national
        self.trusted = trusted
        self._services: tuple[Service, ...] | None = None

    @classmethod
    def open(cls, path: Path) -> "_Annuaire | None":
        """None: nothing is imported. Raises ``StoreError``."""
        from engine.directory.doctor import National
        from engine.directory.domains import trusted_domains
        from engine.store.directory_reader import DirectoryReader, shared_of

        reader = DirectoryReader.open(path, frugal=True)
        if reader is None:
            return None
        sources = reader.sources()
        national = National(
            index=reader,
            shared=lambda person: shared_of(reader, person),
            complete=Origin.PRACTICES in sources,
            contested=reader.contested(),
            generation=generation_of(sources.values()),
        )
        listed = reader.listed_domains() or reader.seen_domains()
        return cls(reader, national, trusted_domains(listed))

    def services(self) -> tuple[Service, ...]:
        """Of the territory file, in its order."""
        if self._services is None:
            self._services = tuple(self._service(one) for one in self.reader.territory())
        return self._services

    def _service(self, row: TerritoryRow) -> Service:
        from engine.directory.doctor import address_fault

        sound = row.address and address_fault(row.address, self.trusted) is None
        return Service(
            kind=row.kind, name=row.name, area=row.area, town=row.town, phone=row.phone,
            address=row.address if sound else "",
        )  # fmt: skip


def ways_of(config: Config) -> "Ways":
    """What the settings say of mailboxes and channels."""
    from engine.directory.doctor import Ways

    boxes = config.mailboxes
    named = {
        LetterKind.ARRIVAL_NOTICE: boxes.arrival_notice,
        LetterKind.EXIT_NOTICE: boxes.exit_notice,
        LetterKind.EXIT_LETTER: boxes.exit_letter,
    }
    return Ways(
        order={kind: order or boxes.order for kind, order in named.items()},
        channel=national_channel(config) or "",
        formats={name: one.format for name, one in config.channels.items()},
        apicrypt=frozenset(name for name, one in config.channels.items() if one.apicrypt),
        first_domains=frozenset(boxes.first_domains),
        last_domains=frozenset(boxes.last_domains),
    )


def national_channel(config: Config) -> str | None:
    """The channel of the mailboxes that the national directory gives: the one that the settings
    name, or the only one that sends MSSanté mail; None: several do."""
    if config.mailboxes.channel:
        return config.mailboxes.channel
    sending = [name for name, one in config.channels.items() if one.format == "xdm"]
    return sending[0] if len(sending) == 1 else None
