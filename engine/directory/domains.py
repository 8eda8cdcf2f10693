"""Which mail addresses a professional may be written to: the white list, by exact membership.

Spec: MSSanté, Référentiel opérateurs: a message with health data goes to a domain of the white
list and to no other. Nearly all of its names end in ``.mssante.fr`` and some do not, while anybody
can own ``mssante.fr.example.net``: so an ending proves nothing, in either direction.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final

from engine.directory.folding import distance
from engine.model.people import unaccented

# RFC 5321 section 4.1.2, dot-string alone: no display name, no quoting, no route, no literal. An
# accented local part would need SMTPUTF8, which relays of the trust space do not offer.
_LOCAL: Final = re.compile(r"[A-Za-z0-9!#$&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$&'*+/=?^_`{|}~-]+)*")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_MOST_LOCAL: Final = 64  # RFC 5321 section 4.5.3.1.1
_MOST_ADDRESS: Final = 254

# Mailboxes of patients (Mon espace santé): <INS>@patient.mssante.fr. On the list, and never a
# professional's.
_PATIENT_DOMAINS: Final = frozenset({"patient.mssante.fr"})
_APICRYPT: Final = "apicrypt.org"
_PUBLIC_NAMES: Final = """
gmail.com googlemail.com outlook.com outlook.fr hotmail.com hotmail.fr live.com live.fr msn.com
yahoo.com yahoo.fr ymail.com icloud.com me.com mac.com aol.com aol.fr gmx.com gmx.fr gmx.net
mail.com mail.ru yandex.com yandex.ru proton.me protonmail.com protonmail.ch pm.me tutanota.com
tuta.com zoho.com fastmail.com orange.fr wanadoo.fr free.fr sfr.fr neuf.fr bbox.fr numericable.fr
laposte.net club-internet.fr cegetel.net noos.fr voila.fr caramail.com netcourrier.com mailo.com
libertysurf.fr aliceadsl.fr 9online.fr dbmail.com t-online.de web.de hushmail.com yopmail.com
"""
_PUBLIC: Final = frozenset(_PUBLIC_NAMES.split())
# What IDNA 2003 and 2008 read as two different names.
_DEVIANT: Final = frozenset("ßς\u200c\u200d")
# What a name is read as at a glance; pairs before single characters.
_GLANCE: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("0", "o"), ("1", "l"), ("5", "s"))
_CYRILLIC_GREEK: Final = str.maketrans(
    "аеорсухіјѕԁһмнткві" + "αορτνικ", "aeopcyxijsdhmhtkbi" + "aoptvik"
)


class AddressFault(StrEnum):
    """Why a professional is not written to at an address."""

    NOT_AN_ADDRESS = "not one plain mail address"
    NOT_A_DOMAIN = "no domain name that can be compared"
    PATIENT = "a patient's mailbox"
    PUBLIC = "a public mail service, outside the trust space"
    APICRYPT = "Apicrypt without MSSanté, and no Apicrypt channel is configured"
    LOOKS_LIKE = "a domain made to look like one of the list"
    UNLISTED = "a domain that the white list does not hold"

    @property
    def wrong_anywhere(self) -> bool:
        """It needs no list to be told."""
        return self not in (AddressFault.LOOKS_LIKE, AddressFault.UNLISTED)


@dataclass(frozen=True, slots=True)
class TrustedDomains:
    """The domains of the list, in their compared form, and what look-alikes are measured by."""

    names: frozenset[str]
    glances: frozenset[str] = field(repr=False, default=frozenset())

    def __contains__(self, domain: str) -> bool:
        """Exact membership after `comparable_domain`."""
        found = comparable_domain(domain)
        return found is not None and found in self.names


def trusted_domains(names: Iterable[str]) -> TrustedDomains:
    """Fold the names of a list; one that is no domain name is left out, and trusts nobody."""
    folded = frozenset(filter(None, map(comparable_domain, names)))
    return TrustedDomains(folded, frozenset(map(_glance, folded)))


def plain_address(text: str) -> bool:
    """One address as RFC 5321 section 4.1.2 has it, without quoting, comment, route or literal."""
    local, at, domain = text.rpartition("@")
    return (
        bool(at)
        and len(text) <= _MOST_ADDRESS
        and len(local) <= _MOST_LOCAL
        and _LOCAL.fullmatch(local) is not None
        and comparable_domain(domain) is not None
    )


@lru_cache(maxsize=1 << 14)
def comparable_domain(domain: str) -> str | None:
    """The form in which two names of one domain are equal: lower case, A-labels.

    None for what is no public domain name, and for one that two versions of IDNA read as two
    different names (RFC 5894 section 7.2): such a name can be made to lead elsewhere.
    """
    if domain.isascii():
        name = domain.lower()
    else:
        if not _DEVIANT.isdisjoint(domain):
            return None
        try:
            name = domain.encode("idna").decode("ascii").lower()
            undone = name.encode("ascii").decode("idna")
        except UnicodeError:
            return None
        # Preparation leaves out what nobody sees, and folds wide letters: not the name as written.
        if undone != unicodedata.normalize("NFC", domain).lower():
            return None
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not labels[-1].strip("0123456789"):
        return None
    return name if all(_LABEL.fullmatch(label) for label in labels) else None


def fault_of(
    address: str, trusted: TrustedDomains, *, apicrypt_channel: bool = False
) -> AddressFault | None:
    """Why a professional is not written to at that address; None: the list holds its domain.

    ``apicrypt_channel``: a channel that encrypts for Apicrypt is configured; its users are then
    reached outside the list.
    """
    local, at, domain = address.rpartition("@")
    if not at or len(address) > _MOST_ADDRESS or len(local) > _MOST_LOCAL:
        return AddressFault.NOT_AN_ADDRESS
    if _LOCAL.fullmatch(local) is None:
        return AddressFault.NOT_AN_ADDRESS
    name = comparable_domain(domain)
    if name is None:
        return AddressFault.NOT_A_DOMAIN
    if name in _PATIENT_DOMAINS:
        return AddressFault.PATIENT
    if name in trusted.names:
        return None
    if _under(name, _PATIENT_DOMAINS):
        return AddressFault.PATIENT
    if name in _PUBLIC:
        return AddressFault.PUBLIC
    if name == _APICRYPT or name.endswith("." + _APICRYPT):
        return None if apicrypt_channel else AddressFault.APICRYPT
    return AddressFault.LOOKS_LIKE if _looks_like(name, trusted) else AddressFault.UNLISTED


def _under(name: str, domains: Collection[str]) -> bool:
    return any(name.endswith("." + one) for one in domains)


def _glance(name: str) -> str:
    """What a hurried reader takes a domain for."""
    seen = unaccented(_as_letters(name).lower().translate(_CYRILLIC_GREEK))
    for pair, instead in _GLANCE:
        seen = seen.replace(pair, instead)
    return re.sub(r"[^a-z0-9]", "", seen)


def _as_letters(name: str) -> str:
    """A-labels undone."""
    try:
        return name.encode("ascii").decode("idna")
    except UnicodeError:
        return name


def _looks_like(name: str, trusted: TrustedDomains) -> bool:
    """It holds a listed name with more around it, or differs from one by what the eye misses.

    Told apart from an unlisted domain for the person who reads the reason; refused either way.
    """
    seen = _glance(name)
    if seen in trusted.glances:
        return True
    words = re.split(r"[.-]", name)
    if any(_brand(word) for word in words):
        return True
    return any(
        distance(seen, one, 2) <= 2 for one in trusted.glances if abs(len(one) - len(seen)) < 3
    )


def _brand(word: str) -> bool:
    """A word meant to be read as MSSANTE or APICRYPT."""
    seen = _glance(word)
    return any(brand in seen or distance(seen, brand, 1) <= 1 for brand in ("mssante", "apicrypt"))


def parse_dn(text: str) -> frozenset[tuple[str, str]]:
    """The attributes of an operator's distinguished name (RFC 4514), spelling folded.

    The list writes ``CN=a,OU=b`` and ``CN=a, OU=b``, in either order: two texts name one operator
    when their attributes are equal. Raises ValueError for what is no DN.
    """
    found: set[tuple[str, str]] = set()
    for part in re.split(r"(?<!\\)[,+;]", text):
        kind, equals, value = part.partition("=")
        if not equals or not kind.strip() or not value.strip():
            raise ValueError("an attribute of the distinguished name has no type or no value")
        plain = re.sub(r"\\([,+;=\"\\<>#])", r"\1", value.strip())
        found.add((kind.strip().upper().removeprefix("OID."), " ".join(plain.casefold().split())))
    return frozenset(found)
