"""The doctor that a message or a person names → who that is, and the mailbox to write to.

One function for the whole house: `recognise` is what decisions lean on, and what the noisy
questions of the bench measure. What is remembered of a doctor and what the site's own file says
are put together here, too: the site's row comes first, and never against the national directory.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from engine.directory.boxes import BoxDoubt, BoxPolicy, ChosenBox, Seat, Seated, choose_box, seats
from engine.directory.compare import Asked
from engine.directory.domains import TrustedDomains, fault_of
from engine.directory.practice import family_practice
from engine.directory.resolve import Doubtful, Resolved, Unresolved, resolve
from engine.directory.search import Index, search
from engine.model.directory import BoxRow, Person
from engine.model.letter import LetterKind
from engine.model.people import Mailbox, MailboxType, Professional, comparable_name, rpps_ok
from engine.model.recipient import ADDRESSED, Answer, Choice, DoctorNote, Gap

CONTESTED: Final = "a personal mailbox that the directory gives to two people"
OTHER_NAME: Final = "the site's file has another name under that number"
NO_NUMBER: Final = "no RPPS number whose key holds, and no national directory to look in"
NO_ROW: Final = "the site's file has no row for that number, and no national directory is imported"
NO_MAIL: Final = "the doctor wants no electronic mail"
NO_POSTAL: Final = "the channel prints, and the site's file has no postal address"
NO_MAILBOX: Final = "the site's file has no mailbox, and the channel does not print"
PAPER: Final = "paper"  # the format of a channel that prints
_GAPS: Final = {
    BoxDoubt.NONE: Gap.MISSING,
    BoxDoubt.NONE_OF_PRACTICE: Gap.MISSING,
    BoxDoubt.SEVERAL: Gap.SEVERAL,
    BoxDoubt.DOMAIN: Gap.REFUSED,
}
_SEATS: Final = {
    MailboxType.PER: (Seat.PRACTICE, Seat.OWN),
    MailboxType.CAB: (Seat.CABINET,),
    MailboxType.ORG: (Seat.SHARED,),
    MailboxType.APP: (Seat.AUTOMATON,),
}


@dataclass(frozen=True)
class Ways:
    """What the site settles: which mailboxes for which letter, and which channel reaches them.

    ``formats`` gives the format of each channel, in the order of the settings; ``apicrypt`` names
    those that encrypt for Apicrypt; ``channel`` is for mailboxes of the national directory.
    """

    order: Mapping[LetterKind, tuple[MailboxType, ...]]
    channel: str
    formats: Mapping[str, str] = field(default_factory=dict)
    apicrypt: frozenset[str] = frozenset()
    first_domains: frozenset[str] = frozenset()
    last_domains: frozenset[str] = frozenset()

    def prints(self, channel: str) -> bool:
        """Whether letters of a channel are posted: no mailbox is written to."""
        return self.formats.get(channel) == PAPER

    def policy(self, kind: LetterKind) -> BoxPolicy:
        """The seats for one kind of letter, best first."""
        types = self.order[kind]
        return BoxPolicy(
            order=tuple(seat for one in types for seat in _SEATS[one]),
            first_domains=self.first_domains,
            last_domains=self.last_domains,
            types=frozenset(types),
        )


@dataclass(frozen=True)
class National:
    """A generation of the national directory, and what is known of it as a whole."""

    index: Index
    shared: Callable[[Person], Sequence[BoxRow]]
    complete: bool  # the professionals' file is loaded
    contested: Collection[str]
    generation: str


def asked_of(named: Professional) -> Asked:
    """The question that the naming of a doctor puts."""
    return Asked(
        rpps=named.rpps or "",
        family=named.family,
        given=named.given,
        postal=named.postal or "",
        town=named.town or "",
        phone=named.phone or "",
    )


def recognise(index: Index, asked: Asked, *, complete: bool) -> Resolved | Unresolved:
    """Who is meant, beyond doubt; else those who may be, for a person to choose."""
    return resolve(asked, search(index, asked), complete=complete)


def answer(
    named: Professional,
    local: Mapping[str, Sequence[Mailbox]],
    national: National | None,
    trusted: TrustedDomains | None,
    ways: Ways,
    note: DoctorNote | None = None,
) -> Answer:
    """Look a doctor up in both directories.

    ``trusted``: the domains that may be written to; None when no list of them was ever imported,
    so that the site's own rows are refused for what is known to be wrong alone.
    """
    judged = recognise(national.index, asked_of(named), complete=national.complete) if (
        national
    ) else None  # fmt: skip
    source = [f"annuaire:{national.generation}"] if national else []
    person = judged.candidate.person if isinstance(judged, Resolved) else None
    rpps = person.rpps if person else (named.rpps or "") if rpps_ok(named.rpps or "") else ""
    rows = tuple(local.get(rpps, ()))
    if rows:
        source.append(f"local:{_digest(rows)}")
    told = " ".join(source)
    doubt = _doubt(named, rpps, rows, judged)
    if doubt is not None:
        choices = tuple(Choice(kind=kind, gap=Gap.DOCTOR, why=doubt) for kind in ADDRESSED)
        return Answer(choices=choices, source=told)
    if note is not None and note.rpps == rpps and note.no_mail:
        posted = tuple(one for one in rows if ways.prints(one.channel))
        choices = tuple(
            _of_site(posted, kind, trusted, ways, None)
            if posted
            else Choice(kind=kind, gap=Gap.NO_MAIL, why=NO_MAIL)
            for kind in ADDRESSED
        )
    elif rows:
        choices = tuple(_of_site(rows, kind, trusted, ways, note) for kind in ADDRESSED)
    elif person is not None and national is not None and trusted is not None:
        apicrypt = ways.channel in ways.apicrypt
        seen = seats(person, national.shared(person), trusted, apicrypt=apicrypt)
        choices = tuple(
            _of_nation(person, seen, national.contested, kind, trusted, ways, note)
            for kind in ADDRESSED
        )
    else:
        choices = tuple(Choice(kind=kind, gap=Gap.MISSING, why=NO_ROW) for kind in ADDRESSED)
    return Answer(
        rpps=rpps,
        family=rows[0].family if rows else person.family if person else named.family,
        given=rows[0].given if rows else person.given if person else named.given,
        by_name=isinstance(judged, Resolved) and not judged.by_number,
        choices=choices,
        source=told,
    )


def _doubt(
    named: Professional,
    rpps: str,
    rows: Sequence[Mailbox],
    judged: Resolved | Unresolved | None,
) -> str | None:
    """Why it is not known who is meant; None: it is."""
    if not rpps:
        return judged.why.value if isinstance(judged, Unresolved) else NO_NUMBER
    family = comparable_name(named.family)
    if rows and family and any(comparable_name(one.family) != family for one in rows):
        return OTHER_NAME
    if isinstance(judged, Unresolved):
        # The site may know a doctor whom the nation does not list yet; it is not believed against
        # what the nation lists under that number.
        known_here = rows and judged.why is Doubtful.NUMBER_UNKNOWN
        return None if known_here else judged.why.value
    return None


def _of_site(
    rows: Sequence[Mailbox],
    kind: LetterKind,
    trusted: TrustedDomains | None,
    ways: Ways,
    note: DoctorNote | None,
) -> Choice:
    """A row of the site's own file says itself that it is right; the order of the types chooses
    among several, those it does not name last."""
    order = ways.order[kind]

    def rank(one: Mailbox) -> int:
        return order.index(one.type) if one.type in order else len(order)

    best = min(map(rank, rows))
    found = {one.address.lower(): one for one in rows if rank(one) == best}
    if len(found) > 1:
        return Choice(kind=kind, gap=Gap.SEVERAL, why=BoxDoubt.SEVERAL.value)
    return _addressed(kind, next(iter(found.values())), trusted, ways, note)


def _of_nation(
    person: Person,
    seen: Sequence[Seated],
    contested: Collection[str],
    kind: LetterKind,
    trusted: TrustedDomains,
    ways: Ways,
    note: DoctorNote | None,
) -> Choice:
    chosen = choose_box(seen, ways.policy(kind))
    if not isinstance(chosen, ChosenBox):
        faults = dict.fromkeys(one.fault.value for one in chosen.seen if one.fault)
        why = "; ".join((chosen.why.value, *(faults if chosen.why is BoxDoubt.DOMAIN else ())))
        return Choice(kind=kind, gap=_GAPS[chosen.why], why=why)
    if chosen.box.address.lower() in contested:
        return Choice(kind=kind, gap=Gap.SEVERAL, why=CONTESTED)
    own = (one.town for one in person.practices if family_practice(one.mode, one.sector_label))
    mailbox = Mailbox(
        rpps=person.rpps,
        family=person.family,
        given=_cased(person.given),
        place=chosen.box.town.strip() or next(own, ""),
        address=chosen.box.address,
        type=MailboxType(chosen.box.type),
        channel=ways.channel,
    )
    return _addressed(kind, mailbox, trusted, ways, note, paper_too=chosen.paper_too)


def _addressed(
    kind: LetterKind,
    mailbox: Mailbox,
    trusted: TrustedDomains | None,
    ways: Ways,
    note: DoctorNote | None,
    *,
    paper_too: bool = False,
) -> Choice:
    """The mailbox under the channel that is remembered, if its domain may be written to by it."""
    mailbox = mailbox.model_copy(update={"channel": _channel(mailbox, ways, note)})
    if ways.prints(mailbox.channel):
        if mailbox.postal:
            return Choice(kind=kind, mailbox=mailbox)
        return Choice(kind=kind, gap=Gap.MISSING, why=NO_POSTAL)
    if mailbox.address.endswith(".invalid"):  # RFC 2606, section 2
        return Choice(kind=kind, gap=Gap.MISSING, why=NO_MAILBOX)
    why = address_fault(mailbox.address, trusted, apicrypt=mailbox.channel in ways.apicrypt)
    if why is not None:
        return Choice(kind=kind, gap=Gap.REFUSED, why=why)
    return Choice(kind=kind, mailbox=mailbox, paper_too=paper_too)


def _cased(given: str) -> str:
    """A given name as a letter shows it: the extraction has capitals alone."""
    return given.title() if given.isupper() else given


def _channel(mailbox: Mailbox, ways: Ways, note: DoctorNote | None) -> str:
    if note is None or note.rpps != mailbox.rpps:
        return mailbox.channel
    if note.channel in ways.formats:
        return note.channel or mailbox.channel
    if note.format is None or ways.formats.get(mailbox.channel) == note.format:
        return mailbox.channel
    named = (name for name, format_ in ways.formats.items() if format_ == note.format)
    return next(named, mailbox.channel)


def address_fault(
    address: str, trusted: TrustedDomains | None, *, apicrypt: bool = False
) -> str | None:
    """Why an address is not written to; None: it may be. ``trusted`` as in `answer`."""
    if trusted is not None:
        found = fault_of(address, trusted, apicrypt_channel=apicrypt)
        return found.value if found else None
    found = fault_of(address, _NOBODY, apicrypt_channel=apicrypt)
    return found.value if found and found.wrong_anywhere else None


_NOBODY: Final = TrustedDomains(frozenset())


def _digest(rows: Sequence[Mailbox]) -> str:
    text = "\n".join(one.model_dump_json() for one in rows)
    return sha256(text.encode()).hexdigest()[:12]
