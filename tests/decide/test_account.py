from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.decide.account import _ANSWERS, _LETTERS, _PURPOSES, Told, account
from engine.decide.ladder import Rung, Standing
from engine.model.consent import ConsentState, ConsentStated, Purpose
from engine.model.flow import DeliveryState
from engine.model.letter import LetterKind
from tests.support.stores import NOW, delivery

ACCEPTED = Standing(Rung.ACCEPTED)
ZONE = ZoneInfo("Europe/Paris")
ASKED = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def agreed(state: ConsentState = ConsentState.GRANTED, **changes: object) -> ConsentStated:
    values = {"purpose": Purpose.ARRIVAL_NOTICE, "state": state, "at": ASKED, "by": "form"}
    return ConsentStated(**(values | changes))


def told(
    text: str = "Bonjour,\r\nFin.\r\n",
    stands: Standing = ACCEPTED,
    **changes: object,
) -> Told:
    taken = {"state": DeliveryState.RELAYED, "closed_at": NOW}
    return Told(delivery(**(taken | changes)), NOW, "Claire MARTEL", text, stands)


def written(*letters: Told, said: tuple[ConsentStated, ...] = (agreed(),)) -> str:
    return account("26000001", "Zoé LAMBERT", "CH d'Essai", letters, said, 7, NOW, ZONE)


def test_the_account_says_what_to_whom_when_and_why() -> None:
    text = written(told())
    for words in (
        "pour Zoé LAMBERT, numéro 26000001",
        "1. Un avis : vous êtes suivi par notre équipe",
        "À qui : Claire MARTEL, medecin@cabinet.example (numéro professionnel 10000000008)",
        "Quand : remis à la messagerie le 10 mars 2026 à 10 h 30",
        "Pourquoi : pour prévenir votre médecin de votre arrivée ; vous étiez d'accord le "
        "1er mars 2026",
        "Référence du message : <d1@chu.example>",
        "Ce qui est revenu : aucune preuve",
        "  | Bonjour,\n     | Fin.",
        "- le 1er mars 2026, prévenir votre médecin de votre arrivée : vous avez dit oui",
        "7 informations",
    ):
        assert words in text
    assert "\r" not in text


def test_the_account_says_what_came_back_and_when() -> None:
    read = written(told(stands=Standing(Rung.DISPLAYED, NOW)))
    assert "ouvert par quelqu'un qui lit la boîte du médecin (10 mars 2026 à 10 h 30)" in read
    waiting = told(stands=Standing(Rung.QUEUED), state=DeliveryState.QUEUED, closed_at=None)
    assert "revenu" not in written(waiting)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": DeliveryState.CANCELLED}, "annulé avant de partir"),
        ({"state": DeliveryState.REJECTED}, "il n'a pas pu être remis"),
        ({"state": DeliveryState.QUEUED, "closed_at": None}, "pas encore parti"),
        ({"state": DeliveryState.HELD, "closed_at": None}, "retenu"),
        ({"state": DeliveryState.EXPIRED, "possibly_sent": True}, "possible qu'il soit arrivé"),
        ({"address": "essai@chu.example"}, "C'était un essai"),
        ({"version": 2}, "C'est la version 2"),
        ({"purposes": ()}, "pour annuler un courrier déjà parti"),
    ],
)
def test_each_fate_has_its_words(changes: dict[str, object], words: str) -> None:
    assert words in written(told(**changes))


def test_what_did_not_leave_is_never_said_to_have_left() -> None:
    for state in DeliveryState:
        text = written(told(state=state))
        assert ("remis à la messagerie" in text) is (state is DeliveryState.RELAYED)


@pytest.mark.parametrize(
    "said",
    [
        (),
        (agreed(ConsentState.REFUSED),),
        (agreed(at=NOW + timedelta(minutes=1)),),
        (agreed(purpose=Purpose.DMP),),
        (agreed(recipient="10999990038"),),
    ],
    ids=["nothing", "no", "later", "another purpose", "another doctor"],
)
def test_an_agreement_that_was_not_given_is_never_claimed(said: tuple[ConsentStated, ...]) -> None:
    text = written(told(), said=said)
    assert "vous étiez d'accord" not in text
    assert "votre accord n'est plus gardé ici" in text


def test_a_letter_whose_text_is_gone_is_told_all_the_same() -> None:
    text = written(told(text=""))
    assert "Le texte n'est plus gardé ici." in text
    assert "medecin@cabinet.example" in text


def test_letters_come_in_the_order_in_which_they_were_written() -> None:
    late = told(id="d2", message_id="<d2@x>", created_at=NOW + timedelta(days=1))
    text = written(late, told())
    assert text.index("<d1@chu.example>") < text.index("<d2@x>")


def test_where_nothing_was_written_that_is_said() -> None:
    text = written(said=())
    assert "Aucun courrier n'a été préparé" in text
    assert "Aucune réponse de votre part" in text


def test_every_kind_has_its_words_in_french() -> None:
    assert set(_LETTERS) == set(LetterKind)
    assert set(_PURPOSES) == set(Purpose)
    assert set(_ANSWERS) == set(ConsentState)
