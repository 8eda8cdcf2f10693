"""RTF to text: what word processors write, what must not show, what hostile files get."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.mapping.rtf import MOST_DEPTH, MOST_TOKENS, MOST_WRITTEN, rtf_text
from engine.wire.encapsulated import ContentError

HEAD = (
    r"{\rtf1\ansi\ansicpg1252\uc1\deff0{\fonttbl{\f0\froman\fcharset0{\*\panose 0202}Times;}"
    r"{\f1\fswiss\fcharset238 Arial CE;}{\f3\fnil\fcharset2 Symbol;}}"
    r"{\colortbl;\red0\green0\blue0;}{\stylesheet{\s0 Normal;}}{\info{\author Docteur X}}"
    "\r\n"
)


def read(body: str) -> str:
    return rtf_text((HEAD + body + "}").encode("latin-1")).strip()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"\'e9t\'e9 \'8cuvre co\'fbt \'80", "été Œuvre coût €"),
        (r"\u233?t\u233\'e9 \uc0\u339 uvre", "été œuvre"),
        (r"l\rquote\'e9t\'e9 \endash  3\~mg", "l’été – 3\xa0mg"),
        ("été", "été"),
        (r"{\f1 \'b3\'f3d\'9f} d\'e9", "łódź dé"),
        (r"\u-10179?\u-8704?", "😀"),
        (r"co\-opter", "coopter"),
        (r"a\par b\line c", "a\nb\nc"),
        ("cou\r\npé", "coupé"),
        (r"{\pntext\f3\'b7\tab}point", "·\tpoint"),
        (r"{\field{\*\fldinst HYPERLINK \"http://x.test\"}{\fldrslt lien}}", "lien"),
        (r"dose{\footnote voir l\'e0}", "dose voir là"),
    ],
)
def test_french_text_comes_out_as_it_was_written(body: str, text: str) -> None:
    assert read(body) == text


def test_bytes_that_should_have_been_escaped_are_read_all_the_same() -> None:
    assert rtf_text("{\\rtf1\\ansi\\ansicpg1252 Prénom : Zoé}".encode()) == "Prénom : Zoé"
    assert rtf_text("{\\rtf1\\ansi Prénom : Zoé}".encode("cp1252")) == "Prénom : Zoé"
    assert rtf_text(b"{\\rtf1\\mac Zo\\'8e}") == "Zoé"


def test_a_table_keeps_its_rows_and_parts_its_cells() -> None:
    row = r"\trowd\cellx1000\cellx2000\intbl {}\cell {}\cell\row" + "\n"
    body = (
        row.format("Traitement", "Posologie") + row.format(r"M\'e9thadone", "40 mg") + r"\pard fin"
    )
    assert read(body).splitlines() == ["Traitement ; Posologie", "Méthadone ; 40 mg", "fin"]


@pytest.mark.parametrize(
    "body",
    [
        r"{\v cach\'e9}",
        r"\v cach\'e9\v0 ",
        r"{\v{\b cach\'e9}\u233?\tab\'e9}",
        r"{\deleted supprim\'e9}",
        r"{\*\annotation commentaire}",
        r"{\*\atnauthor Dr X}",
        r"{\header en-t\'eate\par}",
        r"{\footerr Page 1}",
        r"{\*\shppict{\pict\pngblip 89504e47}}{\nonshppict{\pict 01}}",
        r"{\object\objemb{\*\objdata 0105}{\result{\pict 00} objet}}",
        r"{\*\inconnu texte}",
        r"{\pict\bin4 }{\}x}",
    ],
)
def test_what_is_not_the_letter_does_not_show(body: str) -> None:
    assert read("avant " + body + "apr\\'e8s") == "avant après"


def test_text_in_a_frame_is_read_once() -> None:
    frame = (
        r"{\shp{\*\shpinst\shpleft1{\sp{\sn pib}{\sv {\pict 00}}}{\shptxt encadr\'e9}}"
        r"{\shprslt{\*\do\dptxbxtext encadr\'e9}}}"
    )
    assert read("avant " + frame + " fin") == "avant encadré fin"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"plain", "is none"),
        (b"{\\rtf1 x", "cut off"),
        (b"{\\rtf1 x}\\", "cut off"),
        (b"{\\rtf1\\ansi \\'81}", "code page lacks"),
        (b"{\\rtf1\\ansi\\ansicpg99999 x}", "unknown here"),
        (b"{\\rtf1 \\u-10179?x}", "characters that are none"),
        (b"{\\rtf1 \\u9999999999?x}", "characters that are none"),
        (b"{\\rtf1 \\uc999999 \\u233?x}", "replaces its characters"),
        (b"{\\rtf1" + b"{" * (MOST_DEPTH + 1) + b"}" * (MOST_DEPTH + 2), "deeper"),
        (b"{\\rtf1" + b"{}" * MOST_TOKENS + b"}", "longer"),
        (b"{\\rtf1 " + b"x" * (MOST_WRITTEN + 1) + b"}", "longer than any letter"),
    ],
    ids=lambda value: value if isinstance(value, str) else "rtf",
)
def test_what_cannot_be_read_is_refused_with_its_reason(data: bytes, why: str) -> None:
    with pytest.raises(ContentError, match=why):
        rtf_text(data)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "data",
    [
        b"{\\rtf1 a{\\pict " + (b"00" * 64 + b"\r\n") * 40_000 + b"}b}",
        b"{\\rtf1 " + b'{\\field{\\*\\fldinst{HYPERLINK "a"' * 60 + b"x" * 500_000 + b"}",
        b"{\\rtf1{\\fonttbl" + b"\\f1\\fcharset" * 100_000 + b"}x}",
        b"{\\rtf1{\\fonttbl" + b"\\f1" * 100_000 + b"x" * 100_000 + b"}x}",
    ],
    ids=["pictures", "links", "charsets", "fonts"],
)
def test_what_would_cost_a_regular_expression_dearly_costs_little(data: bytes) -> None:
    with contextlib.suppress(ContentError):
        assert len(rtf_text(data)) < 1000


_PIECES = st.sampled_from(
    (
        *("{", "}", "\\", "\\par ", "\\u233?", "\\'e9", "\\'", "\\v ", "\\plain", "\\*", "\\bin3 "),
        *("\\uc1", "\\fonttbl", "\\f0", "\\fcharset0", "\\cell", "\\row", "\\shptxt", "mot "),
        "\\nesttableprops",
    )
)


@given(st.lists(_PIECES | st.text(max_size=4), max_size=60))
def test_any_sequence_gives_a_text_or_a_reason(pieces: list[str]) -> None:
    data = ("{\\rtf1 " + "".join(pieces) + "}").encode("utf-8", "replace")
    with contextlib.suppress(ContentError):
        text = rtf_text(data)
        assert "\ufffd" not in text
        text.encode()


@given(st.text(st.characters(codec="cp1252", exclude_categories=["Cc", "Cf"]), max_size=200))
def test_any_french_text_survives_as_a_word_processor_writes_it(text: str) -> None:
    written = "".join(
        f"\\{c}" if c in "{}\\" else c if c.isascii() else f"\\'{c.encode('cp1252').hex()}"
        for c in text
    )
    # Around it, so that the space after a control word and the ends are not at stake.
    assert read(f"[{written}]") == f"[{text}]"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"TRAMADOL {\strike METHADONE 40 mg}\par", "TRAMADOL [barré : METHADONE 40 mg]"),
        (r"a \strike b\strike0  c", "a [barré : b] c"),
        (r"a \striked1 b\striked0  c", "a [barré : b] c"),
        (r"a \strike b\plain  c", "a [barré : b] c"),
        (r"{\strike a {\b b} c} d", "[barré : a b c] d"),
        (r"{\strike a\par b} c", "[barré : a]\n[barré : b] c"),
        (r"{\strike \u233?t\'e9}", "[barré : été]"),
        (r"{\strike a\cell b\cell\row}c", "[barré : a] ; [barré : b]\nc"),
        (r"{\strike a {\v cach\'e9} b}", "[barré : a  b]"),
        (r"{\strike \par }a", "a"),
        (r"{\strike }a", "a"),
    ],
)
def test_words_that_are_struck_through_never_read_as_if_they_stood(body: str, text: str) -> None:
    assert read(body) == text


@pytest.mark.parametrize("word", ["column", "page", "sect", "par", "line"])
def test_a_break_never_joins_two_words(word: str) -> None:
    assert read(rf"fin\{word} d\'e9but").split() == ["fin", "début"]
