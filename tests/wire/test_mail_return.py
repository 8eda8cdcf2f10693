"""What comes back by mail, in the forms of the standards, of the country, and of the field."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.model.receipt import Receipt, ReceiptKind, ReceiptSource, Returned
from engine.wire import mime
from engine.wire.mail_return import NotAReceipt, read
from tests.support.returned_mails import (
    DOCTOR,
    ENVELOPE,
    KO,
    KO_TYPOGRAPHIC,
    NATIONAL_2025,
    NATIONAL_2026,
    NATIONAL_2026_FIELD,
    ORIGINAL,
    US,
    automatic_reply,
    bounce,
    dsn,
    human_reply,
    ko_mail,
    mdn,
)


def only(raw: bytes) -> tuple[Receipt, str, str, tuple[str, ...]]:
    """The one report of a mail: receipt, envelope id, original Message-ID, mailboxes."""
    returned = read(raw)
    assert isinstance(returned, Returned)
    (report,) = returned.reports
    return report.receipt, report.clue.envelope_id, report.clue.original_id, report.clue.recipients


@pytest.mark.parametrize(
    ("action", "status", "kind"),
    [
        ("delivered", "2.0.0", ReceiptKind.DELIVERED),
        ("Delivered (to mailbox)", "2.1.5", ReceiptKind.DELIVERED),
        ("relayed", "2.0.0", ReceiptKind.RELAYED),
        ("expanded", "2.0.0", ReceiptKind.EXPANDED),
        ("delayed", "4.4.1", ReceiptKind.DELAYED),
        ("failed", "5.1.1", ReceiptKind.FAILED),
        ("failed", "4.4.7", ReceiptKind.FAILED),
        ("delivered", "5.1.1", ReceiptKind.UNCLEAR),
        ("failed", "2.0.0", ReceiptKind.UNCLEAR),
        ("refiled", "2.0.0", ReceiptKind.UNCLEAR),
    ],
)
def test_each_action_of_a_delivery_report_is_what_it_says_and_no_more(
    action: str, status: str, kind: ReceiptKind
) -> None:
    receipt, envelope, original, boxes = only(dsn(action, status))
    assert (receipt.kind, receipt.source, receipt.status) == (kind, ReceiptSource.DSN, status)
    assert (envelope, original, boxes) == (ENVELOPE, ORIGINAL, (DOCTOR, DOCTOR))
    assert receipt.said_at == datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_a_report_keeps_the_reply_code_and_none_of_the_words_around_it() -> None:
    raw = dsn("failed", "5.1.1", diagnostic="550 5.1.1 <cabinet@medecin.example> ESSAI Marcel")
    receipt = only(raw)[0]
    assert (receipt.code, receipt.status) == (550, "5.1.1")
    assert "ESSAI" not in repr(receipt)


def test_a_report_on_two_recipients_is_two_statements() -> None:
    raw = dsn("delivered", "2.0.0").replace(
        b"Status: 2.0.0\r\n",
        b"Status: 2.0.0\r\n\r\nFinal-Recipient: rfc822; autre@medecin.example\r\n"
        b"Action: failed\r\nStatus: 5.1.1\r\n",
    )
    returned = read(raw)
    assert isinstance(returned, Returned)
    said = [(one.receipt.kind, one.clue.recipients) for one in returned.reports]
    assert said == [
        (ReceiptKind.DELIVERED, (DOCTOR, DOCTOR)),
        (ReceiptKind.FAILED, ("autre@medecin.example",)),
    ]


@pytest.mark.parametrize(
    ("disposition", "kind", "by_machine"),
    [
        ("manual-action/MDN-sent-manually; displayed", ReceiptKind.DISPLAYED, False),
        ("automatic-action/MDN-sent-automatically; displayed", ReceiptKind.DISPLAYED, True),
        ("automatic-action/MDN-sent-automatically;processed", ReceiptKind.FILED, True),
        ("Automatic-Action / mdn-sent-automatically ; Processed", ReceiptKind.FILED, True),
        ("automatic-action/MDN-sent-automatically; deleted", ReceiptKind.DELETED, True),
        ("automatic-action/MDN-sent-automatically; dispatched", ReceiptKind.DISPATCHED, True),
        ("displayed", ReceiptKind.DISPLAYED, None),
        ("manual-action/MDN-sent-manually; denied", ReceiptKind.UNCLEAR, False),
        ("manual-action/MDN-sent-manually; displayed/superseded", ReceiptKind.UNCLEAR, False),
        ("manual-action/MDN-sent-manually; displayed/error", ReceiptKind.UNCLEAR, False),
        ("displayed displayed", ReceiptKind.UNCLEAR, None),
        ("", ReceiptKind.UNCLEAR, None),
    ],
)
def test_each_disposition_is_what_it_says_and_no_more(
    disposition: str, kind: ReceiptKind, by_machine: bool | None
) -> None:
    receipt, _, original, boxes = only(mdn(disposition))
    assert (receipt.kind, receipt.by_machine) == (kind, by_machine)
    assert (original, boxes) == (ORIGINAL, (DOCTOR, DOCTOR))


def test_the_national_error_of_2025_is_a_refusal_with_its_code() -> None:
    receipt = only(mdn(NATIONAL_2025))[0]
    assert (receipt.kind, receipt.code) == (ReceiptKind.REFUSED, 902)


@pytest.mark.parametrize("code", [900, 901, 902, 903, 904, 905, 906, 950])
def test_the_national_error_of_2026_is_a_refusal_with_its_code(code: int) -> None:
    field = NATIONAL_2026_FIELD.format(code=code)
    receipt = only(mdn(NATIONAL_2026, fields=[field]))[0]
    assert (receipt.kind, receipt.code) == (ReceiptKind.REFUSED, code)


def test_a_processed_report_under_a_subject_that_says_ko_is_no_proof() -> None:
    receipt = only(
        mdn("automatic-action/MDN-sent-automatically; processed", subject=KO.format(code=904))
    )[0]
    assert (receipt.kind, receipt.code) == (ReceiptKind.REFUSED, 904)


def test_a_report_that_carries_the_letter_back_is_read_from_its_beginning() -> None:
    whole = mdn(NATIONAL_2025, attachment=b"PK" * 400_000)
    receipt = only(whole[:65536])[0]
    assert (receipt.kind, receipt.code) == (ReceiptKind.REFUSED, 902)


@pytest.mark.parametrize("subject", [KO, KO_TYPOGRAPHIC, "[KO integration systeme][{code}] x"])
def test_a_ko_mail_is_a_refusal_by_its_sender(subject: str) -> None:
    receipt, _, original, boxes = only(ko_mail(903, subject, thread=False))
    assert (receipt.kind, receipt.source) == (ReceiptKind.REFUSED, ReceiptSource.KO_MAIL)
    assert (receipt.code, original, boxes) == (903, ORIGINAL, (DOCTOR,))


@pytest.mark.parametrize(
    "header",
    ["Auto-Submitted: auto-replied", "X-Autoreply: yes", "Precedence: auto_reply", "X-A: b"],
)
def test_an_automatic_reply_is_an_absence_and_no_reading(header: str) -> None:
    returned = read(automatic_reply(header))
    assert isinstance(returned, Returned)
    (report,) = returned.reports
    assert report.receipt.kind is ReceiptKind.ABSENT
    assert report.clue.thread == (ORIGINAL,)


FREE_TEXT = [
    (
        "Votre message n'a pas pu être remis à <cabinet@medecin.example> : profil fermé.\n"
        "550 5.7.1 refus",
        ReceiptKind.FAILED,
        550,
        "5.7.1",
    ),
    (
        "Hi. This is the qmail-send program.\nI'm afraid I wasn't able to deliver your message.\n"
        "<cabinet@medecin.example>:\n552 boite pleine\n\n--- Below\n"
        "Message-ID: <d1@hopital.example>",
        ReceiptKind.FAILED,
        552,
        None,
    ),
    (
        "Your message to cabinet@medecin.example has not been delivered yet. It will be retried.",
        ReceiptKind.DELAYED,
        None,
        None,
    ),
]


@pytest.mark.parametrize(("text", "kind", "code", "status"), FREE_TEXT)
def test_a_bounce_in_free_text_is_read_for_its_code_and_its_mailbox(
    text: str, kind: ReceiptKind, code: int | None, status: str | None
) -> None:
    receipt, _, original, boxes = only(bounce(text))
    assert (receipt.kind, receipt.source) == (kind, ReceiptSource.BOUNCE)
    assert (receipt.code, receipt.status) == (code, status)
    assert DOCTOR in boxes
    assert original == (ORIGINAL if "Message-ID" in text else "")


def test_the_same_words_by_a_person_are_no_bounce() -> None:
    assert only(human_reply())[0].kind is ReceiptKind.ANSWERED
    by_hand = bounce(FREE_TEXT[0][0], sender="dr@medecin.example").replace(b"<>", b"<dr@x.example>")
    assert read(by_hand) == NotAReceipt("no-report")


def test_an_ordinary_mail_in_a_thread_is_an_answer_of_who_wrote_it_and_no_other_is() -> None:
    raw = human_reply()
    told = read(raw)
    assert isinstance(told, Returned)
    (report,) = told.reports
    assert (report.receipt.kind, report.receipt.source) == (
        ReceiptKind.ANSWERED,
        ReceiptSource.REPLY,
    )
    assert report.clue.thread == (ORIGINAL,)
    assert report.clue.writer == DOCTOR
    assert told.words
    loose = raw.replace(b"In-Reply-To", b"X-A").replace(b"References", b"X-B")
    assert read(loose) == NotAReceipt("no-report")
    nobody = raw.replace(f"<{DOCTOR}>".encode(), b"")
    assert read(nobody) == NotAReceipt("no-report")
    away = raw.replace(b"Subject:", b"Auto-Submitted: auto-replied\r\nSubject:")
    assert only(away)[0].kind is ReceiptKind.ABSENT


@pytest.mark.parametrize(
    ("told", "writer"),
    [
        ("From: Dr <a@b.example>", "a@b.example"),
        ("From: A@B.example (Dr Z)", "a@b.example"),
        ('From: "a@b.example" <x@evil.example>', "x@evil.example"),
        ("From: a@b.example <x@evil.example>", "x@evil.example"),
        ("From: =?utf-8?Q?=3Ca=40b.example=3E?= <x@evil.example>", "x@evil.example"),
        ("From: =?utf-8?Q?=3Ca=40b.example=3E?=", None),
        ("From: <a@b.example>, <x@evil.example>", None),
        ("From: <a@b.example>\r\nFrom: <x@evil.example>", None),
        ("From: " + "(" * 5000 + "<a@b.example>", None),
        ("From: MAILER-DAEMON", None),
        ("X-From: <a@b.example>", None),
    ],
)
def test_who_wrote_is_one_mailbox_or_nobody(told: str, writer: str | None) -> None:
    answer = read(f"{told}\r\nIn-Reply-To: {ORIGINAL}\r\n\r\nBonjour".encode())
    if writer is None:
        assert answer == NotAReceipt("no-report")
    else:
        assert isinstance(answer, Returned)
        assert answer.reports[0].clue.writer == writer
    reading = read(mdn().replace(b"From: Cabinet <cabinet@medecin.example>", told.encode()))
    assert isinstance(reading, Returned)
    assert reading.reports[0].clue.writer == (writer or "?")


def test_a_report_that_is_not_the_outermost_part_may_have_words_beside_it() -> None:
    bare = read(mdn())
    assert isinstance(bare, Returned)
    assert not bare.words
    inner = mdn().partition(b"Content-Type: multipart/report")[2]
    wrapped = (
        b"From: Dr <cabinet@medecin.example>\r\nMessage-ID: <w@x>\r\n"
        b"Content-Type: multipart/mixed; boundary=zz\r\n\r\n"
        b"--zz\r\n\r\nCe n'est pas mon patient.\r\n"
        b"--zz\r\nContent-Type: multipart/report" + inner + b"\r\n--zz--\r\n"
    )
    told = read(wrapped)
    assert isinstance(told, Returned)
    assert told.words


def test_a_report_inside_a_mail_that_somebody_passes_on_is_not_believed() -> None:
    forwarded = (
        b"From: dr@medecin.example\r\nContent-Type: multipart/mixed; boundary=zz\r\n\r\n"
        b"--zz\r\n\r\nVoir ci-joint\r\n--zz\r\nContent-Type: message/rfc822\r\n\r\n"
        + mdn()
        + b"\r\n--zz--\r\n"
    )
    assert read(forwarded) == NotAReceipt("no-report")


def test_two_reports_in_one_mail_are_none() -> None:
    part = b"--B/b1\r\nContent-Type: message/disposition-notification\r\n\r\nDisposition: displayed"
    raw = dsn().replace(b"--B/b1--", part + b"\r\n\r\n--B/b1--")
    assert read(raw) == NotAReceipt("several-reports")


def test_a_letter_that_comes_in_is_no_receipt() -> None:
    raw = b"From: dr@x.example\r\nSubject: XDM/1.0/DDM+Lettre ESSAI Marcel\r\n\r\nBonjour"
    assert read(raw) == NotAReceipt("no-report")


WHOLE = [dsn(), mdn(), mdn(NATIONAL_2025), ko_mail(), automatic_reply(), bounce(FREE_TEXT[0][0])]


@pytest.mark.parametrize("raw", WHOLE)
def test_a_mail_cut_anywhere_is_read_or_left_and_never_says_more(raw: bytes) -> None:
    whole = read(raw)
    assert isinstance(whole, Returned)
    good = {ReceiptKind.DELIVERED, ReceiptKind.DISPLAYED, ReceiptKind.FILED}
    said = {one.receipt.kind for one in whole.reports}
    for end in range(0, len(raw), 7):
        part = read(raw[:end])
        if isinstance(part, Returned):
            # A cut may hide an error: it then hides the disposition too, or leaves it whole.
            assert {one.receipt.kind for one in part.reports} & good <= said


@given(st.binary(max_size=2000))
@example(b"")
@example(b"\xff" * 50)
@example(b"Content-Type: multipart/report; boundary=\r\n\r\n----")
def test_any_bytes_get_an_answer(raw: bytes) -> None:
    assert isinstance(read(raw), Returned | NotAReceipt)


@given(st.sampled_from(WHOLE), st.data())
def test_a_mail_with_bytes_changed_gets_an_answer(raw: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(raw) - 1))
    piece = data.draw(st.binary(max_size=8))
    assert isinstance(read(raw[:at] + piece + raw[at + len(piece) :]), Returned | NotAReceipt)


SIZE = 256 * 1024


def nested(depth: int) -> bytes:
    raw = b""
    for n in range(depth):
        raw += b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
    return raw


HOSTILE = {
    "nested": nested(5000)[:SIZE],
    "parts": b"Content-Type: multipart/report; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * (SIZE // 8),
    "boundaries": b"Content-Type: multipart/report; boundary=b\r\n\r\n" + b"--b \n--" * (SIZE // 8),
    "headers": b"A: b\r\n" * (SIZE // 6),
    "one-header": b"Subject: " + b"a" * SIZE,
    "folded": b"Subject: x\r\n" + b" y\r\n" * (SIZE // 4),
    "words": b"Subject: " + b"=?a?q?" * (SIZE // 6),
    "parameters": b"Content-Type: multipart/mixed" + b';x="' * (SIZE // 4),
    "blocks": b"Content-Type: message/delivery-status\r\n\r\n" + b"A: b\r\n\r\n" * (SIZE // 8),
    "tags": b"From: MAILER-DAEMON@x.example\r\nContent-Type: text/html\r\n\r\n" + b"<" * SIZE,
    "addresses": b"Return-Path: <>\r\nSubject: undelivered\r\n\r\n" + b"a@b.c" * (SIZE // 5),
    "dots": b"Return-Path: <>\r\nSubject: undelivered\r\n\r\na@" + b"b." * (SIZE // 2),
    "rfc822": b"Content-Type: message/rfc822\r\n\r\n" * (SIZE // 32),
    "ids": b"Return-Path: <>\r\nSubject: undelivered\r\n\r\n" + b"Message-ID: <" * (SIZE // 13),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_costs_little_time(name: str) -> None:
    started = time.process_time()
    read(HOSTILE[name])
    assert time.process_time() - started < 0.5


def test_a_bound_met_is_told() -> None:
    assert any(part.cut for part in mime.read(HOSTILE["nested"]).walk())
    assert mime.read(HOSTILE["parts"]).cut
    assert len(mime.read(HOSTILE["parts"]).walk()) <= mime.MOST_PARTS


def test_our_own_address_is_nobody_s_receipt() -> None:
    assert US not in only(dsn())[3]
