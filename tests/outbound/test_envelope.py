import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.flow import Cause, Rejected
from engine.outbound.envelope import (
    CHUNK,
    Envelope,
    Offer,
    envelope,
    original_recipient,
    transmitted,
    xtext,
)
from tests.support.deliveries import a_delivery

ALL = Offer(dsn=True, eight_bit=True, utf8=True, size_limit=1000)
PLAIN = b"Subject: x\r\n\r\ncorps\r\n"


def received(wire: bytes) -> bytes:
    """What a server keeps: RFC 5321 section 4.5.2."""
    lines = wire.split(b"\r\n")
    return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)


@given(st.lists(st.sampled_from([b".", b"\r\n", b"\n", b"\r", b"a", b"..", b"x" * 1000])))
def test_a_body_arrives_as_it_was_but_for_line_ends(pieces: list[bytes]) -> None:
    mime = b"".join(pieces)
    wire = b"".join(transmitted(mime))
    expected = re.sub(rb"\r\n|\r|\n", b"\r\n", mime)
    if expected and not expected.endswith(b"\r\n"):
        expected += b"\r\n"
    assert received(wire) == expected


@given(st.binary(max_size=300), st.integers(-4, 4))
def test_a_body_never_holds_a_final_dot_of_its_own(tail: bytes, shift: int) -> None:
    mime = b"x" * (CHUNK + shift) + b"\r\n.\r\n" + tail + b"\r\n.\r\n"
    wire = b"".join(transmitted(mime))
    assert b"\r\n.\r\n" not in wire
    assert not wire.startswith(b".\r\n")
    assert wire.endswith(b"\r\n")
    assert b"\n" not in wire.replace(b"\r\n", b"")


@pytest.mark.parametrize("shift", range(-3, 4))
def test_a_dot_at_the_edge_of_a_piece_is_stuffed(shift: int) -> None:
    mime = b"x" * (CHUNK - 2 + shift) + b"\r\n.fin\r\n"
    wire = b"".join(transmitted(mime))
    assert received(wire) == mime
    assert wire.count(b"..fin") == 1


def test_a_relay_with_dsn_is_asked_for_reports_of_headers_only() -> None:
    wanted = envelope(a_delivery("abc1", "cab+1@medecin.example"), PLAIN, ALL)
    assert wanted == Envelope(
        mail=(b"MAIL", b"FROM:<usmp@hopital.example>", b"SIZE=21", b"RET=HDRS", b"ENVID=abc1"),
        rcpt=(
            b"RCPT",
            b"TO:<cab+1@medecin.example>",
            b"NOTIFY=SUCCESS,FAILURE,DELAY",
            b"ORCPT=rfc822;cab+2B1@medecin.example",
        ),
    )


def test_a_relay_without_extensions_gets_bare_commands() -> None:
    wanted = envelope(a_delivery(), PLAIN, Offer())
    assert wanted == Envelope(
        mail=(b"MAIL", b"FROM:<usmp@hopital.example>"),
        rcpt=(b"RCPT", b"TO:<cabinet@medecin.example>"),
    )


def test_a_mail_over_the_announced_size_is_rejected_before_it_is_sent() -> None:
    assert envelope(a_delivery(), PLAIN + b"x" * 1000, ALL) == Rejected(Cause.SIZE, None, "5.3.4")


def test_eight_bit_bodies_and_utf8_addresses_are_declared_or_rejected() -> None:
    accents = PLAIN + "é".encode()
    wanted = envelope(a_delivery(), accents, ALL)
    assert isinstance(wanted, Envelope)
    assert b"BODY=8BITMIME" in wanted.mail
    assert b"SMTPUTF8" not in wanted.mail
    assert envelope(a_delivery(), accents, Offer()) == Rejected(Cause.INTERNAL, None, "5.6.3")
    accented = a_delivery("d1", "rené@médecin.example")
    wanted = envelope(accented, PLAIN, ALL)
    assert isinstance(wanted, Envelope)
    assert b"SMTPUTF8" in wanted.mail
    assert b"ORCPT=utf-8;ren\\x{E9}@m\\x{E9}decin.example" in wanted.rcpt
    assert envelope(accented, PLAIN, Offer()) == Rejected(Cause.MAILBOX, None, "5.6.7")


@given(st.text(max_size=60), st.sampled_from(["", "@medecin.example"]))
def test_no_address_ever_adds_a_command_or_a_parameter(local: str, domain: str) -> None:
    wanted = envelope(a_delivery("d1", local + domain), PLAIN, ALL)
    if isinstance(wanted, Envelope):
        for word in wanted.rcpt:
            assert not re.search(rb"[\x00-\x20\x7f]", word)
        assert wanted.rcpt[1].count(b">") == 1
    else:
        assert isinstance(wanted, Rejected)


@given(st.text())
def test_xtext_is_printable_and_reads_back(text: str) -> None:
    coded = xtext(text)
    assert re.fullmatch(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*", coded)
    back = re.sub(rb"\+([0-9A-F]{2})", lambda m: bytes.fromhex(m[1].decode()), coded)
    assert back == text.encode()


def test_an_ascii_address_keeps_the_rfc822_form() -> None:
    assert original_recipient("a=b@c.example") == b"rfc822;a+3Db@c.example"


@pytest.mark.parametrize(
    ("size", "limit"), [("1000", 1000), ("0", None), ("", None), ("x", None), ("9" * 99, None)]
)
def test_the_size_of_ehlo_is_read_with_care(size: str, limit: int | None) -> None:
    assert Offer.of({"size": size}).size_limit == limit
