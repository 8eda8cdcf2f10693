import re
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compose.mail import ChannelFace
from engine.compose.render import render
from engine.model.errors import ComposeError
from engine.model.letter import LetterKind
from engine.verify import check
from engine.verify.report import Kind
from tests.support.letters import DOCTOR, FACE, HPRIM_FACE, WOMAN, annex, letter, second, shop

LETTERS = {
    "arrival": letter(),
    "arrival-without-ins": letter(patient=WOMAN),
    "exit-notice": letter(LetterKind.EXIT_NOTICE),
    "exit-letter": letter(LetterKind.EXIT_LETTER),
    "second": second(),
    "annex": letter(LetterKind.EXIT_LETTER, annexes=(annex(),)),
}


@cache
def mail(face: str = "xdm") -> bytes:
    return render(letter(), shop(), FACE if face == "xdm" else HPRIM_FACE).mime


def rules(data: bytes) -> set[str]:
    return {one.rule for one in check("x", data, leaving=True).grave}


@pytest.mark.parametrize("of", LETTERS.values(), ids=list(LETTERS))
@pytest.mark.parametrize("face", [FACE, HPRIM_FACE], ids=["xdm", "hprim"])
def test_every_mail_of_ours_is_without_fault(of: object, face: object) -> None:
    report = check("x", render(of, shop(), face).mime, leaving=True)  # type: ignore[arg-type]
    assert (report.kind, report.findings) == (Kind.MAIL, ())


@settings(max_examples=25, deadline=None)
@given(
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60),
    st.text(st.sampled_from("ŒœÆß'’-*|.É àÿłﬁ"), min_size=1, max_size=40),
    st.sampled_from([FACE, HPRIM_FACE]),
)
def test_no_name_makes_a_letter_of_ours_fail_its_own_check(
    family: str, given_: str, face: ChannelFace
) -> None:
    names = {"birth_family": family, "birth_given": given_, "birth_given_all": given_}
    patient = WOMAN.model_copy(update=names)
    doctor = DOCTOR.model_copy(update={"family": family, "given": given_})
    try:
        made = render(letter(patient=patient, recipient=doctor), shop(), face)
    except ComposeError:
        return  # refused with its reason
    assert check("x", made.mime, leaving=True).grave == ()


def _sub(pattern: bytes, by: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        changed, count = re.subn(pattern, by, data, count=1, flags=re.DOTALL)
        assert count, pattern
        return changed

    return change


def _with_part(part: bytes) -> Callable[[bytes], bytes]:
    return _sub(rb"\r\n(--=_[0-9a-f]+)--\r\n\Z", rb"\r\n\1\r\n" + part + rb"\r\n\1--\r\n")


CASES: dict[str, list[Callable[[bytes], bytes]]] = {
    "mail-header": [_sub(rb"\r\nDate: [^\r]*", b"")],
    "mail-header-twice": [_sub(rb"\r\n(Date: [^\r]*)", rb"\r\n\1\r\n\1")],
    "mail-mime": [_sub(rb"MIME-Version: 1.0", b"MIME-Version: 2.0")],
    "mail-date": [_sub(rb"\r\nDate: [^\r]*", b"\r\nDate: hier")],
    "mail-date-zone": [_sub(rb"(\r\nDate: [^\r]*) [+-]\d{4}\r", rb"\1 -0000\r")],
    "mail-id": [_sub(rb"Message-ID: <([^>]*)>", rb"Message-ID: \1")],
    "mail-header-ascii": [_sub(rb"\r\nDate:", "\r\nX-Note: été\r\nDate:".encode())],
    "mail-addresses": [_sub(rb"(\r\nTo: [^\r]*)\r\n", rb"\1, other@x.mssante.fr\r\n")],
    "mail-receipt": [
        _sub(rb"Disposition-Notification-To: [^\r]*", b"Disposition-Notification-To: a@b.fr")
    ],
    "mail-line": [_sub(rb"\r\nDate:", b"\r\nX-Long: " + b"x" * 1100 + b"\r\nDate:")],
    "mail-line-end": [_sub(rb"\r\nMIME-Version", b"\nMIME-Version")],
    "mail-cut": [lambda data: data[:-60]],
    "mail-base64": [_sub(rb"JVBERi0", b"JVBER*0")],
    "mail-7bit": [
        _sub(rb"quoted-printable\r\n\r\n", "7bit\r\n\r\né".encode()),
    ],
    "mail-encoding": [_sub(rb"quoted-printable", b"uuencode")],
    "mail-charset": [_with_part(b"Content-Type: text/plain; charset=UTF-8\r\n"
                                b"Content-Transfer-Encoding: base64\r\n\r\n/w==")],
    "mail-part": [_with_part(b"Content-Type: application/octet-stream\r\n"
                             b"Content-Transfer-Encoding: base64\r\n\r\nTVqQAAMA")],
    "mail-boundary": [_with_part(b"Content-Type: multipart/mixed\r\n\r\nx")],
    "mss-subject": [_sub(rb"XDM/1.0/DDM\+", b"Lettre ")],
    "mss-nil": [_sub(rb"X-MSS-NIL: [^\r]*\r\n", b"")],
    "mss-code": [_sub(rb"X-MSS-CODECDA: [^\r]*", b"X-MSS-CODECDA: 11488-4")],
    "mss-ins": [_sub(rb"X-MSS-INS: O", b"X-MSS-INS: N")],
    "mss-pdf-name": [
        lambda data: re.sub(rb'name="[^"]*\.pdf"', b'name="letter.pdf"', data),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "change"), [(rule, one) for rule, them in CASES.items() for one in them]
)
def test_each_rule_refuses_what_breaks_it(rule: str, change: Callable[[bytes], bytes]) -> None:
    found = rules(change(mail()))
    # A part that cannot be opened is missed by those that look for it.
    with_it = {"mail-base64": {"mss-pdf", "mss-same-pdf", "pdf-header", "pdf-xref", "pdf-end"},
               "mail-cut": {"mss-pdf", "mss-same-pdf"}, "mail-date": {"mail-date-zone"},
               "mail-encoding": {"mail-charset"}}  # fmt: skip
    assert rule in found
    assert found <= {rule} | with_it.get(rule, set())


def test_a_mail_without_its_zip_or_with_two_is_told() -> None:
    part = re.compile(rb"--=_[0-9a-f]+\r\nContent-Type: application/zip.*?\r\n(?=--=_)", re.DOTALL)
    found = part.search(mail())
    assert found
    assert rules(mail().replace(found[0], b"")) == {"mss-without"}
    # The PDF would have to be there twice as well.
    assert rules(mail().replace(found[0], found[0] * 2)) == {"mss-one", "mss-code", "mss-pdf"}


def test_the_pdf_beside_a_document_is_the_one_in_it() -> None:
    other = render(letter(patient=WOMAN), shop(), FACE).mime
    pattern = re.compile(rb"(Content-Type: application/pdf.*?\r\n\r\n)(.*?)(?=\r\n--=_)", re.DOTALL)
    stranger = pattern.search(other)
    assert stranger
    mixed = pattern.sub(lambda found: found[1] + stranger[2], mail())
    assert rules(mixed) == {"mss-same-pdf"}


def test_an_hprim_body_is_judged_as_a_letter() -> None:
    broken = mail("hprim").replace(b"****FINFICHIER****", b"****FIN FICHIER****")
    assert rules(broken) == {"hprim-end"}


def test_a_mail_inside_a_mail_is_opened_and_nesting_ends() -> None:
    broken = render(second(), shop(), FACE).mime.replace(b"Version: 1.0", b"Version: 2.0")
    inner = b"Content-Type: message/rfc822\r\n\r\n" + broken.replace(b"\\", b"\\\\")
    # What the inner mail carries is judged, and the outer one announces none of it.
    assert rules(_with_part(inner)(mail("hprim"))) == {
        "mss-subject", "mss-code", "mss-ins", "mss-nil", "mss-pdf-name",
    }  # fmt: skip
    deep = b"Content-Type: message/rfc822\r\n\r\n" * 50 + b"x"
    assert "mail-parts" in rules(_with_part(deep)(mail()))


def test_a_mail_of_a_thousand_parts_is_not_walked() -> None:
    many = b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" * 1000 + b"--b--\r\n"
    head = b"From: a@b.fr\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    assert "mail-cut" in rules(head + many) or "mail-parts" in rules(head + many)


def test_a_finding_never_holds_a_name_or_a_word_of_the_mail() -> None:
    for changes in CASES.values():
        for change in changes:
            told = " ".join(one.place + one.sentence for one in check("x", change(mail())).findings)
            for secret in ("ESSAI", "Marcel", "MARCEL", "TEMOIN", "14/02/1961", "paul.temoin"):
                assert secret not in told


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_damaged_mail_gives_findings_and_never_an_exception(data: st.DataObject) -> None:
    good = mail("hprim")
    at = data.draw(st.integers(0, 4000))
    noise = data.draw(st.binary(min_size=1, max_size=8))
    check("x", good[:at] + noise + good[at + len(noise) :])


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Subject", "Date",
             "From", "MIME-Version", "Message-ID", "X-MSS-CODECDA"]
        ),
        st.binary(max_size=60).map(lambda one: one.replace(b"\r", b"").replace(b"\n", b"")),
    )
)  # fmt: skip
def test_headers_of_any_bytes_never_raise(headers: dict[str, bytes]) -> None:
    head = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers.items())
    assert check("x", b"To: a@b.fr\r\n" + head + b"\r\n--x\r\n\r\nx\r\n--x--\r\n").findings
    kinds = (b'multipart/mixed; boundary="%s"', b"text/plain; charset=%s", b"%s")
    for kind in kinds:
        value = headers.get("Content-Type", b"x")
        check("x", b"To: a@b.fr\r\nContent-Type: " + kind % value + b"\r\n\r\nx\r\n")
