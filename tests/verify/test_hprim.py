from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compose.render import render
from engine.verify import check
from engine.verify.hprim import END, FIN, HprimError, decoded, judge, read
from engine.verify.report import Kind, Weight
from tests.support.letters import HPRIM_FACE, letter, shop

HEAD = [
    "U99-000123", "ESSAI", "MARCEL", "", "", "", "14/02/1961", "", "R-01J9ZK", "24/11/2026",
    ".          CH EXEMPLE", ".          TEMOIN PAUL",
]  # fmt: skip


def file(
    head: list[str] = HEAD, body: str = "\nBonjour,\n\nTout va bien.\n", end: str = "\r\n"
) -> bytes:
    text = "\n".join(head) + "\n" + body + f"{FIN}\n{END}\n"
    return text.replace("\n", end).encode("latin-1")


def rules(data: bytes, *weights: Weight) -> set[str]:
    return {one.rule for one in judge(data) if not weights or one.weight in weights}


def test_a_letter_of_the_safest_form_has_no_fault() -> None:
    assert rules(file()) == set()


def test_what_we_send_is_of_the_safest_form() -> None:
    assert rules(render(letter(), shop(), HPRIM_FACE).files["letter.hpr"]) == set()


def test_a_letter_is_read_into_its_parts() -> None:
    head = [*HEAD[:3], "1 rue Inventée", ".", "00000 EXEMPLEVILLE", *HEAD[6:7], "161029999900145",
            *HEAD[8:10], "SENDER1    CH EXEMPLE", "TEMOIN     TEMOIN PAUL"]  # fmt: skip
    body = "\nBonjour,\nbien.\n****LAB****\nTEX|x\nRES|Glycémie|GLY|N|5.1|mmol/l|3.9|6.1|N|F\n"
    (one,) = read(file(head, body))
    assert (one.code, one.family, one.given) == ("U99-000123", "ESSAI", "MARCEL")
    assert (one.birth, one.day) == (date(1961, 2, 14), date(2026, 11, 24))
    assert one.address == ("1 rue Inventée", "00000 EXEMPLEVILLE")
    assert one.nir == "161029999900145"
    assert one.sender == ("SENDER1", "CH EXEMPLE")
    assert one.recipient == ("TEMOIN", "TEMOIN PAUL")
    assert one.text == "Bonjour,\nbien."
    (result,) = one.results
    assert (result.label, result.value, result.unit, result.status) == (
        "Glycémie", "5.1", "mmol/l", "F",
    )  # fmt: skip


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_line_ends_of_every_kind_are_read(end: str) -> None:
    assert read(file(end=end)) == read(file())


def test_padding_blanks_a_missing_thirteenth_line_and_short_years_are_read() -> None:
    head = [line + "   " for line in HEAD]
    head[6], head[7] = "14/02/61", "1610299999001 45"
    (one,) = read(file(head, "Bonjour\n"))
    assert (one.birth, one.nir, one.text) == (date(1961, 2, 14), "161029999900145", "Bonjour")


def test_a_file_of_two_letters_is_read_and_told() -> None:
    first = file().decode("latin-1").replace(END + "\r\n", "")
    both = (first + file().decode("latin-1")).encode("latin-1")
    assert len(read(both)) == 2
    assert "hprim-one" in rules(both, Weight.GRAVE)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (file().replace(END.encode() + b"\r\n", b""), "hprim-end"),
        (file().replace(FIN.encode() + b"\r\n", b""), "hprim-fin"),
        (file().replace(b"****FIN****\r\n", b"****FIN****\r\nmots\r\n"), "hprim-between"),
        (file(HEAD[:5], ""), "hprim-header"),
        (f"{END}\r\n{FIN}\r\n".encode(), "hprim-fin"),
    ],
)
def test_a_file_without_a_whole_letter_is_refused(data: bytes, rule: str) -> None:
    with pytest.raises(HprimError) as caught:
        read(data)
    assert caught.value.rule == rule
    assert rules(data) == {rule}


def line(number: int, value: str) -> list[str]:
    return [*HEAD[: number - 1], value, *HEAD[number:]]


GRAVE = {
    "hprim-cr": file(end="\r"),
    "hprim-mark": b"\xef\xbb\xbf" + file(),
    "hprim-tail": file() + b"Cordialement\r\n",
    "hprim-code": file(line(1, "U99 000123 45")),
    "hprim-name": file(line(2, ".")),
    "hprim-city": file(line(6, "EXEMPLEVILLE 00000")),
    "hprim-date": file(line(7, "31/02/1961")),
    "hprim-date-form": file(line(10, "24/11/2026 ")),
    "hprim-party": file(line(12, "")),
    "hprim-mark-blank": file().replace(b"****FIN****", b" ****FIN****"),
    "hprim-long": file(body="\n" + "m" * 300 + "\n"),
    "hprim-stars": file(body="\nun **** deux\n"),
    "hprim-res": file(body="\nRES|x\n"),
}
OURS = {
    "hprim-line-end": file(end="\n"),
    "hprim-charset": file(body="\nété\n").decode("latin-1").encode("utf-8"),
    "hprim-control": file(body="\nun\tdeux\n"),
    "hprim-tail": file() + b"\r\n",
    "hprim-prefix": file(line(1, "000123")),
    "hprim-alphabet": file(line(2, "D'ESSAI")),
    "hprim-nir": file(line(8, "1610299999001 45")),
    "hprim-columns": file(line(11, "10999999997 CH EXEMPLE")),
    "hprim-blank": file(body="Bonjour\n"),
    "hprim-wide": file(body="\n" + "m" * 79 + "\n"),
}


@pytest.mark.parametrize(("rule", "data"), GRAVE.items(), ids=list(GRAVE))
def test_what_a_reader_refuses_or_files_wrongly_is_grave(rule: str, data: bytes) -> None:
    found = rules(data, Weight.GRAVE)
    assert found - {"hprim-cr"} == {rule} - {"hprim-cr"}
    assert rule in found


@pytest.mark.parametrize(("rule", "data"), OURS.items(), ids=list(OURS))
def test_what_readers_live_with_counts_against_a_letter_of_ours_alone(
    rule: str, data: bytes
) -> None:
    assert rules(data) == {rule}
    assert check("x", data).grave == ()
    assert {one.rule for one in check("x", data, leaving=True).grave} == {rule}


def test_the_file_is_known_by_its_seventh_line_or_its_mark() -> None:
    assert check("x", file()).kind is Kind.HPRIM
    assert check("x", "\r\n".join(HEAD).encode() + b"\r\n\r\nmots\r\n").kind is Kind.HPRIM


def test_latin_utf_8_and_utf_16_are_read() -> None:
    for codec in ("latin-1", "utf-8", "utf-16", "utf-8-sig"):
        assert decoded("été".encode(codec)) == "été"


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    list(judge(noise))
    list(judge(b"\r\n".join([b"a"] * 12) + noise + f"\r\n{FIN}\r\n{END}\r\n".encode()))


@given(
    st.lists(
        st.text(st.characters(codec="latin-1", exclude_categories=("Cc",)), max_size=40),
        max_size=15,
    )
)
def test_a_finding_never_quotes_the_letter(lines: list[str]) -> None:
    secret = "ZQXJKVW"
    body = "\n" + "\n".join(secret + one for one in lines) + "\n"
    told = " ".join(one.place + one.sentence for one in judge(file(line(2, secret + "'"), body)))
    assert secret not in told
