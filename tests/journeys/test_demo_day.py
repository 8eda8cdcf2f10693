"""The demo day, played once through the real daemon; what came of it, and what leaked of it."""

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest

from engine.audit import public_key_from_pem, verify
from engine.demo.day import Day, load_day
from engine.demo.outcome import Kept, Outcome, doubled, faults, strangers
from engine.demo.player import Sender, play
from engine.demo.run import look, wait_until_settled
from engine.demo.stage import ROOT, Stage
from engine.store.sqlite import SqliteStore
from tests.support.unpacked import telling, texts

LONGEST = 80.0
# Words of the invented letters, that no log may hold.
LETTER_WORDS = (
    "scaphandre",
    "fougasse",
    "parapluie",
    "marguerite",
    "girouette",
    "boussole",
    "tournesol",
    "hirondelle",
)


@dataclass
class Played:
    stage: Stage
    day: Day
    outcomes: dict[str, Outcome]
    kept: Kept
    answers: list[str]
    ready: float
    memory: int
    status: int
    metrics: str
    settled: bool
    running: dict[str, bytes]  # what lay in the daemon's folders while it ran


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    stage = Stage.open(tmp_path_factory.mktemp("day") / "demo")
    try:
        ready = stage.start()
        day = load_day(ROOT / "fixtures/day", date.today())
        deadline = time.monotonic() + LONGEST
        sender = Sender(port=stage.port, deadline=deadline, answers=[])
        play(day, sender, inbox=stage.folder / "inbox", agree=stage.agree, reached=stage.reached)
        sender.close()
        settled = wait_until_settled(stage, deadline)
        port = json.loads((stage.data / "run.json").read_text())["health"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            metrics = answer.read().decode()
        memory = stage.peak_memory()
        running = _files(stage.data)
        status = stage.stop()
        outcomes, kept = look(stage, day)
        yield Played(
            stage,
            day,
            {one.ipp: one for one in outcomes},
            kept,
            sender.answers,
            ready,
            memory,
            status,
            metrics,
            settled,
            running,
        )
    finally:
        stage.close()


PATIENTS = load_day(ROOT / "fixtures/day", date(2026, 3, 3)).patients


@pytest.mark.parametrize("expected", PATIENTS, ids=lambda one: one.story)
def test_each_patient_has_exactly_the_expected_outcome(played: Played, expected: object) -> None:
    assert faults(expected, played.outcomes[expected.ipp], played.kept) == []  # type: ignore[attr-defined, arg-type]


def test_the_day_settles_and_every_message_is_acknowledged(played: Played) -> None:
    assert played.settled
    assert set(played.answers) == {"AA"}


def test_no_mail_lacks_its_letter_and_no_letter_has_two_message_ids(played: Played) -> None:
    assert strangers(played.outcomes.values(), played.kept) == []
    assert doubled(played.outcomes.values(), played.kept) == []


def test_the_daemon_drains_and_ends_with_zero(played: Played) -> None:
    assert played.status == 0


def test_the_audit_chain_of_the_day_holds(played: Played) -> None:
    store = SqliteStore.open_readonly(played.stage.data / "relais.db")
    try:
        entries = store.read_sync(lambda tx: list(tx.audit.entries(limit=100_000)))
        roots = store.read_sync(lambda tx: list(tx.audit.roots()))
        pem = store.read_sync(lambda tx: tx.meta.get("audit-public-key"))
    finally:
        store.close()
    assert pem is not None
    assert verify(entries, roots, public_key_from_pem(pem)).ok
    assert len(entries) > 200


def _canaries() -> list[str]:
    """Names, numbers, addresses and words of the day that only the store may hold."""
    found: set[str] = set(LETTER_WORDS)
    for path in (ROOT / "fixtures/day").glob("*.hl7"):
        text = path.read_bytes().decode("utf-8", "replace")
        for line in text.split("\r"):
            fields = line.split("|")
            if fields[0] == "PID":
                found.add(fields[3].split("^")[0])
                family, given = fields[5].split("^")[:2]
                found |= {
                    part for part in (family, given) if len(part) > 3 and "\ufffd" not in part
                }
            if fields[0] == "ROL":
                found |= set(fields[4].split("^")[:3])
            if fields[0] == "PV1":
                found.add(fields[19].split("^")[0])
    for row in (ROOT / "fixtures/day/directory.csv").read_text(encoding="utf-8").splitlines()[1:]:
        found.add(row.split(",")[4].split("@")[0])
    return sorted(word for word in found if len(word) > 3)


def test_logs_and_metrics_at_debug_hold_nothing_of_a_patient_a_doctor_or_a_letter(
    played: Played,
) -> None:
    log = (played.stage.folder / "relais.log").read_text(encoding="utf-8")
    assert len(log.splitlines()) > 50
    leaked = [
        word
        for word in _canaries()
        for text in (log, played.metrics)
        if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE)
    ]
    assert leaked == []


def _files(*folders: Path) -> dict[str, bytes]:
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): path.read_bytes() for path in paths}


def _found(words: list[str], data: bytes) -> set[str]:
    """Words that `strings` would show: long ones anywhere, in any case and encoding; short ones,
    which chance may spell in sealed bytes, as words of a legible run."""
    runs = b"\n".join(re.findall(rb"[\x20-\x7e\xc0-\xff]{6,}", data)).decode("latin-1")
    shown = set(re.findall(r"\w+", runs))
    found = {word for word in words if len(word) < 6 and word in shown}
    for word in words:
        forms = {word, word.upper(), word.lower(), word.capitalize()}
        coded = {form.encode(code) for form in forms for code in ("utf-8", "utf-16-le")}
        coded |= {form.encode("latin-1", "ignore") for form in forms}
        found |= {word for form in coded if len(form) >= 6 and form in data}
    return found


def test_nothing_of_a_patient_a_doctor_or_a_letter_is_legible_at_rest(played: Played) -> None:
    folder = played.stage.folder
    after = _files(played.stage.data, folder / "inbox", folder / "tmp")
    log = {"log": (folder / "relais.log").read_bytes()}
    names = {Path(name).name for name in played.running}
    assert {"relais.db", "relais.db-wal", "relais.db-shm"} <= names
    assert len(played.running[str(played.stage.data / "relais.db")]) > 1_000_000
    words = _canaries()
    assert len(words) > 100
    for what in (played.running, after, log):
        assert {name: hit for name, data in what.items() if (hit := _found(words, data))} == {}


def test_the_search_for_canaries_finds_them(played: Played) -> None:
    # In the mails they all are, so the search that finds none at rest is no blind one.
    mails = b"".join(
        path.read_bytes() for paths in played.kept.by_message_id.values() for path in paths
    )
    assert {"claire.martel"} & _found(["claire.martel", "zzzzzz"], mails)
    assert _found(["LEFÈVRE"], "x LEFÈVRE y".encode("latin-1")) == {"LEFÈVRE"}
    assert _found(["Zoé", "LUNE"], b"\x00\x01abc LUNE def\x02") == {"LUNE"}
    assert _found(["LUNE"], b"\x00LUNE\x00") == set()


def test_every_line_of_the_log_is_json(played: Played) -> None:
    log = (played.stage.folder / "relais.log").read_text(encoding="utf-8")
    for line in log.splitlines():
        assert "event" in json.loads(line)


def test_file_names_hold_nothing_of_a_patient(played: Played) -> None:
    names = " ".join(path.name for path in played.stage.data.rglob("*"))
    names += " ".join(path.name for path in (played.stage.folder / "gateway").iterdir())
    assert [word for word in _canaries() if word.lower() in names.lower()] == []


def test_a_mail_is_what_the_national_rules_ask_for(played: Played) -> None:
    letter = played.outcomes["26000002"].deliveries[0]
    (path,) = played.kept.by_message_id[letter.message_id]
    mail = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
    assert mail["X-MSS-INS"] == "O"
    assert mail["X-MSS-CODECDA"] == "11490-0"
    assert str(mail["Subject"]).startswith("XDM/1.0/DDM+")
    kinds = [part.get_content_type() for part in mail.walk() if not part.is_multipart()]
    assert kinds == ["text/plain", "application/zip", "application/pdf"]
    told = json.loads(path.with_suffix(".json").read_text())
    assert told["tls"] is True
    assert told["envid"] == letter.id


def test_a_second_version_answers_the_first(played: Played) -> None:
    first, second = played.outcomes["26000003"].deliveries
    assert (first.version, second.version) == (1, 2)
    assert first.set_oid == second.set_oid
    (path,) = played.kept.by_message_id[second.message_id]
    mail = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
    assert first.message_id in str(mail["References"])


def test_who_does_not_want_the_detention_told_has_it_told_in_no_byte_that_arrived(
    played: Played,
) -> None:
    letters = [one for one in played.outcomes["26000029"].deliveries if one.discreet]
    assert len(letters) == 2
    for one in letters:
        (path,) = played.kept.by_message_id[one.message_id]
        mime = path.read_bytes()
        assert telling(mime) == []
        for word in ("Unité sanitaire", "Sequedin", "usmp.sequedin", "relais@", "03 00 00 00 03"):
            assert word not in "".join(text for _, text in texts(mime))
    (notice,) = played.outcomes["26000001"].deliveries
    (path,) = played.kept.by_message_id[notice.message_id]
    assert telling(path.read_bytes())


def test_the_daemon_keeps_within_its_memory_and_is_ready_soon(played: Played) -> None:
    # The bars are 1 s and 120 MB, measured by `make bench`; here only a daemon gone wrong fails.
    assert played.ready < 10
    assert played.memory < 240
    assert Path(played.stage.data / "relais.db").stat().st_mode & 0o077 == 0
