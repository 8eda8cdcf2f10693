"""The audit chain: line → canonical bytes → hash with the line before; signed roots; verify.

Format 1 of a line, the bytes that SHA-256 reads::

    "relais-audit-1" LF seq LF  at kind actor patient stay subject detail  previous

``seq`` is in decimal digits. The seven texts are netstrings of their UTF-8 bytes
(``<length>:<bytes>,``); an absent patient or stay is ``-,``, which no netstring can be. ``detail``
is JSON with sorted keys, no spaces, and every character beyond ASCII escaped. ``previous`` is the
32 bytes of the hash before, zeros for line 1. Every field is bound, its place and its length too,
so that no two different lines have the same bytes. A change of this format takes another first
word: old lines stay verifiable.

What it proves: with the public key, that no line up to the last signed root was altered, removed,
inserted or moved since that root was signed. Lines after the last root are bound to one another,
not to the key: who can write the store could rewrite them all.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from hashlib import sha256
from itertools import chain
from json.encoder import encode_basestring_ascii
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from engine.model.trail import AuditEntry, AuditKind, SignedRoot

GENESIS: Final = bytes(32)

_TYPES: Final = frozenset({str, int, bool, type(None)})
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def detail_text(detail: Mapping[str, object]) -> str:
    """Write the detail of a line in its canonical form.

    Raises ``TypeError`` for a value that is not a text, a whole number, a boolean or None: other
    values have no single spelling.
    """
    # As json.JSONEncoder(sort_keys=True) writes it, at a third of the cost: there is a line for
    # each message.
    pairs = []
    for name in sorted(detail):
        value = detail[name]
        if type(value) is str:
            text = encode_basestring_ascii(value)
        elif type(value) in _TYPES:
            text = _encode(value)
        else:
            raise TypeError("an audit detail is a text, a whole number, a boolean or None")
        pairs.append(f"{encode_basestring_ascii(name)}:{text}")
    return f"{{{','.join(pairs)}}}"


def line_hash(seq: int, texts: tuple[str | None, ...], previous: bytes) -> bytes:
    """Hash one line; ``texts``: at, kind, actor, patient, stay, subject, the detail's text."""
    parts = [f"relais-audit-1\n{seq}\n".encode()]
    for text in texts:
        if text is None:
            parts.append(b"-,")
        else:
            data = text.encode()
            parts.append(b"%d:%b," % (len(data), data))
    parts.append(previous)
    return sha256(b"".join(parts)).digest()


def hash_of(entry: AuditEntry, *, seq: int | None = None) -> bytes:
    """Hash what a line says (not the hash it carries); ``seq`` puts another number on it."""
    e = entry
    detail = _encode(e.detail)
    return line_hash(
        e.seq if seq is None else seq,
        (e.at, e.kind, e.actor, e.patient, e.stay, e.subject, detail),
        e.previous,
    )


# Keys and roots


def private_key_from_seed(seed: bytes) -> Ed25519PrivateKey:
    """Make the key of 32 random bytes (RFC 8032, section 5.1.5)."""
    return Ed25519PrivateKey.from_private_bytes(seed)


def private_key_pem(key: Ed25519PrivateKey) -> bytes:
    """Write a private key as PKCS #8 in PEM, not encrypted: the file's mode guards it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def private_key_from_pem(pem: bytes) -> Ed25519PrivateKey:
    """Read a private key. ``ValueError`` when it is not an Ed25519 key in clear PEM."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (TypeError, ValueError):
        raise ValueError("not a private key in clear PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not an Ed25519 key")
    return key


def public_key_pem(key: Ed25519PublicKey) -> str:
    """Write a public key as PEM, for the store and for auditors."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def public_key_from_pem(pem: str) -> Ed25519PublicKey:
    """Read a public key. ``ValueError`` when it is not an Ed25519 key in PEM."""
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """Name a key: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes."""
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def _root_bytes(day: str, seq: int, head: bytes, key: str) -> bytes:
    return f"relais-root-1\n{day}\n{seq}\n{key}\n".encode() + head


def sign_root(private_key: Ed25519PrivateKey, day: str, seq: int, head: bytes) -> SignedRoot:
    """Sign the head of the chain as it was at the end of ``day`` (YYYY-MM-DD, UTC)."""
    name = key_id(private_key.public_key())
    signature = private_key.sign(_root_bytes(day, seq, head, name))
    return SignedRoot(day=day, seq=seq, hash=head, key_id=name, signature=signature)


def roots_due(
    last_root_day: str | None, today: date, first_day: date | None = None
) -> Iterator[date]:
    """Name the finished days without a root, oldest first.

    ``first_day`` is the day of the first line: where to start when no root was ever signed
    (without it, yesterday alone).
    """
    if last_root_day is not None:
        day = date.fromisoformat(last_root_day) + timedelta(days=1)
    else:
        day = first_day if first_day is not None else today - timedelta(days=1)
    while day < today:
        yield day
        day += timedelta(days=1)


# Verification


class Break(StrEnum):
    """What is wrong at the first broken link."""

    ALTERED = "altered"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "reordered"
    CUT = "cut"
    ROOT_MISMATCH = "root-mismatch"
    ROOT_SIGNATURE = "root-signature"
    ROOT_KEY = "root-key"
    ROOT_MISSING = "root-missing"


_SENTENCES: Final = {
    Break.ALTERED: "line {seq} is not what was written",
    Break.REMOVED: "line {seq} was removed",
    Break.INSERTED: "a line that calls itself {seq} was inserted",
    Break.REORDERED: "line {seq} is not at its place",
    Break.CUT: "the end was cut off from line {seq} on: the root of {day} vouches for more",
    Break.ROOT_MISMATCH: "line {seq} is not the one that the root of {day} signed",
    Break.ROOT_SIGNATURE: "the root of {day} (line {seq}) does not bear a good signature",
    Break.ROOT_KEY: "the root of {day} (line {seq}) was signed with another key",
    Break.ROOT_MISSING: "the root of {day}, which line {seq} says was signed, is gone",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verification of a trail found."""

    lines: int  # lines found good before the first broken link
    roots: int  # roots found good
    sealed: int  # last line that a good root vouches for
    head: bytes  # hash of the last good line
    broken: Break | None = None
    seq: int | None = None  # where
    day: str | None = None  # the root concerned

    @property
    def ok(self) -> bool:
        """No broken link."""
        return self.broken is None

    @property
    def sentence(self) -> str:
        """One line for people."""
        if self.broken is None:
            return (
                f"the chain holds: {self.lines} lines, {self.roots} signed roots, "
                f"sealed up to line {self.sealed}"
            )
        found = _SENTENCES[self.broken].format(seq=self.seq, day=self.day)
        return f"the chain is broken: {found}; {self.lines} lines before it hold"


def verify(
    entries: Iterable[AuditEntry], roots: Iterable[SignedRoot], public_key: Ed25519PublicKey
) -> Verdict:
    """Read a trail once, from line 1, in the order it lies in; name its first broken link.

    Holds two lines in memory at a time, and all roots (one a day).
    """
    signed = sorted(roots, key=lambda root: (root.seq, root.day))
    days = {root.day for root in signed}
    name = key_id(public_key)
    passed = sealed = lines = 0
    head = GENESIS

    def broken(what: Break, seq: int, day: str | None = None) -> Verdict:
        return Verdict(lines, passed, sealed, head, what, seq, day)

    stream = iter(entries)
    line = next(stream, None)
    while True:
        while passed < len(signed) and signed[passed].seq <= lines:
            fault = _root_fault(signed[passed], head, name, public_key)
            if fault is not None:
                return broken(fault, signed[passed].seq, signed[passed].day)
            sealed = signed[passed].seq
            passed += 1
        if line is None:
            break
        following = next(stream, None)
        link_fault = _link_fault(line, following, lines + 1, head, stream)
        if link_fault is not None:
            return broken(*link_fault)
        if line.kind == AuditKind.ROOT_SIGNED and line.detail.get("day") not in days:
            return broken(Break.ROOT_MISSING, line.seq, str(line.detail.get("day")))
        lines, head, line = line.seq, line.hash, following
    if passed < len(signed):
        return broken(Break.CUT, lines + 1, signed[-1].day)
    return Verdict(lines, passed, sealed, head)


def _root_fault(
    root: SignedRoot, head: bytes, name: str, public_key: Ed25519PublicKey
) -> Break | None:
    if root.key_id != name:
        return Break.ROOT_KEY
    try:
        public_key.verify(root.signature, _root_bytes(root.day, root.seq, root.hash, root.key_id))
    except InvalidSignature:
        return Break.ROOT_SIGNATURE
    return None if root.hash == head else Break.ROOT_MISMATCH


def _link_fault(
    line: AuditEntry,
    following: AuditEntry | None,
    expected: int,
    head: bytes,
    rest: Iterator[AuditEntry],
) -> tuple[Break, int] | None:
    """Say what is wrong with the line found where ``expected`` should be; None: nothing."""
    next_seq = None if following is None else following.seq
    if line.seq != expected:
        if line.previous == head and next_seq != expected:
            return Break.ALTERED, expected  # it follows indeed, under a false number
        later = rest if following is None else chain((following,), rest)
        return _order_fault(line.seq, expected, later)
    consistent = hash_of(line) == line.hash
    linked = line.previous == head
    if consistent and linked:
        return None
    if next_seq == expected:
        return Break.INSERTED, expected  # two lines bear that number, and this one is false
    if not consistent:
        # Lines under another number still hash under their own.
        if hash_of(line, seq=expected - 1) == line.hash:
            return Break.INSERTED, expected - 1
        if hash_of(line, seq=expected + 1) == line.hash:
            exchanged = following is not None and hash_of(following, seq=expected) == following.hash
            return Break.REORDERED if exchanged else Break.REMOVED, expected
        return Break.ALTERED, expected
    # The line agrees with itself, not with the one before: one of the two was hashed anew. If
    # the line after still knows this one, the one before is false.
    if following is not None and following.previous != line.hash:
        return Break.ALTERED, expected
    return Break.ALTERED, max(expected - 1, 1)


def _order_fault(found: int, expected: int, later: Iterable[AuditEntry]) -> tuple[Break, int]:
    """Tell a removed line from a moved or an added one by reading on to the end."""
    if found < expected:
        return Break.INSERTED, found
    moved = copied = False
    top = 0
    for line in later:
        moved |= line.seq == expected
        copied |= line.seq == found
        top = max(top, line.seq)
    if not moved:
        return Break.REMOVED, expected
    if copied or found > top + 1:
        return Break.INSERTED, found
    return Break.REORDERED, expected
