import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.wire import hl7
from engine.wire.hl7_charset import CODECS
from tests.support.adt import adt

FRENCH = "ÀÂÇÉÈÊËÎÏÔÙÛÜŸŒàâçéèêëîïôùûüÿœ€"
LATIN_9 = st.text(st.sampled_from(FRENCH + "ABC xyz-'"), max_size=30)


def family(raw: bytes, **aliases: str) -> str:
    return hl7.read(raw, aliases=aliases).value("PID", 5)


@given(LATIN_9)
def test_a_name_is_read_as_it_was_written_in_each_declared_set(name: str) -> None:
    assert family(adt(family=name)) == name
    # Written in ISO-8859-15 and declared so; a text that is valid UTF-8 too is the next test's.
    raw = adt(family=name, charset="8859/15", codec="iso8859-15")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        assert family(raw) == name
        assert family(raw.replace(b"|8859/15", b"|")) == name  # and so when nothing is declared


@given(LATIN_9)
def test_utf_8_under_a_false_iso_declaration_is_read_as_utf_8(name: str) -> None:
    for declared in ("8859/1", "8859/15", ""):
        assert family(adt(family=name, charset=declared)) == name


def test_an_absent_charset_is_ascii_utf_8_or_iso_8859_15() -> None:
    assert hl7.read(adt(charset="")).charset == "iso8859-15"
    assert hl7.read(adt(charset="", family="ZOÉ")).charset == "utf-8"
    message = hl7.read(adt(charset="", family="CŒUR €", codec="iso8859-15"))
    assert (message.charset, message.value("PID", 5)) == ("iso8859-15", "CŒUR €")


def test_the_declaration_holds_when_utf_8_would_give_what_no_french_text_holds() -> None:
    # É followed by »: in UTF-8 a letter of the phonetic alphabet.
    assert family(adt(family="«CAF\u00c9»", charset="8859/1", codec="latin-1")) == "«CAFÉ»"
    raw = adt(charset="8859/1").replace(b"MARTEL", b"CAF\xc9\xbb")
    assert family(raw) == "CAFÉ»"


def test_when_neither_reading_makes_sense_the_message_is_refused() -> None:
    # Cyrillic in UTF-8, declared Latin-1: control characters one way, no French the other.
    with pytest.raises(hl7.BytesError):
        hl7.read(adt(charset="8859/1", family="\u0440\u0430"))


@given(st.binary(min_size=1, max_size=8))
def test_declared_utf_8_is_valid_utf_8_or_refused(data: bytes) -> None:
    data = data.replace(b"\r", b"").replace(b"\n", b"")
    raw = adt() + b"NTE|1||" + data
    try:
        valid = raw.decode("utf-8")
    except UnicodeDecodeError:
        with pytest.raises(hl7.BytesError):
            hl7.read(raw)
    else:
        assert hl7.read(raw).encode().decode("utf-8") == valid


def test_windows_bytes_under_an_iso_name_are_refused_unless_the_site_says_so() -> None:
    raw = adt(charset="8859/1", family="L’ŒUVRE", codec="cp1252")
    with pytest.raises(hl7.BytesError) as caught:
        hl7.read(raw)
    assert (caught.value.condition.code, caught.value.condition.location) == (102, "MSH^1^18")
    assert family(raw, **{"8859/1": "WINDOWS-1252"}) == "L’ŒUVRE"


@given(st.binary(max_size=30))
def test_no_iso_reading_ever_gives_a_control_character(data: bytes) -> None:
    raw = adt(charset="8859/15") + b"NTE|1||" + data.translate(None, bytes(range(32)))
    try:
        text = hl7.read(raw).encode().decode(hl7.read(raw).charset)
    except hl7.BytesError:
        return
    if hl7.read(raw).charset != "utf-8":
        assert not any("\x80" <= sign <= "\x9f" for sign in text)


@pytest.mark.parametrize(
    "declared", ["UNICODE UTF-16", "UNICODE", "ISO IR87", "UTF-8", "x", "WINDOWS-1252"]
)
def test_an_unknown_set_is_refused_even_when_all_bytes_are_ascii(declared: str) -> None:
    with pytest.raises(hl7.CharsetError) as caught:
        hl7.read(adt(charset=declared))
    assert (caught.value.condition.code, caught.value.condition.location) == (103, "MSH^1^18")


def test_an_alias_makes_it_known() -> None:
    raw = adt(charset="UTF8", family="ZOÉ")
    assert family(raw, UTF8="UNICODE UTF-8") == "ZOÉ"
    with pytest.raises(hl7.CharsetError):
        family(raw, UTF8="KLINGON")


def test_ascii_with_other_bytes_is_refused() -> None:
    with pytest.raises(hl7.BytesError):
        hl7.read(adt(charset="ASCII", family="ZOÉ"))
    assert hl7.read(adt(charset="ASCII")).charset == "ascii"


@pytest.mark.parametrize("declared", ["unicode utf-8", " UNICODE UTF-8 ", "UNICODE UTF-8~8859/1"])
def test_case_blanks_and_further_repetitions_do_not_matter(declared: str) -> None:
    assert family(adt(charset=declared, family="ZOÉ")) == "ZOÉ"


@pytest.mark.parametrize("name", sorted(CODECS))
def test_every_set_of_the_table_has_a_codec(name: str) -> None:
    raw = adt(charset=name)
    assert hl7.read(raw, aliases={"WINDOWS-1252": "WINDOWS-1252"}).encode() == raw


def test_a_sender_whose_own_name_has_an_accent_is_known_by_it() -> None:
    raw = adt(charset="8859/15", codec="iso8859-15", msh={4: "HÔPITAL"})
    assert hl7.read(raw).header.sender == "DPI|HÔPITAL"
