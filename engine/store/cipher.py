"""The one door to encryption at rest: AES-256-GCM for payloads, AES-SIV for identifiers.

Shape   A payload is ``nonce(12) ciphertext tag(16)``; an identifier ``tag(16) ciphertext``.
Spec    AES-GCM: NIST SP 800-38D; nonces are its deterministic construction (section 8.2.1): seven
        bytes drawn when the process starts, five that count. AES-SIV: RFC 5297, 512 bits.

Each payload is bound to its place: the associated data names table, column and row, so that a
ciphertext moved elsewhere does not open. An identifier is sealed to the same bytes each time, so
that an index finds it: it shows which rows speak of the same thing, and nothing of what it is.
"""

import os
from functools import lru_cache
from hashlib import blake2b, sha256
from itertools import count
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY: Final = 32  # bytes of a key
_NONCE: Final = 12
_COUNTED: Final = 5  # bytes of it that count: 10^12 payloads before a process must start anew
_IDENTIFIERS: Final = 8192  # kept in memory, sealed and opened


class NotOursError(Exception):
    """These bytes were not sealed with this key for this place, or were changed since."""


def fresh_key() -> bytes:
    """A random key."""
    return os.urandom(KEY)


def name_of(key: bytes) -> str:
    """Name a key without telling anything of it: 16 hexadecimal digits."""
    return sha256(b"relais key name\n" + key).hexdigest()[:16]


class _Nonces:
    """Gives each nonce once. Counting costs a quarter of asking the system for random bytes; one
    step of the counter is one call into C, so that threads never get the same."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Draw the part that tells this process from all others."""
        self.drawn = os.urandom(_NONCE - _COUNTED)
        self.count = count().__next__


_nonces = _Nonces()
os.register_at_fork(after_in_child=_nonces.renew)


class Seal:
    """One AES-256-GCM key."""

    __slots__ = ("_decrypt", "_encrypt")

    def __init__(self, key: bytes) -> None:
        aead = AESGCM(key)
        self._encrypt, self._decrypt = aead.encrypt, aead.decrypt

    def close(self, data: bytes, place: bytes) -> bytes:
        """Seal bytes for a place."""
        nonce = _nonces.drawn + _nonces.count().to_bytes(_COUNTED, "big")
        return nonce + self._encrypt(nonce, data, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Open what was sealed for that place. Raises NotOursError."""
        try:
            return self._decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
        except (InvalidTag, ValueError):
            raise NotOursError from None


class Index:
    """One AES-SIV key, for identifiers that must be found again."""

    def __init__(self, key: bytes) -> None:
        """``key``: any random bytes; 64 are derived from them (RFC 5869)."""
        self._siv = AESSIV(_derived(key, b"relais identifiers", 64))
        self._marks = blake2b(digest_size=7, key=_derived(key, b"relais marks", KEY))
        self._marked = "", self._half("", 3), 0  # the last text that was asked for, and its marks
        # The same few numbers are asked for again and again in one transaction.
        self.known = lru_cache(maxsize=_IDENTIFIERS)(self.close)
        self.text = lru_cache(maxsize=_IDENTIFIERS)(self.open)

    def close(self, text: str, kind: bytes) -> bytes:
        """Seal an identifier; ``kind`` parts numbers of patients from those of visits."""
        return self._siv.encrypt(b"." + text.encode("utf-8", "surrogatepass"), [kind])

    def mark(self, text: str) -> int:
        """A number of 56 bits that stands for a text: keyed BLAKE2b (RFC 7693), cut. It cannot be
        opened, and two texts may share one.

        The first half is of all but the last two characters. Messages are numbered in sequence:
        so a hundred of them meet in one page of an index, where marks of the whole text would
        have each commit write as many pages as it has messages, a sixth of its cost. It tells
        which messages are neighbours, as their rows do.
        """
        last = self._marked  # one assignment: other threads mark, too
        if text == last[0] and text:
            return last[2]
        head = text[:-2]
        first = last[1] if head == last[0][:-2] else self._half(head, 3)
        mark = first << 32 | self._half(text, 4)
        self._marked = text, first, mark
        return mark

    def _half(self, text: str, size: int) -> int:
        state = self._marks.copy()  # it has read the key already: half of the work
        state.update(text.encode("utf-8", "surrogatepass"))
        return int.from_bytes(state.digest()[:size], "big")

    def open(self, sealed: bytes, kind: bytes) -> str:
        """Open it. Raises NotOursError."""
        try:
            return self._siv.decrypt(sealed, [kind])[1:].decode("utf-8", "surrogatepass")
        except (InvalidTag, ValueError):
            raise NotOursError from None


class Salted:
    """Keys that are made of a secret and a salt: who destroys the salt destroys the key.

    One keyed BLAKE2b (RFC 7693) of 32 random bytes, where wrapping a random key would be one more
    AES-GCM: in the path of each message, that counts.
    """

    def __init__(self, key: bytes) -> None:
        self._keyed = blake2b(digest_size=KEY, key=_derived(key, b"relais messages", KEY))

    def seal(self, salt: bytes) -> Seal:
        """The key of a salt of `KEY` bytes."""
        state = self._keyed.copy()
        state.update(salt)
        return Seal(state.digest())


def payloads_of(key: bytes) -> Seal:
    """The seal of the store's own payloads, from the same bytes as its index."""
    return Seal(_derived(key, b"relais payloads", KEY))


def _derived(key: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(key)
