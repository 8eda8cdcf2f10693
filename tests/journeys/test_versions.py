"""A letter that replaces another, and the leaflet that goes with the first one: through it all."""

import email
from datetime import timedelta
from email import policy
from email.message import EmailMessage

import typst

from engine.compose.pdf import typeset_here
from engine.dispatch import Dispatcher, Press
from engine.model.flow import Delivery, DeliveryState
from engine.model.letter import LEAFLET_NAME, LetterKind
from engine.store.interface import Tx
from tests.support.house import Engine, shop

LEAFLET = typst.compile(b"= The unit and its numbers", pdf_standards=["a-1b"], timestamp=0)


async def words_of(engine: Engine, delivery: Delivery) -> str:
    files = await engine.store.read(lambda tx: tx.outbox.files(delivery.id))
    return files["letter.txt"].decode()


async def mail_of(engine: Engine, delivery: Delivery) -> EmailMessage:
    mime = await engine.store.read(lambda tx: tx.outbox.mime(delivery.id))
    mail = email.message_from_bytes(mime, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


async def test_a_second_version_says_what_changed_since_the_first(engine: Engine) -> None:
    await engine.hear("017-", "018-", "019-", "020-")
    await engine.wait(timedelta(minutes=5))
    (first,) = engine.deliveries("26000003")
    assert "Ce qui a changé" not in await words_of(engine, first)

    def relayed(tx: Tx) -> None:
        tx.outbox.move(first.id, DeliveryState.SENDING, engine.now)
        tx.outbox.move(first.id, DeliveryState.RELAYED, engine.now)

    await engine.store.write(relayed)
    await engine.hear("067-")
    await engine.wait(timedelta(minutes=5))
    _, second = engine.deliveries("26000003")
    words = await words_of(engine, second)
    assert second.version == 2
    assert "ANNULE ET REMPLACE LA VERSION" in words
    assert "Ce qui a changé :\n- Partie psychiatrique ajoutée\n" in words


async def test_the_leaflet_goes_with_the_notice_of_arrival_alone(engine: Engine) -> None:
    config = engine.settings.config
    press = Press(
        shop=shop(),
        hospital=config.hospital,
        channels=config.channels,
        leaflets=dict.fromkeys(config.units, LEAFLET),
    )
    engine.dispatcher = Dispatcher(
        engine.store,
        knowledge=lambda: engine.knowledge,
        press=lambda: press,
        typeset=typeset_here,
        now=lambda: engine.now,
    )
    await engine.hear("lambert-A01", "017-", "018-", "019-", "020-")
    await engine.wait(timedelta(minutes=5))
    (notice,), (exit_letter,) = engine.deliveries("26000001"), engine.deliveries("26000003")
    assert notice.letter_kind is LetterKind.ARRIVAL_NOTICE
    assert exit_letter.letter_kind is LetterKind.EXIT_LETTER
    parts = list((await mail_of(engine, notice)).iter_attachments())
    assert parts[-1].get_filename() == LEAFLET_NAME
    assert parts[-1].get_content() == LEAFLET
    others = (await mail_of(engine, exit_letter)).iter_attachments()
    assert LEAFLET_NAME not in [part.get_filename() for part in others]
