"""From a decision to a letter in the outbox: render outside, then commit if still decided so.

Rendering takes tens of milliseconds, so it happens outside the transaction; the decision is
taken again inside it, from the rows as they are then, and the letter is queued only when that
decision is the same. A crash in between loses nothing but the rendering.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from engine.compose.envelope_page import EnvelopePage
from engine.compose.faults import FinalCheckError
from engine.compose.mail import ChannelFace
from engine.compose.paper import Typesetter
from engine.compose.shop import Shop
from engine.decide.letters import address_for, message_id, write
from engine.decide.plan import Plan, Send, plan
from engine.decide.scene import Scene
from engine.decide.versions import envelope
from engine.knowledge import Knowledge, look_again, renew
from engine.model.channel import Channel
from engine.model.config import Hospital
from engine.model.errors import ComposeError, StoreError
from engine.model.flow import Delivery, DeliveryState
from engine.model.letter import Letter, LetterKind
from engine.model.policy import Mode
from engine.model.stay import unit_of_key
from engine.model.task import TaskKind, WantedTask
from engine.model.trail import AuditKind
from engine.store.interface import Store, Tx

if TYPE_CHECKING:
    from engine.compose.render import Rendered

log = structlog.get_logger()

_POLL: Final = 1.0
_BATCH: Final = 32
_LATER: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Press:
    """What it takes to write a letter; a reload replaces it."""

    shop: Shop
    hospital: Hospital
    channels: Mapping[str, Channel]
    leaflets: Mapping[str, bytes] = field(default_factory=dict)  # PDF, by USMP key


@dataclass(frozen=True, slots=True)
class Written:
    """A letter ready to be queued, or why it cannot be made."""

    send: Send
    letter: Letter | None
    rendered: "Rendered | None"
    delivery: Delivery | None
    fault: str = ""


class Dispatcher:
    """Looks at stays whose time has come; queues the letters they call for."""

    def __init__(
        self,
        store: Store,
        *,
        knowledge: Callable[[], Knowledge],
        press: Callable[[], Press],
        typeset: Typesetter,
        now: Callable[[], datetime],
        queued: Callable[[], None] = lambda: None,
    ) -> None:
        """``typeset`` prints, apart from a process that must live; ``queued`` is called when a
        letter was put in the outbox."""
        self._store = store
        self._knowledge = knowledge
        self._press = press
        self._typeset = typeset
        self._now = now
        self._queued = queued
        self._woken = asyncio.Event()
        self._stopping = False
        self._generation: str | None = None

    def wake(self) -> None:
        """Something was decided."""
        self._woken.set()

    def stop(self) -> None:
        """Finish the letter in hand, then return from `run`."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Until `stop`."""
        while not self._stopping:
            self._woken.clear()
            try:
                looked = await self.run_once()
            except StoreError as error:
                log.error("dispatch-store-failed", code=error.code)
                looked = 0
            if looked >= _BATCH:
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _POLL)

    async def run_once(self) -> int:
        """Look at the patients that are due; gives how many."""
        now = self._now()
        await self._renew()
        due = await self._store.read(lambda tx: tx.facts.due_patients(now, _BATCH))
        for patient in due:
            if self._stopping:
                break
            try:
                await self._look(patient)
            except Exception as error:  # one patient never stops the others
                log.error("look-failed", exc_info=error)
                later = now + _LATER
                await self._store.write(partial(look_again, patient=patient, now=later))
        return len(due)

    async def _renew(self) -> None:
        """Another generation of the national directory may answer what waits, or waited for."""
        generation = self._knowledge().doctors.generation
        if generation != self._generation:
            await self._store.write(lambda tx: renew(tx, generation, self._now()))
            self._generation = generation

    async def _look(self, patient: str) -> None:
        now = self._now()
        scene, decided = await self._store.read(lambda tx: self._decide(tx, patient, now))
        written = [await self._write(scene, one.send, now) for one in decided.threads if one.send]
        queued = await self._store.write(lambda tx: self._commit(tx, patient, written))
        for delivery in queued:
            log.info("letter-queued", delivery=delivery.id, channel=delivery.channel)
        if queued:
            self._queued()

    def _decide(self, tx: Tx, patient: str, now: datetime) -> tuple[Scene, Plan]:
        scene = self._knowledge().scene(tx, patient, now)
        return scene, plan(scene)

    async def _write(self, scene: Scene, send: Send, now: datetime) -> Written:
        wanted = {part.content for part in send.say.parts}
        earlier = (
            {part.partition(":")[2] for part in send.replaces.parts} if send.replaces else set()
        )
        try:
            contents = await self._store.read(lambda tx: _contents(tx, wanted, earlier - wanted))
        except KeyError:  # past its age (relais purge): a person must publish it anew
            return Written(send, None, None, None, "a document is no longer kept")
        press = self._press()
        channel = press.channels.get(send.say.mailbox.channel)
        if channel is None:
            return Written(send, None, None, None, "the mailbox's channel is not configured")
        try:
            letter = write(scene, send, contents, press.hospital, now)
        except ComposeError as error:
            log.error("letter-impossible", delivery=send.delivery, code=error.code)
            return Written(send, None, None, None, f"{error.code} {error.what}")
        # What the unit is, the doctor is told once: on arrival.
        told = letter.kind is LetterKind.ARRIVAL_NOTICE
        leaflet = press.leaflets.get(unit_of_key(send.stay), b"") if told else b""
        trial = scene.policy.mode is Mode.TEST
        face = _channel_face(channel, send, address_for(send.say.mailbox, scene.policy), trial)
        if face is None:
            return Written(send, letter, None, None, "the mailbox's channel has no neutral sender")
        try:
            rendered = await asyncio.to_thread(self._made, letter, press.shop, face, leaflet)
        except ComposeError as error:
            log.error("letter-impossible", delivery=send.delivery, code=error.code)
            return Written(send, letter, None, None, f"{error.code} {error.what}")
        except Exception as error:  # a fault of ours: a person hears of it, others go on
            log.error("letter-fault", delivery=send.delivery, error=type(error).__name__)
            return Written(send, letter, None, None, f"fault: {type(error).__name__}")
        delivery = _delivery(scene, send, letter, face, len(rendered.mime), now)
        return Written(send, letter, rendered, delivery)

    def _made(self, letter: Letter, shop: Shop, face: ChannelFace, leaflet: bytes) -> "Rendered":
        """Render, then judge the very bytes that would leave. Raises ComposeError."""
        # Read in with the press: the door for messages need not wait for them.
        from engine.compose.render import render
        from engine.verify import check

        rendered = render(letter, shop, face, leaflet=leaflet, typeset=self._typeset)
        for one in check(f"delivery {letter.delivery}", rendered.mime, leaving=True).grave:
            raise FinalCheckError(letter, f"{one.place}: {one.sentence}")
        return rendered

    def _commit(self, tx: Tx, patient: str, written: list[Written]) -> list[Delivery]:
        """Decide again; queue what is still decided so; remember what follows."""
        now = self._now()
        knowledge = self._knowledge()
        scene = knowledge.scene(tx, patient, now)
        decided = plan(scene)
        still = {one.send.delivery: one.send for one in decided.threads if one.send}
        queued: list[Delivery] = []
        for one in written:
            if still.get(one.send.delivery) != one.send:
                continue  # something changed meanwhile: the next look writes what is right then
            if one.delivery is None or one.rendered is None:
                self._impossible(tx, patient, one, now)
                continue
            tx.outbox.add(one.delivery, one.rendered.mime, one.rendered.files)
            tx.audit.append(
                AuditKind.LETTER_QUEUED,
                now=now,
                patient=patient,
                stay=one.send.stay,
                subject=f"delivery {one.delivery.id}",
                letter=one.delivery.letter_kind.value,
                version=one.delivery.version,
                channel=one.delivery.channel,
                message_id=one.delivery.message_id,
                purposes=" ".join(one.delivery.purposes),
                face="discreet" if one.delivery.discreet else "open",
                bytes=one.delivery.size,
                directory=scene.answer.source if scene.answer else None,
                role=one.delivery.role.value,
            )
            queued.append(one.delivery)
        knowledge.settle(tx, patient, now)
        return queued

    @staticmethod
    def _impossible(tx: Tx, patient: str, one: Written, now: datetime) -> None:
        earlier = [
            task
            for task in tx.tasks.of_patient(patient)
            if task.kind is TaskKind.LETTER_IMPOSSIBLE and task.about == one.send.delivery
        ]
        tx.tasks.raise_(
            WantedTask(
                key=f"letter-impossible:{one.send.delivery}:{len(earlier)}",
                kind=TaskKind.LETTER_IMPOSSIBLE,
                patient=patient,
                stay=one.send.stay,
                about=one.send.delivery,
            ),
            now,
            why=one.fault,
        )


def _channel_face(channel: Channel, send: Send, address: str, trial: bool) -> ChannelFace | None:
    """Who the mail is from; None where it would have to be a sender who tells the detention.
    ``trial``: test mode; an address page then says so, instead of an address."""
    source = channel.neutral if send.say.discreet else channel
    if source is None:
        return None
    return ChannelFace(
        format=channel.format,
        sender=source.sender,
        sender_name=source.sender_name,
        nil=channel.nil,
        address=address,
        message_id=message_id(send.delivery, source.sender),
        max_size=channel.max_size,
        envelope=EnvelopePage(queue=channel.print, postal=send.say.mailbox.postal, trial=trial)
        if channel.print is not None
        else None,
    )


def _contents(tx: Tx, wanted: set[str], earlier: set[str]) -> dict[str, bytes]:
    """Documents by SHA-256. Those of an earlier version only say what changed: one that is no
    longer kept is left out."""
    found = {one: tx.facts.blob(one) for one in wanted}
    for one in earlier:
        with contextlib.suppress(KeyError):
            found[one] = tx.facts.blob(one)
    return found


def _delivery(
    scene: Scene, send: Send, letter: Letter, face: ChannelFace, size: int, now: datetime
) -> Delivery:
    say = send.say
    return Delivery(
        id=send.delivery,
        letter_kind=say.kind,
        patient=scene.record.person.patient,
        stay=send.stay,
        rpps=say.mailbox.rpps,
        version=send.version,
        parts=tuple(sorted(str(part) for part in say.parts)),
        statement=say.statement,
        purposes=tuple(sorted(say.purposes)),
        discreet=say.discreet,
        channel=say.mailbox.channel,
        sender=face.sender,
        address=face.address,
        intended=say.mailbox.address,
        message_id=face.message_id,
        document_oid=letter.document_oid,
        set_oid=letter.set_oid,
        size=size,
        state=DeliveryState.QUEUED,
        created_at=now,
        due_at=now,
        attempts=0,
        possibly_sent=False,
        closed_at=None,
        reason="",
        role=say.mailbox.role,
        postal="" if face.envelope is None else envelope(say.mailbox.postal),
    )
