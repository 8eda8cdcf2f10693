"""Reads a mailbox where receipts come back, over IMAP; each mail once, whatever happens between.

The place reached (UIDVALIDITY, UID) is committed with the receipts of that mail, in one
transaction. A mail that is a receipt of ours is flagged after that commit; every other, answers
first of all, stays as it was, for the people who read that mailbox. Mails are never moved and
never deleted.
What can go wrong: the server (another session, after a wait that grows), the store (the same; the
place has not moved), a mail that a fault of ours cannot read (left, told in the log).
Logs hold the box's name, UIDs, and words of closed lists. Never a subject, never an address.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final, Protocol

import structlog
from pydantic import SecretStr

from engine.decide.ladder import Watch
from engine.inbound.imap_session import Fault, Fetched, Folder, ImapError, ImapSession
from engine.inbound.receipts import Came, Moved, nobody, take
from engine.model.config import Returns
from engine.model.errors import EngineError
from engine.model.receipt import ReceiptKind, Returned
from engine.store.interface import Store, Tx
from engine.wire.mail_return import NotAReceipt, read

_log = structlog.get_logger("inbound.returns")

_CHUNK: Final = 16  # mails fetched in one command: at most 4 MiB
_FIRST_WAIT: Final = 1.0  # seconds, after a fault; doubled up to the poll
TAKEN: Final = "$RelaisTaken"  # keyword on a mail that became a receipt
_SEEN: Final = "\\Seen"


class Counters(Protocol):
    """Where the reader counts. Labels come from closed lists."""

    def increment(self, name: str, **labels: str) -> None:
        """Add one."""
        ...


class ReturnsReader:
    """Reads one mailbox. ``watch`` and ``now`` are asked each time: a reload may change them."""

    def __init__(
        self,
        name: str,
        settings: Returns,
        store: Store,
        *,
        context: ssl.SSLContext,
        password: SecretStr | None,
        watch: Callable[[], Watch],
        now: Callable[[], datetime],
        counters: Counters,
        moved: Moved = lambda _tx, _row, _now: None,
        came: Came = nobody,
    ) -> None:
        self.name = name
        self.settings = settings
        self._store = store
        self._context = context
        self._password = password
        self._watch = watch
        self._now = now
        self._counters = counters
        self._moved = moved
        self._came = came

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop`. Raises nothing of the server's or of the store's."""
        wait = _FIRST_WAIT
        poll = self.settings.poll.total_seconds()
        while not stop.is_set():
            try:
                await self._serve(stop)
                wait = _FIRST_WAIT
            except ImapError as error:
                _log.warning(
                    "returns-broken-off", box=self.name, fault=error.fault.value, why=error.why
                )
                self._counters.increment("returns_faults", box=self.name, at=error.fault.value)
                if error.fault is Fault.LOGIN:
                    wait = poll  # asking each second with a login that is refused locks the account
            except EngineError as error:
                _log.error("returns-not-stored", box=self.name, error=type(error).__name__)
                self._counters.increment("returns_faults", box=self.name, at="store")
            except Exception as error:  # letters must leave, whatever is wrong with their receipts
                _log.error("returns-fault", box=self.name, exc_info=error)
                self._counters.increment("returns_faults", box=self.name, at="internal")
            if stop.is_set():
                return
            await _rest(min(wait, poll), stop)
            wait = min(2 * wait, poll)

    async def run_once(self) -> int:
        """One session: take what is there, and leave. Gives how many mails were looked at.

        Raises ImapError, EngineError.
        """
        session = await self._open()
        try:
            return await self._catch_up(session, await session.select())
        finally:
            await session.close()

    async def _open(self) -> ImapSession:
        return await ImapSession.open(self.settings, self._context, self._password)

    async def _serve(self, stop: asyncio.Event) -> None:
        session = await self._open()
        try:
            folder = await session.select()
            _log.info("returns-open", box=self.name, mode="idle" if session.idles else "poll")
            poll = self.settings.poll.total_seconds()
            while not stop.is_set():
                await self._catch_up(session, folder, stop)
                if stop.is_set():
                    return
                if session.idles:
                    await session.idle(poll, stop)
                else:
                    await _rest(poll, stop)
        finally:
            await session.close()

    async def _catch_up(
        self, session: ImapSession, folder: Folder, stop: asyncio.Event | None = None
    ) -> int:
        """Look at every mail above the place reached."""
        after, unmarked = await self._store.read(partial(_place, self.name, folder.validity))
        await self._mark(session, folder, unmarked)
        uids = await session.uids(after)
        looked = 0
        for start in range(0, len(uids), _CHUNK):
            if stop is not None and stop.is_set():
                break
            chunk = uids[start : start + _CHUNK]
            found = await session.fetch(chunk)
            if lacking := [uid for uid in chunk if uid not in found]:
                found |= await session.fetch(lacking)
            for uid in chunk:
                mail = found.get(uid)
                if mail is None:
                    # Gone since, or a mail that the server cannot give. It moves no place, so
                    # that a number out of thin air hides no mail; it is asked for again.
                    self._counters.increment("returns_mails", box=self.name, verdict="not-given")
                    continue
                await self._look(folder, uid, mail)
                looked += 1
            _, unmarked = await self._store.read(partial(_place, self.name, folder.validity))
            await self._mark(session, folder, unmarked)
        return looked

    async def _look(self, folder: Folder, uid: int, mail: Fetched) -> None:
        """One mail: read it, and commit what it says with the place reached."""
        raw, arrived = mail.raw, mail.arrived
        said = await asyncio.to_thread(self._read, uid, raw)
        now, watch = self._now(), self._watch()
        origin = f"{self.name} {folder.validity}/{uid}"

        def work(tx: Tx) -> list[str] | None:
            kept = None
            if isinstance(said, Returned):
                kept = take(
                    tx,
                    said,
                    raw,
                    origin=origin,
                    arrived=arrived,
                    watch=watch,
                    now=now,
                    moved=self._moved,
                    came=self._came,
                )
            flags = None if kept is None or not folder.writable else _flags(said)
            _advance(tx, self.name, folder.validity, uid, flags)
            return None if kept is None else [one.receipt.kind.value for one in kept]

        try:
            kinds = await self._store.write(work)
        except EngineError:
            raise
        except Exception as error:  # ours: this mail stays for people, those behind it are read
            _log.error("return-not-kept", box=self.name, uid=uid, exc_info=error)
            said, kinds = NotAReceipt("fault"), None
            await self._store.write(lambda tx: _advance(tx, self.name, folder.validity, uid, None))
        if isinstance(said, NotAReceipt):
            verdict = said.why
        elif kinds is None:
            verdict = "not-ours"
        else:
            verdict = "taken" if kinds else "known"
        _log.info("return-looked-at", box=self.name, uid=uid, verdict=verdict, kind=kinds or [])
        self._counters.increment("returns_mails", box=self.name, verdict=verdict)
        for kind in kinds or []:
            self._counters.increment("receipts", kind=kind)

    def _read(self, uid: int, raw: bytes) -> Returned | NotAReceipt:
        try:
            return read(raw)
        except Exception as error:  # a fault of ours must not hold up the mails behind it
            _log.error("return-not-read", box=self.name, uid=uid, error=type(error).__name__)
            return NotAReceipt("fault")

    async def _mark(
        self, session: ImapSession, folder: Folder, unmarked: Sequence[tuple[int, str]]
    ) -> None:
        """Flag what was committed; then forget that it was to be flagged."""
        if not unmarked:
            return
        for flags in sorted({flags for _, flags in unmarked}):
            words = [one for one in flags.split() if folder.own_flags or one.startswith("\\")]
            if words:
                await session.mark([uid for uid, one in unmarked if one == flags], words)
        done = frozenset(uid for uid, _ in unmarked)
        await self._store.write(partial(_marked, self.name, folder.validity, done))


def _flags(said: Returned | NotAReceipt) -> str | None:
    """A machine's report needs no reader; whatever may tell a person something stays unread, and
    an answer stays as it came."""
    if not isinstance(said, Returned):
        return None
    if any(one.receipt.kind is ReceiptKind.ANSWERED for one in said.reports):
        return None
    return TAKEN if said.words else f"{TAKEN} {_SEEN}"


# The place reached, in the store's small named values: UIDVALIDITY, UID, and the mails that are
# committed and not yet flagged.


def _name(box: str) -> str:
    return f"returns:{box}"


def _place(box: str, validity: int, tx: Tx) -> tuple[int, list[tuple[int, str]]]:
    told = json.loads(tx.meta.get(_name(box)) or "{}")
    if told.get("validity") != validity:
        # Another numbering of the same mails, or another mailbox: all of them are looked at
        # again, and receipts that are known are known.
        return 0, []
    return int(told["uid"]), [(int(uid), str(flags)) for uid, flags in told["unmarked"]]


def _put(box: str, validity: int, uid: int, unmarked: list[tuple[int, str]], tx: Tx) -> None:
    value = {"validity": validity, "uid": uid, "unmarked": unmarked}
    tx.meta.put(_name(box), json.dumps(value, separators=(",", ":")))


def _advance(tx: Tx, box: str, validity: int, uid: int, flags: str | None) -> None:
    reached, unmarked = _place(box, validity, tx)
    if flags is not None:
        unmarked.append((uid, flags))
    _put(box, validity, max(uid, reached), unmarked, tx)


def _marked(box: str, validity: int, done: frozenset[int], tx: Tx) -> None:
    uid, unmarked = _place(box, validity, tx)
    _put(box, validity, uid, [one for one in unmarked if one[0] not in done], tx)


async def _rest(seconds: float, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass  # time to look again
