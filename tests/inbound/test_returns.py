"""Receipts read from a real Dovecot: each once, whatever is cut, and nothing else touched."""

import asyncio
import imaplib
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from engine.decide.ladder import Rung, Watch, standing
from engine.inbound.imap_session import Fault, ImapError, ImapSession, client_context
from engine.inbound.returns import TAKEN, ReturnsReader
from engine.model.config import Proof, Returns
from engine.model.flow import DeliveryState, Unknown
from engine.model.receipt import Kept
from engine.store.interface import Tx
from engine.store.sqlite import SqliteStore
from tests.support.certs import Certs, make_certs
from tests.support.deliveries import a_delivery
from tests.support.dovecot import MISSING, SECRET, Dovecot, dovecot
from tests.support.returned_mails import automatic_reply, dsn, human_reply, ko_mail, mdn

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

USER = "usmp@hopital.example"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WATCH = Watch(Proof(), frozenset({"mss"}))


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Certs:
    return make_certs(tmp_path_factory.mktemp("certs"))


@pytest.fixture(scope="module")
def mail() -> Iterator[Path]:
    # Not under pytest's own folder, which other accounts may not enter.
    folder = Path(tempfile.mkdtemp(prefix="relais-mail-"))
    folder.chmod(0o755)
    shutil.chown(folder, "nobody", "nogroup")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def server(certs: Certs, mail: Path) -> Iterator[Dovecot]:
    with dovecot(certs, (USER,), mail) as running:
        yield running


@pytest.fixture(autouse=True)
def empty(mail: Path) -> None:
    shutil.rmtree(mail / "usmp", ignore_errors=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "relais.db")
    yield opened
    opened.close()


class Tally:
    """What the reader counted."""

    def __init__(self) -> None:
        self.mails: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    def increment(self, name: str, **labels: str) -> None:
        if name == "returns_mails":
            self.mails[labels["verdict"]] += 1
        if name == "returns_faults":
            self.faults[labels["at"]] += 1


def settings(server: Dovecot, certs: Certs, **changes: Any) -> Returns:
    values: dict[str, Any] = {
        "host": "localhost",
        "port": server.tls_port,
        "ca_file": certs.ca,
        "username": USER,
        "channels": ("mss",),
        "timeout": timedelta(seconds=10),
        "poll": timedelta(seconds=30),
    }
    return Returns(**(values | changes))


def a_reader(
    server: Dovecot, certs: Certs, store: SqliteStore, tally: Tally | None = None, **changes: Any
) -> ReturnsReader:
    told = settings(server, certs, **changes)
    return ReturnsReader(
        "mss",
        told,
        store,
        context=client_context(told),
        password=SecretStr(SECRET),
        watch=lambda: WATCH,
        now=lambda: NOW,
        counters=tally or Tally(),
    )


def send(store: SqliteStore, *idents: str, address: str = "cabinet@medecin.example") -> None:
    """Letters that the operator took an hour ago."""

    def work(tx: Tx) -> None:
        for ident in idents:
            at = NOW - timedelta(hours=1)
            tx.outbox.add(a_delivery(ident, address, created_at=at, due_at=at), b"mail", {})
            tx.outbox.move(ident, DeliveryState.SENDING, at)
            tx.outbox.move(ident, DeliveryState.RELAYED, at)

    store.write_sync(work)


def about(ident: str) -> dict[str, str]:
    return {"original_id": f"<{ident}@hopital.example>"}


def rung(store: SqliteStore, ident: str) -> Rung:
    def look(tx: Tx) -> Rung:
        row = tx.outbox.get(ident)
        assert row is not None
        return standing(row, tx.receipts.of_delivery(ident)).rung

    return store.read_sync(look)


def receipts(store: SqliteStore, ident: str) -> list[Kept]:
    return list(store.read_sync(lambda tx: tx.receipts.of_delivery(ident)))


def flags(server: Dovecot, certs: Certs) -> dict[int, set[str]]:
    """The flags of each mail, as another client sees them."""
    context = ssl.create_default_context(cafile=certs.ca)
    client = imaplib.IMAP4_SSL("localhost", server.tls_port, ssl_context=context)
    client.login(USER, SECRET)
    client.select("INBOX", readonly=True)
    _, rows = client.uid("FETCH", "1:*", "(FLAGS)")
    client.logout()
    found = {}
    for row in rows:
        text = row.decode()
        uid = int(text.partition("UID ")[2].split()[0].rstrip(")"))
        found[uid] = set(text.partition("FLAGS (")[2].partition(")")[0].split()) - {"\\Recent"}
    return found


async def test_receipts_are_taken_and_flagged_and_other_mails_stay_as_they_were(
    server: Dovecot, certs: Certs, store: SqliteStore
) -> None:
    send(store, "d1")
    for name, raw in enumerate(
        [
            dsn(),
            human_reply(),
            mdn(),
            dsn(envelope="stranger", original_id="<stranger@hopital.example>"),
            automatic_reply("Auto-Submitted: auto-replied"),
        ]
    ):
        server.put("usmp", raw, f"{name}")
    tally = Tally()
    assert await a_reader(server, certs, store, tally).run_once() == 5
    assert tally.mails == {"taken": 4, "not-ours": 1}
    assert rung(store, "d1") is Rung.DISPLAYED
    assert sorted(flags(server, certs).values(), key=len) == [
        set(),
        set(),
        {TAKEN},
        {TAKEN, "\\Seen"},
        {TAKEN, "\\Seen"},
    ]


async def test_the_evidence_of_a_receipt_is_the_mail_as_it_came(
    server: Dovecot, certs: Certs, store: SqliteStore
) -> None:
    send(store, "d1")
    server.put("usmp", mdn(), "1")
    await a_reader(server, certs, store).run_once()
    (kept,) = receipts(store, "d1")
    assert store.read_sync(lambda tx: tx.receipts.evidence(kept)) == mdn()
    line = [one for one in store.read_sync(lambda tx: tx.audit.entries()) if one.kind == "receipt"]
    assert [one.detail["stands"] for one in line] == ["displayed"]
    assert line[0].detail["evidence"] == kept.evidence


async def test_a_second_session_takes_nothing_twice_and_a_late_mail_is_taken(
    server: Dovecot, certs: Certs, store: SqliteStore
) -> None:
    send(store, "d1")
    server.put("usmp", dsn(), "1")
    assert await a_reader(server, certs, store).run_once() == 1
    assert await a_reader(server, certs, store).run_once() == 0
    server.put("usmp", mdn(), "2")
    assert await a_reader(server, certs, store).run_once() == 1
    assert len(receipts(store, "d1")) == 2


async def test_a_doubled_report_and_a_mailbox_numbered_anew_count_once(
    server: Dovecot, certs: Certs, store: SqliteStore
) -> None:
    send(store, "d1")
    server.put("usmp", mdn(), "1")
    server.put("usmp", b"Received: from elsewhere\r\n" + mdn(), "2")
    await a_reader(server, certs, store).run_once()
    assert len(receipts(store, "d1")) == 1
    server.renumber("usmp")
    tally = Tally()
    assert await a_reader(server, certs, store, tally).run_once() == 2
    assert tally.mails == {"known": 2}
    assert len(receipts(store, "d1")) == 1


async def test_a_mail_that_comes_while_the_server_is_listened_to_is_taken_at_once(
    server: Dovecot, certs: Certs, store: SqliteStore
) -> None:
    send(store, "d1")
    server.put("usmp", human_reply(), "0")
    reader, stop = a_reader(server, certs, store, poll=timedelta(minutes=10)), asyncio.Event()
    running = asyncio.create_task(reader.run(stop))
    await until(lambda: store.read_sync(lambda tx: tx.meta.get("returns:mss")) is not None)
    server.put("usmp", mdn(), "1")
    await until(lambda: bool(receipts(store, "d1")))
    stop.set()
    await asyncio.wait_for(running, 5)


async def until(happened: Any, within: float = 20) -> None:
    async with asyncio.timeout(within):
        while not happened():
            await asyncio.sleep(0.02)


async def test_a_server_that_is_away_is_found_again(
    certs: Certs, mail: Path, store: SqliteStore, server: Dovecot
) -> None:
    send(store, "d1")
    server.put("usmp", mdn(), "1")
    with dovecot(certs, (USER,), mail) as other:
        told = settings(other, certs)
    tally = Tally()
    gone = a_reader(server, certs, store, tally, port=told.port)
    stop = asyncio.Event()
    running = asyncio.create_task(gone.run(stop))
    await until(lambda: tally.faults["connect"] > 0)
    gone.settings = settings(server, certs)
    await until(lambda: bool(receipts(store, "d1")))
    stop.set()
    await asyncio.wait_for(running, 5)


async def test_starttls_and_a_wrong_authority_and_a_wrong_password(
    server: Dovecot, certs: Certs, store: SqliteStore
) -> None:
    send(store, "d1")
    server.put("usmp", mdn(), "1")
    plain = {"security": "starttls", "port": server.port}
    assert await a_reader(server, certs, store, **plain).run_once() == 1
    for changes in ({"ca_file": certs.other_ca}, {"ca_file": certs.other_ca, **plain}):
        with pytest.raises(ImapError) as caught:
            await a_reader(server, certs, store, **changes).run_once()
        assert caught.value.fault is Fault.TLS
    wrong = settings(server, certs)
    with pytest.raises(ImapError) as caught:
        await ImapSession.open(wrong, client_context(wrong), SecretStr("wrong"))
    assert caught.value.fault is Fault.LOGIN
    with pytest.raises(ImapError) as caught:
        await a_reader(server, certs, store, folder="Absent").run_once()
    assert caught.value.fault is Fault.FOLDER


async def test_a_fault_of_ours_on_one_mail_leaves_it_for_people_and_reads_the_next(
    server: Dovecot, certs: Certs, store: SqliteStore
) -> None:
    send(store, "d1", "d2")
    at = NOW - timedelta(hours=1)

    def possibly_sent(tx: Tx) -> None:
        tx.outbox.add(a_delivery("d0", created_at=at, due_at=at), b"mail", {})
        number = tx.outbox.open_attempt("d0", at)
        tx.outbox.close_attempt("d0", number, Unknown(), at)
        tx.outbox.move("d0", DeliveryState.QUEUED, at, possibly_sent=True)

    def broken(_tx: Tx, _row: object, _now: object) -> None:
        raise ZeroDivisionError

    store.write_sync(possibly_sent)
    for name in ("d0", "d1"):
        raw = dsn(envelope=name, own=f"{name}@r.example", **about(name))
        server.put("usmp", raw, name)
    tally = Tally()
    reader = a_reader(server, certs, store, tally)
    reader._moved = broken
    assert await reader.run_once() == 2
    assert tally.mails == {"fault": 1, "taken": 1}
    assert receipts(store, "d0") == []
    assert rung(store, "d1") is Rung.DELIVERED
    assert sorted(flags(server, certs).values(), key=len)[0] == set()


async def test_bad_news_makes_a_task_and_the_task_says_whom(
    server: Dovecot, certs: Certs, store: SqliteStore
) -> None:
    send(store, "d1", "d2", "d3", "d4")
    server.put("usmp", dsn("failed", "5.1.1", envelope="d1", **about("d1")), "1")
    server.put("usmp", ko_mail(904).replace(b"<d1@", b"<d2@"), "2")
    server.put("usmp", ko_mail(902).replace(b"<d1@", b"<d3@"), "3")
    server.put("usmp", dsn(envelope="d4", own="a@x.example", **about("d4")), "4")
    failed = dsn("failed", "5.2.2", envelope="d4", own="b@x.example", **about("d4"))
    server.put("usmp", failed, "5")
    await a_reader(server, certs, store).run_once()
    tasks = store.read_sync(lambda tx: tx.tasks.listing())
    assert {one.about: one.kind.value for one in tasks} == {
        "d1": "returned",
        "d2": "identity-refused",
        "d3": "filing-refused",
        "d4": "reports-disagree",
    }


CHILD = Path(__file__).resolve().parents[1] / "support" / "returns_child.py"


def test_killed_again_and_again_in_the_middle_of_a_mailbox_it_loses_none_and_counts_none_twice(
    server: Dovecot, certs: Certs, tmp_path: Path
) -> None:
    """Bar 5. The reader is a process of its own, killed by SIGKILL a little later each time."""
    count = 120
    store = SqliteStore.open(tmp_path / "relais.db")
    idents = [f"k{n}" for n in range(count)]
    send(store, *idents)
    store.close()
    for n, ident in enumerate(idents):
        server.put("usmp", dsn(envelope=ident, own=f"{ident}@r.example", **about(ident)), f"{n:04}")
        if n % 3 == 0:
            server.put("usmp", human_reply(), f"{n:04}h")
    command = [
        sys.executable,
        str(CHILD),
        str(tmp_path / "relais.db"),
        str(server.tls_port),
        str(certs.ca),
    ]
    kills = 0
    for turn in range(60):
        # It dies after so many commits: between a commit and its flag, or in a fetch.
        done = subprocess.run([*command, str(3 + turn % 7)], check=False, timeout=60)
        if done.returncode == 0:
            break
        assert done.returncode == -9
        kills += 1
    assert kills >= 10
    store = SqliteStore.open(tmp_path / "relais.db")
    try:
        assert [len(receipts(store, ident)) for ident in idents] == [1] * count
        lines = store.read_sync(lambda tx: tx.audit.entries(limit=10_000))
        assert sum(one.kind == "receipt" for one in lines) == count
    finally:
        store.close()
    seen = flags(server, certs).values()
    assert sum(TAKEN in one for one in seen) == count
    assert sum(not one for one in seen) == count // 3
