"""The letter before it leaves: added to, looked at, checked; each with its line in the audit."""

import base64
from pathlib import Path
from typing import Any

import pytest

from engine.commands import perform
from engine.commands.context import Context
from engine.inbound.door import Door
from engine.inbound.receive import Receiver
from engine.model.errors import OperationError
from engine.model.flow import JournalState
from tests.support.forms import EXAMPLE, encoded, form
from tests.support.house import Engine
from tests.support.mllp_peer import Tally

CLINICAL = Path(__file__).resolve().parents[2] / "fixtures/inbound/clinical"
VISIT = "V260003"
COORDINATOR = {"plan", "appointments", "rights", "housing", "relays"}


@pytest.fixture
def context(engine: Engine) -> Context:
    return Context(engine.store, engine.settings, lambda: engine.now, "claire", lambda: None)


def add(context: Context, raw: bytes) -> dict[str, Any]:
    return perform(context, "letter.add", {"form": base64.b64encode(raw).decode()})


def audited(engine: Engine) -> list[tuple[str, str | None, dict[str, Any]]]:
    rows = engine.store.read_sync(lambda tx: tx.audit.entries(limit=10_000))
    return [(row.kind, row.patient, dict(row.detail)) for row in rows if row.actor == "claire"]


async def test_a_form_added_is_shown_and_the_audit_says_who_added_and_who_validated(
    engine: Engine, context: Context
) -> None:
    await engine.hear("hennebelle-A01")
    assert add(context, EXAMPLE) == {"half": "DSS", "validated": True, "withdrawn": False}
    ((kind, patient, detail),) = audited(engine)
    assert (kind, patient) == ("human-act", "26000003|1.2.250.1.999.1")
    assert (detail["act"], detail["half"]) == ("letter add", "DSS")
    assert detail["validated_by"] == "10999990038"
    told = perform(context, "letter.show", {"stay": VISIT})
    (part,) = told["parts"]
    assert (part["source"], part["reference"]) == ("form", "USMP-2026-0117")
    assert (part["validated"], part["in_letter"]) == (True, True)
    for words in ("In the letter", "Pharmacie du Beffroi", "validated, Claire MODELE", "naloxone"):
        assert words in told["text"]
    assert "Not in the letter" not in told["text"]
    assert [detail.get("what") for _, _, detail in audited(engine)] == [None, "letter preview"]


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b"{", "/: is no JSON"),
        (encoded(form(half="X")), "/half"),
        (encoded(form(visit="V9")), "/visit"),
        (encoded(form(patient={"number": "99"})), "/patient"),
        (encoded(form(patient={"number": "26000003", "authority": "9.9"})), "/patient"),
    ],
)
async def test_a_form_that_is_wrong_or_of_nobody_is_refused_by_its_place(
    engine: Engine, context: Context, raw: bytes, where: str
) -> None:
    await engine.hear("hennebelle-A01")
    with pytest.raises(OperationError) as raised:
        add(context, raw)
    assert raised.value.where.startswith(where)
    assert "HENNEBELLE" not in str(raised.value)
    assert audited(engine) == []


@pytest.mark.parametrize("args", [{}, {"form": "?"}, {"form": 7}, {"form": "é"}])
async def test_what_is_no_form_at_all_is_refused(context: Context, args: dict[str, Any]) -> None:
    with pytest.raises(OperationError):
        perform(context, "letter.add", args)


async def test_what_stays_here_is_shown_with_why(engine: Engine, context: Context) -> None:
    await engine.hear("hennebelle-A01")
    for name in ("A08-allergies", "A08-diagnoses"):
        await engine.journal((CLINICAL / f"{name}.hl7").read_bytes())
    await engine.read()
    add(context, encoded(form(validated=False, validated_by=...)))
    perform(
        context,
        "consent.record",
        {"patient": "26000003", "purposes": ["exit-letter-psychiatric"], "state": "refused"},
    )
    add(context, encoded(form(half="DSP", document="F2", items={"synthesis": "Suivi."})))
    told = perform(context, "letter.show", {"stay": VISIT})
    found = {(one["source"], one["half"], one["why_not"]) for one in told["parts"]}
    assert found == {
        ("form", "DSS", "not validated"),
        ("form", "DSP", "no agreement of the patient"),
        ("message", "DSS", "not validated"),
        ("message", "DSP", "not validated"),
    }
    head, _, kept = told["text"].partition("Not in the letter")
    assert "PÉNICILLINES" in kept
    assert "nothing" in head
    assert "Suivi." in kept


async def test_what_another_role_would_be_shown_is_told_with_what_is_left_out(
    engine: Engine, context: Context
) -> None:
    await engine.hear("hennebelle-A01")
    add(context, EXAMPLE)
    whole = perform(context, "letter.show", {"stay": VISIT})
    assert (whole["role"], whole["face"]) == ("gp", "open")
    assert whole["parts"][0]["left_out"] == []
    told = perform(context, "letter.show", {"stay": VISIT, "role": "coordinator"})
    (part,) = told["parts"]
    assert part["items"].keys() == whole["parts"][0]["items"].keys() & COORDINATOR
    assert set(part["left_out"]) == whole["parts"][0]["items"].keys() - COORDINATOR
    assert "As coordinator would read it" in told["text"]
    assert "Pharmacie du Beffroi" not in told["text"]
    assert "Pharmacie du Beffroi" in whole["text"]
    assert audited(engine)[-1][2]["role"] == "coordinator"
    with pytest.raises(OperationError):
        perform(context, "letter.show", {"stay": VISIT, "role": "neighbour"})


async def test_a_part_of_which_a_role_is_shown_nothing_stays_here(
    engine: Engine, context: Context
) -> None:
    await engine.hear("hennebelle-A01")
    add(context, encoded(form(items={"synthesis": "Suivi."})))
    told = perform(context, "letter.show", {"stay": VISIT, "role": "nurse"})
    assert [one["why_not"] for one in told["parts"]] == ["this role is shown none of it"]


async def test_the_face_is_told_and_the_discreet_one_leaves_out_what_tells_the_detention(
    engine: Engine, context: Context
) -> None:
    await engine.hear("hennebelle-A01")
    items = {"rights": [{"kind": "CNPE", "state": "rattaché"}, {"kind": "C2S", "state": "ouverte"}]}
    add(context, encoded(form(items=items)))
    assert "Face: open" in perform(context, "letter.show", {"stay": VISIT})["text"]
    perform(
        context,
        "consent.record",
        {"patient": "26000003", "purposes": ["detention-told"], "state": "refused"},
    )
    told = perform(context, "letter.show", {"stay": VISIT})
    assert told["face"].startswith("discreet")
    assert "Face: discreet" in told["text"]
    (part,) = told["parts"]
    assert part["left_out"] == ["rights"]
    assert [one["kind"] for one in part["items"]["rights"]] == ["C2S"]


async def test_a_check_names_what_is_missing_and_what_waits(
    engine: Engine, context: Context
) -> None:
    await engine.hear("hennebelle-A01")
    assert not perform(context, "letter.check", {"stay": VISIT})["complete"]
    add(context, EXAMPLE)
    told = perform(context, "letter.check", {"stay": VISIT})
    assert told["complete"]
    assert "tuberculosis" in told["text"]
    add(context, encoded(form(document="F2", validated=False)))
    told = perform(context, "letter.check", {"stay": VISIT})
    assert not told["complete"]
    assert told["unvalidated"] == [{"half": "DSS", "reference": "F2"}]
    assert audited(engine)[-1][2]["what"] == "letter completeness"


async def test_free_text_of_the_record_is_told_apart(engine: Engine, context: Context) -> None:
    await engine.hear("hennebelle-A01", "hennebelle-A02", "067-hennebelle-T02")
    told = perform(context, "letter.check", {"stay": VISIT})
    assert told["unread"] == ["DSP"]
    assert "free text" in told["text"]


@pytest.mark.parametrize(
    "args",
    [
        {"stay": VISIT},
        {"stay": f"{VISIT}@sequedin"},
        {"stay": f"{VISIT}@sequedin#1"},
        {"stay": VISIT, "patient": "26000003"},
    ],
)
async def test_a_stay_is_found_by_its_visit(
    engine: Engine, context: Context, args: dict[str, Any]
) -> None:
    await engine.hear("hennebelle-A01")
    assert perform(context, "letter.show", args)["stay"].endswith(f"{VISIT}@sequedin#1")


@pytest.mark.parametrize(
    "args", [{}, {"stay": "V9"}, {"stay": "260003"}, {"stay": VISIT, "patient": "26000001"},
             {"stay": VISIT, "patient": "0"}, {"stay": "@sequedin"}],
)  # fmt: skip
async def test_no_other_stay_is_shown_for_it(
    engine: Engine, context: Context, args: dict[str, Any]
) -> None:
    await engine.hear("hennebelle-A01", "lambert-A01")
    for operation in ("letter.show", "letter.check"):
        with pytest.raises(OperationError):
            perform(context, operation, args)
    assert audited(engine) == []


async def test_the_journal_shows_what_a_form_says(engine: Engine, context: Context) -> None:
    await engine.hear("hennebelle-A01")
    raw = encoded(form(visit="V9"))
    receiver = Receiver(engine.store, Tally(), software="RELAIS", clock=lambda: engine.now)
    source = next(iter(engine.settings.config.listener)).name
    good = await receiver.take_form(EXAMPLE, door=Door(source), peer="a.json")
    lost = await receiver.take_form(raw, door=Door(source), peer="b.json")
    await engine.read()
    told = perform(context, "journal.show", {"entry": good.journal_id})
    assert (told["type"], told["state"]) == ("FORM", JournalState.PROCESSED.value)
    assert told["facts"][0]["items"]["naloxone"] is True
    assert audited(engine)[-1][1] == "26000003|1.2.250.1.999.1"
    told = perform(context, "journal.show", {"entry": lost.journal_id})
    assert told["unread"].startswith("/visit")
