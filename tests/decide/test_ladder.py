"""The ladder of honest states: convergent, and never above what was said."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.ladder import (
    PROOFS,
    RUNGS_SAID,
    Match,
    Rung,
    by_box_alone,
    candidates,
    match,
    match_by_box,
    standing,
    task_wanted,
)
from engine.decide.sentences import CURES, TASKS
from engine.model.flow import Delivery, DeliveryState
from engine.model.receipt import Clue, Kept, Receipt, ReceiptKind, ReceiptSource
from engine.model.task import RETURNED_KINDS, TaskKind
from tests.support.deliveries import NOW, a_delivery

BOX = "cabinet@medecin.example"


def relayed(ident: str = "d1", **changes: object) -> Delivery:
    values = {"state": DeliveryState.RELAYED, "closed_at": NOW, "attempts": 1} | changes
    return a_delivery(ident, **values)


def kept(
    kind: ReceiptKind, *, minutes: int = 0, other: bool = False, code: int | None = None
) -> Kept:
    receipt = Receipt(kind, ReceiptSource.MDN, code=code)
    at = NOW + timedelta(minutes=minutes)
    return Kept(minutes, "d1", receipt, other, at, "0" * 64, "box 1/1")


K = ReceiptKind
LADDER = [
    ((), Rung.ACCEPTED),
    ((K.RELAYED,), Rung.ACCEPTED),
    ((K.EXPANDED,), Rung.ACCEPTED),
    ((K.DELAYED,), Rung.ACCEPTED),
    ((K.DELETED,), Rung.ACCEPTED),
    ((K.DISPATCHED,), Rung.ACCEPTED),
    ((K.ABSENT,), Rung.ACCEPTED),
    ((K.UNCLEAR,), Rung.ACCEPTED),
    ((K.DELIVERED,), Rung.DELIVERED),
    ((K.DELIVERED, K.DELETED), Rung.DELIVERED),
    ((K.DELAYED, K.DELIVERED), Rung.DELIVERED),
    ((K.DELIVERED, K.DISPLAYED), Rung.DISPLAYED),
    ((K.DISPLAYED, K.FILED), Rung.FILED),
    ((K.REFUSED,), Rung.REFUSED),
    ((K.DELIVERED, K.REFUSED), Rung.REFUSED),
    ((K.DISPLAYED, K.REFUSED), Rung.REFUSED),
    ((K.FILED, K.REFUSED), Rung.UNKNOWN),
    ((K.FAILED,), Rung.FAILED),
    ((K.DELAYED, K.FAILED), Rung.FAILED),
    ((K.DELIVERED, K.FAILED), Rung.UNKNOWN),
    ((K.DISPLAYED, K.FAILED), Rung.UNKNOWN),
    ((K.REFUSED, K.FAILED), Rung.UNKNOWN),
    ((K.FAILED, K.CONFIRMED), Rung.CONFIRMED),
]


@pytest.mark.parametrize(("said", "rung"), LADDER)
def test_a_letter_stands_where_its_reports_put_it(
    said: tuple[ReceiptKind, ...], rung: Rung
) -> None:
    assert standing(relayed(), [kept(kind) for kind in said]).rung is rung


@pytest.mark.parametrize(
    ("changes", "rung"),
    [
        ({"state": DeliveryState.QUEUED, "closed_at": None, "attempts": 0}, Rung.QUEUED),
        ({"state": DeliveryState.HELD, "closed_at": None, "attempts": 0}, Rung.QUEUED),
        ({"state": DeliveryState.QUEUED, "closed_at": None}, Rung.ATTEMPTED),
        ({"state": DeliveryState.SENDING, "closed_at": None, "attempts": 0}, Rung.ATTEMPTED),
        (
            {"state": DeliveryState.QUEUED, "closed_at": None, "possibly_sent": True},
            Rung.POSSIBLY_SENT,
        ),
        ({"state": DeliveryState.EXPIRED, "possibly_sent": True}, Rung.POSSIBLY_SENT),
        ({"state": DeliveryState.CANCELLED, "possibly_sent": True}, Rung.POSSIBLY_SENT),
        ({"state": DeliveryState.EXPIRED}, Rung.FAILED),
        ({"state": DeliveryState.REJECTED}, Rung.FAILED),
        ({"state": DeliveryState.CANCELLED}, Rung.CANCELLED),
        ({"possibly_sent": True}, Rung.ACCEPTED),
    ],
)
def test_without_reports_a_letter_stands_where_its_attempts_left_it(
    changes: dict[str, object], rung: Rung
) -> None:
    assert standing(relayed(**changes), []).rung is rung


def test_every_rung_has_its_words() -> None:
    assert set(RUNGS_SAID) == set(Rung)
    assert set(TASKS) >= RETURNED_KINDS
    assert set(CURES) >= RETURNED_KINDS


RECEIPTS = st.lists(
    st.builds(
        kept,
        st.sampled_from(list(ReceiptKind)),
        minutes=st.integers(0, 9),
        other=st.booleans(),
        code=st.sampled_from([None, 550, 902, 904]),
    ),
    max_size=8,
)


@given(RECEIPTS, st.data())
def test_doubled_late_and_disordered_receipts_converge(
    said: list[Kept], data: st.DataObject
) -> None:
    doubled = said + data.draw(st.lists(st.sampled_from(said), max_size=5) if said else st.just([]))
    shuffled = data.draw(st.permutations(doubled))
    assert standing(relayed(), shuffled) == standing(relayed(), said)


@given(RECEIPTS)
def test_no_proof_is_ever_claimed_that_the_letter_s_own_box_did_not_give(said: list[Kept]) -> None:
    now_at = standing(relayed(), said)
    if now_at.rung in PROOFS:
        good = {K.DISPLAYED, K.FILED}
        assert any(
            one.receipt.kind is K.CONFIRMED or (one.receipt.kind in good and not one.other_box)
            for one in said
        )
        bad = {K.FAILED} if now_at.rung is Rung.DISPLAYED else set()
        assert not any(one.receipt.kind in bad and not one.other_box for one in said)


@given(RECEIPTS, st.booleans(), st.sampled_from([Rung.DELIVERED, Rung.DISPLAYED]))
def test_every_letter_ends_in_proof_or_in_a_task_once_the_wait_is_over(
    said: list[Kept], overdue: bool, enough: Rung
) -> None:
    now_at = standing(relayed(), said)
    wanted = task_wanted(relayed(), now_at, overdue=overdue, enough=enough)
    delivered = enough is Rung.DELIVERED and now_at.rung is Rung.DELIVERED
    told = now_at.rung is Rung.DISOWNED  # an incident, and a question: decide.plan
    if overdue and not (now_at.proven or delivered or told):
        assert wanted is not None
    if now_at.proven:
        assert wanted is None
    if wanted is not None:
        assert wanted.kind in RETURNED_KINDS


@pytest.mark.parametrize("code", [903, 904, 905])
def test_a_refusal_for_the_identity_is_an_identity_task(code: int) -> None:
    now_at = standing(relayed(), [kept(K.REFUSED, code=code)])
    wanted = task_wanted(relayed(), now_at, overdue=False, enough=Rung.DISPLAYED)
    assert wanted is not None
    assert wanted.kind is TaskKind.IDENTITY_REFUSED


@pytest.mark.parametrize("code", [900, 901, 902, 906, 950, None])
def test_another_refusal_is_a_task_of_its_own(code: int | None) -> None:
    now_at = standing(relayed(), [kept(K.REFUSED, code=code)])
    wanted = task_wanted(relayed(), now_at, overdue=False, enough=Rung.DISPLAYED)
    assert wanted is not None
    assert wanted.kind is TaskKind.FILING_REFUSED


def test_a_report_of_another_mailbox_is_no_proof_and_its_bounce_is_a_doubt() -> None:
    read = kept(K.DISPLAYED, other=True)
    assert standing(relayed(), [read]).rung is Rung.ACCEPTED
    assert standing(relayed(), [kept(K.FAILED, other=True)]).rung is Rung.UNKNOWN
    assert (
        standing(relayed(), [kept(K.DELIVERED), kept(K.FAILED, other=True)]).rung is Rung.DELIVERED
    )


def found(*deliveries: Delivery) -> dict[str, Delivery]:
    return {one.id: one for one in deliveries}


def test_a_report_is_tied_by_the_envelope_or_by_the_message_id() -> None:
    one = relayed()
    for clue in (
        Clue(envelope_id="d1"),
        Clue(original_id="<d1@HOPITAL.example>"),
        Clue(thread=("<x@y.example>", "<d1@hopital.example>")),
        Clue(envelope_id="not-ours", original_id="<d1@hopital.example>"),
    ):
        assert candidates(clue)
        assert match(clue, found(one)) == Match("d1", other_box=False)


def test_a_message_id_of_another_domain_is_not_ours() -> None:
    assert match(Clue(original_id="<d1@ailleurs.example>"), found(relayed())) is None


def test_two_keys_that_name_two_letters_tie_to_none() -> None:
    clue = Clue(envelope_id="d1", original_id="<d2@hopital.example>")
    assert match(clue, found(relayed("d1"), relayed("d2"))) is None


def test_of_a_thread_the_nearest_letter_is_meant() -> None:
    clue = Clue(thread=("<d2@hopital.example>", "<d1@hopital.example>"))
    assert match(clue, found(relayed("d1"), relayed("d2"))) == Match("d2", other_box=False)


def test_the_mailbox_named_tells_whether_it_is_the_letter_s_own() -> None:
    one = relayed()
    own = match(Clue(envelope_id="d1", recipients=("alias@x.example", BOX)), found(one))
    assert own == Match("d1", other_box=False)
    other = match(Clue(envelope_id="d1", recipients=("ailleurs@x.example",)), found(one))
    assert other == Match("d1", other_box=True)


def test_a_mailbox_alone_ties_bad_news_to_the_one_letter_that_went_there() -> None:
    clue = Clue(recipients=(BOX,))
    assert match_by_box(clue, [relayed("d1")]) == Match("d1", other_box=False)
    assert match_by_box(clue, [relayed("d1"), relayed("d2")]) is None
    assert match_by_box(Clue(recipients=("x@y.example",)), [relayed("d1")]) is None
    good = {K.DELIVERED, K.DISPLAYED, K.FILED, K.REFUSED, K.CONFIRMED}
    assert not any(by_box_alone(kind) for kind in good)


def test_a_receipt_of_another_letter_says_nothing_of_this_one() -> None:
    stranger = replace(kept(K.FILED), delivery="d2")
    assert standing(relayed(), [stranger]).rung is Rung.ACCEPTED
