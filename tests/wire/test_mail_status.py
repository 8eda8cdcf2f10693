import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.flow import Accepted, Cause, Deferred, Outcome, Rejected, Unknown
from engine.wire.mail_status import (
    Mishap,
    Stage,
    enhanced_status,
    outcome_of_mishap,
    outcome_of_reply,
    scrubbed,
)

TABLE: list[tuple[Stage, int, str, Outcome | None]] = [
    (Stage.GREETING, 220, "ok", None),
    (Stage.GREETING, 421, "4.3.2 later", Deferred(Cause.GREETING, 421, "4.3.2")),
    (Stage.GREETING, 554, "no", Deferred(Cause.GREETING, 554)),
    (Stage.EHLO, 421, "busy", Deferred(Cause.GREETING, 421)),
    (Stage.EHLO, 502, "what", Deferred(Cause.GREETING, 502)),
    (Stage.TLS, 454, "4.7.0 not now", Deferred(Cause.TLS, 454, "4.7.0")),
    (Stage.TLS, 501, "no", Deferred(Cause.TLS, 501)),
    (Stage.EHLO_SECURED, 421, "4.7.1 no certificate", Deferred(Cause.AUTH, 421, "4.7.1")),
    (Stage.EHLO_SECURED, 554, "no", Deferred(Cause.AUTH, 554)),
    (Stage.EHLO_SECURED, 421, "4.3.2 going down", Deferred(Cause.GREETING, 421, "4.3.2")),
    (Stage.AUTH, 235, "ok", None),
    (Stage.AUTH, 535, "5.7.8 bad", Deferred(Cause.AUTH, 535, "5.7.8")),
    (Stage.AUTH, 454, "later", Deferred(Cause.AUTH, 454)),
    (Stage.MAIL, 250, "ok", None),
    (Stage.MAIL, 451, "4.3.0", Deferred(Cause.BUSY, 451, "4.3.0")),
    (Stage.MAIL, 421, "bye", Deferred(Cause.BUSY, 421)),
    (Stage.MAIL, 530, "5.7.0 login", Deferred(Cause.AUTH, 530, "5.7.0")),
    (Stage.MAIL, 503, "order", Deferred(Cause.REFUSED, 503)),
    (Stage.MAIL, 550, "5.7.1", Rejected(Cause.REFUSED, 550, "5.7.1")),
    (Stage.MAIL, 552, "5.3.4 too big", Rejected(Cause.SIZE, 552, "5.3.4")),
    (Stage.MAIL, 552, "too big", Rejected(Cause.SIZE, 552)),
    (Stage.RCPT, 251, "forwards", None),
    (Stage.RCPT, 450, "4.2.0 greylisted", Deferred(Cause.BUSY, 450, "4.2.0")),
    (Stage.RCPT, 550, "5.1.1 unknown", Rejected(Cause.MAILBOX, 550, "5.1.1")),
    (Stage.RCPT, 552, "5.2.2 full", Rejected(Cause.MAILBOX, 552, "5.2.2")),
    (Stage.RCPT, 552, "5.3.4 big", Rejected(Cause.SIZE, 552, "5.3.4")),
    (Stage.DATA, 354, "go", None),
    (Stage.DATA, 250, "what", Deferred(Cause.REFUSED, 250)),
    (Stage.DATA, 452, "4.3.1", Deferred(Cause.BUSY, 452, "4.3.1")),
    (Stage.DATA, 554, "no", Rejected(Cause.REFUSED, 554)),
    (
        Stage.FINAL_DOT,
        250,
        "2.0.0 Ok: queued as 4Xy12Zab",
        Accepted("250 2.0.0 queued as 4Xy12Zab"),
    ),
    (Stage.FINAL_DOT, 250, "OK id=1tAbCd-000123-2B", Accepted("250 queued as 1tAbCd-000123-2B")),
    (Stage.FINAL_DOT, 421, "4.3.0", Deferred(Cause.BUSY, 421, "4.3.0")),
    (Stage.FINAL_DOT, 451, "x", Deferred(Cause.BUSY, 451)),
    (Stage.FINAL_DOT, 552, "5.2.2 full", Rejected(Cause.MAILBOX, 552, "5.2.2")),
    (Stage.FINAL_DOT, 523, "5.3.4", Rejected(Cause.SIZE, 523, "5.3.4")),
    (Stage.FINAL_DOT, 554, "5.7.1 virus", Rejected(Cause.REFUSED, 554, "5.7.1")),
    (Stage.FINAL_DOT, 354, "what", Unknown()),
    (Stage.FINAL_DOT, -1, "rubbish", Unknown()),
    (Stage.MAIL, -1, "rubbish", Deferred(Cause.DROPPED)),
    (Stage.QUIT, 500, "whatever", None),
]


@pytest.mark.parametrize(("stage", "code", "text", "expected"), TABLE)
def test_a_reply_has_its_outcome(
    stage: Stage, code: int, text: str, expected: Outcome | None
) -> None:
    assert outcome_of_reply(stage, code, text) == expected


@pytest.mark.parametrize("mishap", list(Mishap))
def test_after_the_final_dot_no_reply_always_means_possibly_sent(mishap: Mishap) -> None:
    assert outcome_of_mishap(Stage.FINAL_DOT, mishap) == Unknown()


@pytest.mark.parametrize("mishap", list(Mishap))
@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.FINAL_DOT])
def test_before_the_final_dot_no_reply_is_always_deferred(stage: Stage, mishap: Mishap) -> None:
    assert isinstance(outcome_of_mishap(stage, mishap), Deferred)


@given(st.sampled_from(list(Stage)), st.integers(), st.text())
def test_only_a_2yz_after_the_final_dot_is_ever_acceptance(
    stage: Stage, code: int, text: str
) -> None:
    outcome = outcome_of_reply(stage, code, text)
    accepted = stage is Stage.FINAL_DOT and 200 <= code <= 299
    assert isinstance(outcome, Accepted) == accepted


@given(st.sampled_from([s for s in Stage if s is not Stage.QUIT]), st.integers(400, 599), st.text())
def test_a_refusal_is_never_taken_for_go_on(stage: Stage, code: int, text: str) -> None:
    assert isinstance(outcome_of_reply(stage, code, text), Deferred | Rejected)


@given(st.sampled_from([Stage.GREETING, Stage.EHLO, Stage.TLS, Stage.EHLO_SECURED, Stage.AUTH]))
def test_a_refusal_before_the_envelope_never_closes_a_letter(stage: Stage) -> None:
    for code in range(400, 600):
        assert isinstance(outcome_of_reply(stage, code, ""), Deferred)


@given(st.integers(200, 299), st.text(), st.text(), st.text())
def test_no_address_of_the_peer_is_ever_kept(code: int, head: str, local: str, tail: str) -> None:
    kept = scrubbed(code, f"{head} queued as jean.dupont7{local}@cabinet.example {tail}")
    assert "@" not in kept
    assert "dupont" not in kept


def test_a_name_is_never_kept_as_a_queue_id() -> None:
    assert scrubbed(250, "2.1.5 queued as dupontmartin") == "250 2.1.5"


def test_an_enhanced_status_that_contradicts_its_code_is_not_believed() -> None:
    assert enhanced_status(550, "4.1.1 later") is None
    assert enhanced_status(550, "5.1.1 never") == "5.1.1"
    assert enhanced_status(550, "5.1.1000 never") is None
    assert enhanced_status(550, "5.1.1") == "5.1.1"
