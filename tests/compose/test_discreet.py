"""Where the detention must not be told, nothing of a mail tells it."""

import ast
import email
import shutil
from collections.abc import Iterable
from datetime import date
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engine.compose.mail import ChannelFace
from engine.compose.render import render
from engine.model.fact import Half
from engine.model.letter import CANCELLATIONS, Letter, LetterKind
from engine.model.summary import (
    Code,
    Contribution,
    Diagnosis,
    ExitSummary,
    Items,
    Right,
    RightKind,
)
from engine.privacy.report import Known, OwnTerms
from engine.privacy.rules import load
from engine.privacy.search import search
from tests.support import unpacked
from tests.support.any_summary import SUMMARIES
from tests.support.examples import whole_letter
from tests.support.letters import (
    DOCTOR,
    FACE,
    NEUTRAL,
    NEUTRAL_FACE,
    NEUTRAL_HPRIM_FACE,
    PATIENT,
    PSYCHIATRIST,
    ROOT,
    SOMATIC,
    UNIT,
    WOMAN,
    annex,
    contribution,
    discreet,
    letter,
    second,
    shop,
    summary,
)
from tests.support.unpacked import LEXICON, folded, holding, listed, telling, texts

pytestmark = pytest.mark.skipif(
    shutil.which("pdftotext") is None or shutil.which("qpdf") is None,
    reason="pdftotext (poppler-utils) or qpdf is missing",
)
RULES = load(ROOT / "mappings/privacy")
OPEN = OwnTerms(
    names=(UNIT.unit, FACE.sender_name),
    addresses=UNIT.address,
    phones=("03 00 00 00 01", "03 00 00 00 02"),
    mailboxes=(UNIT.secure_address, FACE.sender),
)
OF_LETTER = Known(
    people=(
        *(f"{one.family} {one.given}" for one in (DOCTOR, NEUTRAL.responsible)),
        *(f"{one.birth_family} {one.birth_given_all}" for one in (PATIENT, WOMAN)),
    ),
    addresses=(DOCTOR.place or "",),
)
CIM_10 = "2.16.840.1.113883.6.3"
PRISON_DOCTOR = PSYCHIATRIST.model_copy(
    update={
        "specialty_code": "G15_10/CAPA12",
        "specialty": "Médecin - Capacité Médecine Pénitentiaire",
    }
)
# What only detained people have, in each place that a letter has for it.
OF_DETENTION = Items(
    reason="Suivi",
    rights=(
        Right(kind=RightKind.CNPE, state="ouvert"),
        Right(kind=RightKind.C2S, state="demandée"),
    ),
    diagnoses=(
        Diagnosis(label="Difficultés", code=Code(code="Z65.2", system=CIM_10)),
        Diagnosis(label="Difficultés", code=Code(code="Z651", system=CIM_10)),
        Diagnosis(label="Asthme", code=Code(code="J45.9", system=CIM_10)),
    ),
)


def read(mime: bytes) -> EmailMessage:
    message = email.message_from_bytes(mime, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def said(mime: bytes) -> str:
    return folded(" ".join(text for _, text in texts(mime)))


def letters() -> Iterable[Letter]:
    author = contribution(Half.DSP, SOMATIC.said.at, PRISON_DOCTOR, OF_DETENTION)
    for kind in LetterKind:
        yield letter(kind)
    yield whole_letter()
    yield second(summary=summary(SOMATIC, author))
    yield letter(LetterKind.EXIT_LETTER, annexes=(annex(author=PRISON_DOCTOR),))


@pytest.mark.parametrize("of", list(letters()), ids=lambda one: f"{one.kind}-{one.version}")
def test_every_kind_of_letter_is_the_hospital_s_and_says_nothing_of_the_unit(of: Letter) -> None:
    open_ones = (
        UNIT.unit, *UNIT.address[:1], UNIT.phone_dss, UNIT.phone_dsp, UNIT.secure_address,
        UNIT.signature, FACE.sender, FACE.sender_name,
        FACE.sender.rpartition("@")[2],  # the domain of its Message-IDs
    )  # fmt: skip
    for face in (NEUTRAL_FACE, NEUTRAL_HPRIM_FACE):
        mime = render(discreet(of), shop(), face, leaflet=b"%PDF-1.4 unit").mime
        assert telling(mime) == []
        words = said(mime)
        for one in open_ones:
            assert folded(str(one)) not in words, one
        mail = read(mime)
        assert mail["From"].addresses[0].addr_spec == NEUTRAL_FACE.sender
        assert mail["From"].addresses[0].display_name == NEUTRAL_FACE.sender_name
        assert mail["Reply-To"] == NEUTRAL.secure_address
        assert mail["Message-ID"] == NEUTRAL_FACE.message_id
        assert mail["Disposition-Notification-To"] == NEUTRAL_FACE.sender
        assert folded(NEUTRAL.unit) in words


def test_the_same_letter_told_openly_says_it_in_its_words_its_pages_and_its_headers() -> None:
    author = contribution(Half.DSP, SOMATIC.said.at, PRISON_DOCTOR, OF_DETENTION)
    mime = render(letter(LetterKind.EXIT_LETTER, summary=summary(author)), shop(), FACE).mime
    places = {place for place, _ in telling(mime)}
    assert {"header From", "words", "pages", "IHE_XDM/SUBSET01/METADATA.XML"} <= places
    assert "IHE_XDM/SUBSET01/DOC0001.XML/@code" in places
    assert telling(render(letter(), shop(), FACE).mime)


def test_what_only_detained_people_have_is_left_out_and_nothing_else() -> None:
    of = letter(
        LetterKind.EXIT_LETTER,
        summary=summary(contribution(Half.DSP, SOMATIC.said.at, PRISON_DOCTOR, OF_DETENTION)),
    )
    told = render(of, shop(), FACE).files
    kept = render(discreet(of), shop(), NEUTRAL_FACE).files
    for name in ("letter.txt", "cda.xml"):
        for word in ("CNPE", "Z65", "Pénitentiaire"):
            assert word in told[name].decode()
            assert word not in kept[name].decode()
        for word in ("C2S", "Asthme", "J45.9"):
            assert word in kept[name].decode()
    # A doctor is addressed as one, whatever the specialty.
    assert "Dr Jean-Noël EXEMPLE, le" in kept["letter.txt"].decode()
    assert "CAPA12" not in kept["metadata.xml"].decode()
    assert "<suffix>DR</suffix>" in kept["cda.xml"].decode()


def test_a_version_under_another_face_names_no_mail_of_the_first() -> None:
    of = discreet(second())
    before = of.replaces
    assert before is not None
    mail = read(render(of, shop(), NEUTRAL_FACE).mime)
    assert mail["In-Reply-To"] is None
    assert mail["References"] is None
    same = before.model_copy(update={"message_id": "<first@hopital-exemple.mssante.fr>"})
    mail = read(render(of.model_copy(update={"replaces": same}), shop(), NEUTRAL_FACE).mime)
    assert mail["In-Reply-To"] == mail["References"] == "<first@hopital-exemple.mssante.fr>"
    # Told openly, a thread goes on whatever domain it had.
    assert read(render(second(), shop(), NEUTRAL_FACE).mime)["In-Reply-To"] == before.message_id


def test_what_changed_since_is_not_told_of_what_is_left_out() -> None:
    first = contribution(Half.DSS, SOMATIC.said.at, PRISON_DOCTOR, Items(reason="Suivi"))
    of = second(
        summary=summary(contribution(Half.DSS, SOMATIC.said.at, PRISON_DOCTOR, OF_DETENTION))
    )
    before = of.replaces
    assert before is not None
    changed = before.model_copy(update={"summary": summary(first), "modified": (Half.DSS,)})
    of = of.model_copy(update={"replaces": changed})
    assert "CNPE" in render(of, shop(), FACE).files["letter.txt"].decode()
    text = render(discreet(of), shop(), NEUTRAL_FACE).files["letter.txt"].decode()
    assert "CNPE" not in text
    assert "Maladie ajoutée : Asthme" in text


def test_the_leaflet_of_the_unit_is_never_joined() -> None:
    leaflet = b"%PDF-1.4 unit"
    told = read(render(letter(), shop(), FACE, leaflet=leaflet).mime)
    kept = read(render(discreet(letter()), shop(), NEUTRAL_FACE, leaflet=leaflet).mime)
    assert len(list(told.iter_parts())) == 4
    assert len(list(kept.iter_parts())) == 3


def _with_detention(found: ExitSummary, half: Half) -> ExitSummary:
    """What only detained people have comes with whatever else is said."""
    more: Contribution = contribution(half, SOMATIC.said.at, PRISON_DOCTOR, OF_DETENTION)
    return ExitSummary(contributions=(*found.contributions, more))


def test_mails_are_taken_apart_by_nothing_of_the_engine() -> None:
    tree = ast.parse(Path(unpacked.__file__).read_text(encoding="utf-8"))
    named = {
        name.split(".")[0]
        for one in ast.walk(tree)
        for name in (
            [one.module or ""] if isinstance(one, ast.ImportFrom)
            else [of.name for of in one.names] if isinstance(one, ast.Import) else []
        )
    }  # fmt: skip
    assert named.isdisjoint({"engine", "tests"})


def test_the_listed_words_are_those_that_the_rules_hold_alone() -> None:
    for word in ("écrou", "incarcéré", "usmp", "parloir", "codétenus", "spip", "tribunal"):
        assert listed().search(folded(word)), word
    assert not listed().search(folded("Suivi régulier, traitement inchangé."))


@st.composite
def random_letters(draw: st.DrawFn) -> Letter:
    kind = draw(st.sampled_from((*[LetterKind.EXIT_LETTER] * 4, *LetterKind)))
    found = _with_detention(draw(SUMMARIES), draw(st.sampled_from(Half)))
    patient = draw(st.sampled_from((PATIENT, WOMAN))).model_copy(
        update={
            "ipp": str(draw(st.integers(26_000_000, 26_999_999))),
            "birth_date": draw(st.dates(date(1930, 1, 1), date(2007, 1, 1))).strftime("%Y%m%d"),
        }
    )
    changes: dict[str, object] = {"patient": patient}
    if kind is LetterKind.EXIT_LETTER:
        changes["summary"] = found
    later = kind not in CANCELLATIONS and draw(st.booleans())
    return discreet(second(kind, **changes) if later else letter(kind, **changes))


@pytest.mark.timeout(600)  # on a machine that others use too
def test_no_byte_of_two_hundred_random_discreet_mails_says_prison() -> None:
    letters: set[str] = set()

    @settings(
        max_examples=200,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(random_letters(), st.sampled_from((NEUTRAL_FACE, NEUTRAL_HPRIM_FACE)))
    def says_nothing(of: Letter, face: ChannelFace) -> None:
        # What people wrote may say it all the same: that is the firewall's, so it is not drawn.
        drawn = of.summary.model_copy(update={"contributions": of.summary.contributions[:-1]})
        assume(not LEXICON.search(folded(drawn.model_dump_json())))
        told = f"{face.format} {of.model_dump_json()}"
        assume(told not in letters)  # two hundred that differ
        mime = render(of, shop(), face).mime
        found = list(texts(mime))
        assert holding(found, LEXICON) == []
        assert holding(found, listed()) == []
        assert search(mime, RULES, discreet=True, own=OPEN, known=OF_LETTER) == ()
        letters.add(told)

    says_nothing()
    assert len(letters) >= 200
