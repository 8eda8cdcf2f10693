import time

import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compose.render import render
from engine.model.fact import Half
from engine.model.letter import LetterKind
from engine.verify import check
from engine.verify.pdf import judge
from engine.verify.pdf_syntax import File, Name, PdfError, Ref
from engine.verify.report import Kind, Weight
from tests.support import pdf_a, pdf_files
from tests.support.letters import (
    FACE,
    SOMATIC,
    annex,
    contribution,
    letter,
    second,
    shop,
    summary,
)
from tests.support.pdf_made import OBJECTS, TRAILER, XMP, pdf, stream, with_entry


def rules(data: bytes) -> set[str]:
    return {one.rule for one in judge(data)}


@pytest.mark.parametrize(
    "of",
    [letter(), letter(LetterKind.EXIT_NOTICE), second(), letter(annexes=(annex(),))],
    ids=["arrival", "exit-notice", "second", "annex"],
)
def test_every_pdf_of_ours_is_without_fault(of: object) -> None:
    made = render(of, shop(), FACE).files["letter.pdf"]  # type: ignore[arg-type]
    assert pdf_a.faults(made) == []  # another validator says the same
    assert rules(made) == set()


def test_a_file_written_by_hand_is_without_fault() -> None:
    assert rules(pdf()) == set()


def test_an_ordinary_pdf_is_none_for_archives() -> None:
    report = check("x", typst.compile(b"= Hello"))
    assert report.kind is Kind.PDF
    assert {one.rule for one in report.grave} == {"pdf-part", "pdf-intent"}


_ANNOTATION = b"<< /Type /Annot /Subtype /Link /Rect [0 0 1 1] /F 4 >>"
SPOILED: dict[str, list[bytes]] = {
    "pdf-header": [pdf(head=b"%PDF-1.4\n"), pdf(head=b"%PDF-1.4 \n%abcd\n")],
    "pdf-end": [pdf(behind=b"<script>")],
    "pdf-xref": [
        pdf().replace(b"startxref", b"startxxxx"),
        pdf().replace(b"startxref\n", b"startxref\n9"),
        pdf(trailer=TRAILER + b" /Prev 99999"),
        pdf().replace(b"12 0 obj", b"13 0 obj"),
    ],
    "pdf-encrypted": [
        pdf(trailer=TRAILER + b" /Encrypt << /Filter /Standard >>"),
        pdf({4: stream(b"/Filter /Crypt", b"x")}),
    ],
    "pdf-id": [pdf(trailer=b"/Root 1 0 R /Info 12 0 R")],
    "pdf-catalog": [pdf(trailer=b"/Root 2 0 R /ID [<00><00>]")],
    "pdf-pages": [pdf({3: b"<< /Type /Pages >>"})],
    "pdf-lang": [pdf({1: OBJECTS[1].replace(b"/Lang (fr)", b"")})],
    "pdf-tags": [pdf({1: OBJECTS[1].replace(b"/StructTreeRoot 8 0 R", b"")})],
    "pdf-xmp": [
        pdf({1: OBJECTS[1].replace(b"/Metadata 5 0 R", b"")}),
        pdf({5: stream(b"/Type /Metadata", b"<x")}),
    ],
    "pdf-xmp-filter": [pdf({5: stream(b"/Filter []", XMP)})],
    "pdf-part": [pdf({5: stream(b"", XMP.replace(b'part="1"', b'part="2"'))})],
    "pdf-conformance": [pdf({5: stream(b"", XMP.replace(b'ce="B"', b'ce="C"'))})],
    "pdf-info": [pdf({12: b"<< /Title (Autre) >>"}), pdf({12: b"<< /Author (Moi) >>"})],
    "pdf-intent": [
        pdf({1: OBJECTS[1].replace(b"/OutputIntents [6 0 R]", b"")}),
        pdf({7: stream(b"", b"no profile")}),
    ],
    "pdf-font": [pdf({10: b"<< /Type /FontDescriptor >>"})],
    "pdf-stream": [pdf({4: OBJECTS[4].replace(b"/Length 5", b"/Length 7")})],
    "pdf-stream-file": [pdf({4: stream(b"/F (other.pdf)", b"x")})],
    "pdf-lzw": [pdf({4: stream(b"/Filter [/LZWDecode]", b"x")})],
    "pdf-object-stream": [pdf({13: stream(b"/Type /ObjStm", b"x")})],
    "pdf-postscript": [pdf({13: stream(b"/Subtype /PS", b"x")})],
    "pdf-reference": [pdf({13: stream(b"/Subtype /Form /Ref << >>", b"x")})],
    "pdf-embedded": [
        pdf(with_entry(1, b"/Names << /EmbeddedFiles 13 0 R >>")),
        pdf({13: b"<< /Type /Filespec /EF << /F 4 0 R >> >>"}),
    ],
    "pdf-script": [
        pdf(with_entry(1, b"/Names << /JavaScript 13 0 R >>")),
        pdf({13: b"<< /J#53 (app.alert\\(1\\)) >>"}),
    ],
    "pdf-trigger": [pdf(with_entry(3, b"/AA << >>"))],
    "pdf-action": [
        pdf({13: b"<< /Type /Action /S /Launch /F (calc.exe) >>"}),
        pdf(with_entry(1, b"/OpenAction << /Type /Action /S /ImportData >>")),
    ],
    "pdf-layers": [pdf(with_entry(1, b"/OCProperties << >>"))],
    "pdf-image": [pdf({13: stream(b"/Subtype /Image /Alternates []", b"x")})],
    "pdf-interpolate": [pdf({13: stream(b"/Subtype /Image /Interpolate true", b"x")})],
    "pdf-form": [
        pdf(with_entry(1, b"/AcroForm << /XFA [] >>")),
        pdf(with_entry(1, b"/AcroForm << /NeedAppearances true >>")),
    ],
    "pdf-transparency": [
        pdf({13: b"<< /Type /ExtGState /ca 0.5 >>"}),
        pdf({13: b"<< /Type /ExtGState /BM /Multiply >>"}),
        pdf({13: b"<< /Type /ExtGState /SMask << /S /Alpha >> >>"}),
        pdf({13: stream(b"/Subtype /Image /SMask 4 0 R", b"x")}),
        pdf(with_entry(3, b"/Group << /S /Transparency >>")),
        pdf({13: _ANNOTATION.replace(b"/F 4", b"/F 4 /CA 0.3")}),
    ],
    "pdf-transfer": [pdf({13: b"<< /Type /ExtGState /TR 4 0 R >>"})],
    "pdf-annotation": [pdf({13: _ANNOTATION.replace(b"Link", b"Movie")})],
    "pdf-annotation-flags": [
        pdf({13: _ANNOTATION.replace(b"/F 4", b"/F 2")}),
        pdf({13: _ANNOTATION.replace(b"/F 4", b"")}),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "data"), [(rule, one) for rule, them in SPOILED.items() for one in them]
)
def test_each_rule_refuses_what_breaks_it_and_no_other_does(rule: str, data: bytes) -> None:
    assert rules(data) == {rule}


def test_an_honest_annotation_an_action_and_a_graphics_state_are_accepted() -> None:
    states = b"<< /Type /ExtGState /ca 1 /CA 1.0 /BM /Normal /SMask /None >>"
    action = b"<< /Type /Action /S /URI /URI (https://example.test/) >>"
    assert rules(pdf({13: _ANNOTATION, 14: states, 15: action})) == set()


def test_the_newer_form_of_a_file_is_told() -> None:
    good = pdf()
    table = good.rindex(b"\nxref\n") + 1
    newer = good[:table] + b"9 0 obj" + good[table + 4 :]
    assert rules(newer) == {"pdf-xref-stream"}
    assert rules(good[:-30]) >= {"pdf-end"}


def test_what_a_voice_needs_is_advice_for_others_and_wanted_of_ours() -> None:
    (one,) = judge(SPOILED["pdf-lang"][0])
    assert one.weight is Weight.OURS


@pytest.mark.parametrize("made", [pdf_files.endless, pdf_files.immense])
def test_files_made_to_keep_a_drawing_engine_busy_are_read_at_once(made: object) -> None:
    data = made()  # type: ignore[operator]
    start = time.process_time()
    assert rules(data)
    assert time.process_time() - start < 2


def test_objects_that_overlap_are_not_read_for_ever() -> None:
    # A thousand objects, each of which begins inside the one before and ends with the last.
    starts, out = [], bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    for number in range(1, 1001):
        starts.append(len(out))
        out += b"%d 0 obj [ " % number
    out += b"0 " * 50_000 + b"]" * 1000
    table = len(out)
    out += b"xref\n1 1000\n" + b"".join(b"%010d 00000 n \n" % at for at in starts)
    out += b"trailer\n<< %s >>\nstartxref\n%d\n%%%%EOF\n" % (TRAILER, table)
    start = time.process_time()
    assert rules(bytes(out)) & {"pdf-size", "pdf-syntax"}
    assert time.process_time() - start < 2


def test_two_objects_at_one_place_and_a_table_without_end_are_refused() -> None:
    good = pdf()
    table = good.rindex(b"\nxref\n")
    rows = good.index(b" 65535 f \n", table) + len(b" 65535 f \n")
    twin = good[: rows + 20] + good[rows : rows + 20] + good[rows + 40 :]
    assert rules(twin) == {"pdf-xref"}
    with pytest.raises(PdfError):
        File(b"%PDF-1.4\nxref\n0 9999999999\nstartxref\n9\n%%EOF\n")


def test_values_are_read_as_the_syntax_has_them() -> None:
    text = (
        b"<< /A#42 (a\\(b\\)\\101\\\n) /H <4142> /N [1 -2.5 .5] /R 3 0 R /T true /X null"
        b" /L [/Y (z)] >>"
    )
    made = pdf({13: text})
    at = made.index(text)
    value, end = File(made).parse(at)
    assert end == at + len(text)
    assert value == {
        "AB": b"a(b)A", "H": b"AB", "N": [], "R": Ref(3, 0), "T": True, "X": None,
        "L": [Name("Y"), b"z"],
    }  # fmt: skip


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_file_gives_findings_and_never_an_exception(data: st.DataObject) -> None:
    good = pdf()
    at = data.draw(st.integers(0, len(good) - 1))
    noise = data.draw(st.binary(min_size=1, max_size=6))
    list(judge(good[:at] + noise + good[at + len(noise) :]))
    list(judge(good[:at]))


@pytest.mark.parametrize("lines", [40, 60, 400])
def test_a_paragraph_of_short_lines_across_a_page_is_judged_at_once(lines: int) -> None:
    words = "\n".join(f"ligne {n}" for n in range(lines))
    told = summary(contribution(Half.DSS, SOMATIC.said.at, None, words))
    made = render(letter(LetterKind.EXIT_LETTER, summary=told), shop(), FACE)
    start = time.process_time()
    report = check("x", made.mime, leaving=True)
    assert time.process_time() - start < 1
    assert report.findings == ()


@pytest.mark.parametrize(
    "row",
    [
        b"<</Type/StructElem/S/P/P 1 0 R/K[" + b"12 34 0 R " * 500 + b"x]>>",
        b"<</Type/StructElem/S/P/P 1 0 R/K[" + b"1" * 5_000 + b"x]>>",
        b"<</Type/StructElem/S/P/P 1 0 R/A[<</O" + b"/A 1.1" * 2_000 + b"x>>]>>",
        b"<</Type/StructElem/S/P/P 1 0 R" + b"/T(a)" * 2_000 + b"/T(" + b"\\a" * 5_000 + b">>",
        b"[" + b"12 0 R " * 2_000 + b"x]",
        b"[ " + b"% \n %" * 5_000 + b"]",
    ],
    ids=["kids", "digits", "attributes", "words", "references", "comments"],
)
def test_no_row_of_an_object_is_read_in_more_ways_than_one(row: bytes) -> None:
    whole = pdf({max(OBJECTS) + 1: row})
    start = time.process_time()
    list(judge(whole))
    assert time.process_time() - start < 1
