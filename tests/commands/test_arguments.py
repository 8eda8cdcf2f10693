"""What reaches an operation from the socket may be anything: it is refused in words, or done."""

import contextlib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.commands import OPERATIONS, perform
from engine.commands.context import Context
from engine.model.errors import OperationError
from tests.support.house import Engine

PATIENT = "26000001"


@pytest.fixture
def context(engine: Engine) -> Context:
    return Context(engine.store, engine.settings, lambda: engine.now, "claire", lambda: None)


def lines(engine: Engine) -> int:
    return engine.store.read_sync(lambda tx: tx.audit.head())[0]


@pytest.mark.parametrize(
    ("operation", "args", "words", "cure"),
    [
        ("journal.list", {"state": "nonsense"}, "no such state", "received, processed, left"),
        ("journal.list", {"limit": 0}, "no number of rows", "1 to"),
        ("journal.list", {"limit": "many"}, "no number of rows", "1 to"),
        ("journal.show", {"entry": "1"}, "whole number", "--help"),
        ("journal.replay", {"entries": ["x"]}, "whole number", "--help"),
        ("journal.replay", {"entries": [99]}, "no such entry", "journal list"),
        ("outbox.list", {"state": ["queued"]}, "no such state", "queued, sending"),
        ("outbox.list", {"limit": -1}, "no number of rows", "1 to"),
        ("task.list", {"limit": 10**9}, "no number of rows", "1 to"),
        ("audit.export", {"file": "x", "format": "pdf"}, "no such format", "jsonl, atna"),
        ("audit.export", {"file": "/nowhere/x"}, "cannot be written", "does not exist yet"),
        ("audit.verify", {"public_key": "/nowhere"}, "cannot be read", "PEM"),
        ("consent.record", {"patient": PATIENT, "purposes": ["dmp"]}, "missing", "--help"),
        ("why", {"patient": "%"}, "No patient", "IPP"),
        ("why", {"patient": "2600000_"}, "No patient", "IPP"),
        ("why", {"patient": ["26000001"]}, "missing", "--help"),
    ],
)
async def test_an_argument_that_means_nothing_is_refused_with_the_cure(
    engine: Engine, context: Context, operation: str, args: dict[str, Any], words: str, cure: str
) -> None:
    await engine.hear("lambert-A01")
    before = lines(engine)
    with pytest.raises(OperationError) as raised:
        perform(context, operation, args)
    assert words in raised.value.what
    assert cure in raised.value.remedy
    assert raised.value.effect == "nothing was done"
    assert lines(engine) == before


ANYTHING = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.just(PATIENT)
    | st.lists(st.integers() | st.text(max_size=8), max_size=3)
)  # fmt: skip
NAMES = (
    "patient", "state", "limit", "entry", "entries", "raw", "delivery", "text", "purposes",
    "recipient", "at", "rpps", "task", "answer", "all", "after",
)  # fmt: skip


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)
@given(
    operation=st.sampled_from(sorted(set(OPERATIONS) - {"audit.export"})),
    args=st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=4),
)
def test_no_argument_ever_ends_an_operation_but_in_words_or_in_its_result(
    engine: Engine, context: Context, operation: str, args: dict[str, Any]
) -> None:
    with contextlib.suppress(OperationError):
        assert isinstance(perform(context, operation, args), dict)


READS: list[tuple[str, dict[str, Any]]] = [
    ("why", {"patient": PATIENT}),
    ("consent.list", {"patient": PATIENT}),
    ("journal.show", {"entry": 1}),
    ("task.list", {}),
    ("audit.export", {}),
]


@pytest.mark.parametrize(("operation", "args"), READS, ids=[name for name, _ in READS])
async def test_whoever_looks_at_a_patient_leaves_a_line_in_their_name(
    engine: Engine, context: Context, operation: str, args: dict[str, Any]
) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    before = lines(engine)
    if operation == "audit.export":
        args = {"file": str(engine.settings.path.parent / "trail")}
    perform(context, operation, args)
    (line,) = engine.store.read_sync(lambda tx: tx.audit.entries(after=before))
    assert (line.kind, line.actor) == ("read", "claire")
    assert "LAMBERT" not in str(dict(line.detail))


async def test_what_identifies_nobody_leaves_no_line_and_names_nobody(
    engine: Engine, context: Context
) -> None:
    await engine.hear("lambert-A01")
    await engine.wait(timedelta(seconds=6))
    before = lines(engine)
    for operation in ("status", "journal.list", "outbox.list"):
        told = str(perform(context, operation, {}))
        for word in ("LAMBERT", PATIENT, "MARTEL", "10999990012", "claire.martel"):
            assert word not in told
    assert lines(engine) == before


@pytest.mark.parametrize(
    ("stems", "patient", "seconds", "words"),
    [
        (["dubreuil"], "26000002", 10, ["exit → sending", "exit-letter v1"]),
        (["morel-A01"], "26000005", 8, ["arrival → ", "refused"]),
        (["petit-A01", "petit-A11"], "26000006", 8, ["No stay is known", "CANCEL"]),
        (["faure"], "26000009", 8, ["What the way out means is not known."]),
        (["leroy"], "26000015", 60, ["arrival → "]),
    ],
)
async def test_each_story_says_what_came_of_it_and_why(
    engine: Engine,
    context: Context,
    stems: list[str],
    patient: str,
    seconds: int,
    words: list[str],
) -> None:
    from tests.support.house import ROOT

    for stem in stems:
        for path in sorted((ROOT / "fixtures/day").glob(f"*{stem}*.hl7")):
            await engine.journal(path.read_bytes())
    await engine.read()
    await engine.wait(timedelta(seconds=seconds))
    text = perform(context, "why", {"patient": patient})["text"]
    for word in words:
        assert word in text, text
