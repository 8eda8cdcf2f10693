"""Invented facts, and a small world in which decisions are carried out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from engine.decide.fold import fold
from engine.decide.letters import message_id, mint_oid
from engine.decide.person import gp_meant
from engine.decide.plan import Plan, Send, plan, verdict_on
from engine.decide.scene import Scene
from engine.directory.doctor import Ways, answer
from engine.model.consent import MEDECIN_TRAITANT, ConsentState, ConsentStated, Purpose
from engine.model.fact import (
    Action,
    Care,
    DocumentForm,
    DocumentPublished,
    ExitKind,
    Fact,
    GpConfirmed,
    GpStated,
    Half,
    Heard,
    MovementStated,
    PersonStated,
)
from engine.model.flow import MOVES, Delivery, DeliveryState
from engine.model.letter import THREAD_OF, Signatory, UnitFace
from engine.model.people import Mailbox, MailboxType, Professional, Traits
from engine.model.policy import Delays, Mode, Policy
from engine.model.recipient import ADDRESSED, Answer, Service
from engine.model.stay import Record

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
GP = Professional(rpps="10999990012", family="MARTEL", given="Claire")
OTHER_GP = Professional(rpps="10999990038", family="LEFÈVRE", given="Anne")
DSS = Care(usmp="annoeullin", half=Half.DSS)
DSP = Care(usmp="annoeullin", half=Half.DSP)
ELSEWHERE = Care(usmp="sequedin", half=Half.DSS)


def box(gp: Professional, address: str) -> Mailbox:
    """The mailbox of an invented doctor."""
    return Mailbox(
        rpps=gp.rpps or "",
        family=gp.family,
        given=gp.given,
        address=address,
        type=MailboxType.PER,
        channel="mssante",
    )


BOX = box(GP, "claire.martel@cabinets.mssante.example")
OTHER_BOX = box(OTHER_GP, "anne.lefevre@cabinets.mssante.example")
DIRECTORY = {BOX.rpps: (BOX,), OTHER_BOX.rpps: (OTHER_BOX,)}


WAYS = Ways(order=dict.fromkeys(ADDRESSED, (MailboxType.PER, MailboxType.CAB)), channel="mssante")


def answers(
    local: Mapping[str, tuple[Mailbox, ...]], gp: Professional | None
) -> Answer | None:  # fmt: skip
    """What the site's own file answers about a doctor."""
    return None if gp is None else answer(gp, local, None, None, WAYS)


def face(name: str) -> UnitFace:
    """The letterhead of an invented unit."""
    return UnitFace(
        hospital="CH d'Exempleville",
        finess="590000006",
        unit=name,
        city="Exempleville",
        secure_address="usmp@ch-exempleville.mssante.example",
        responsible=Signatory(rpps="10999990046", family="EXEMPLE", given="Jean"),
        neutral=UnitFace(
            hospital="CH d'Exempleville",
            finess="590000006",
            unit="Consultations de médecine",
            city="Exempleville",
            secure_address="medecine@ch-exempleville.mssante.example",
            responsible=Signatory(rpps="10999990046", family="EXEMPLE", given="Jean"),
        ),
    )


POLICY = Policy(
    mode=Mode.PRODUCTION,
    delays=Delays(
        arrival=timedelta(minutes=30),
        release=timedelta(hours=2),
        version=timedelta(minutes=15),
        consultation=timedelta(hours=72),
    ),
    units={"annoeullin": face("Annœullin"), "sequedin": face("Sequedin")},
)
TRAITS = Traits(birth_family="LAMBERT", birth_given="THEO", birth_date="19900417", sex="M")


def moved(event: str, at: datetime, movement: str, **more: object) -> MovementStated:
    """A movement in the somatic half of one unit."""
    values: dict[str, object] = {
        "movement": movement,
        "visit": "V1",
        "action": Action.INSERT,
        "event": event,
        "at": at,
        "unit": "5101",
        "care": DSS,
        **more,
    }
    return MovementStated.model_validate(values)


def agreed(
    purpose: Purpose,
    state: ConsentState,
    at: datetime,
    recipient: str = MEDECIN_TRAITANT,
) -> ConsentStated:
    """A statement of will."""
    return ConsentStated(purpose=purpose, state=state, at=at, by="form", recipient=recipient)


def written(
    half: Half, at: datetime, number: str, content: str, **more: object
) -> DocumentPublished:
    """A validated letter of the record."""
    values: dict[str, object] = {
        "document": number,
        "visit": "V1",
        "half": half,
        "type_code": "11490-0",
        "form": DocumentForm.TEXT,
        "content": content * 64,
        "written_at": at,
        "validated": True,
        **more,
    }
    return DocumentPublished.model_validate(values)


@dataclass
class World:
    """One patient; facts are told, time passes, decisions are carried out."""

    now: datetime = START
    policy: Policy = POLICY
    facts: list[Heard] = field(default_factory=list)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    cleared: frozenset[str] = frozenset()
    recalled: frozenset[str] = frozenset()
    near: frozenset[str] = frozenset()
    directory: dict[str, tuple[Mailbox, ...]] = field(default_factory=lambda: dict(DIRECTORY))
    services: tuple[Service, ...] = ()
    left: list[tuple[datetime, Delivery]] = field(default_factory=list)
    order: int = 0

    def tell(self, *facts: Fact, test: bool = False) -> None:
        """Hear facts now."""
        for fact in facts:
            self.order += 1
            self.facts.append(
                Heard(
                    patient="26000001|1.2.3",
                    fact=fact,
                    recorded_at=self.now,
                    sender_order=str(self.order).zfill(8),
                    heard_at=self.now,
                    test=test,
                )
            )

    def wait(self, span: timedelta) -> None:
        """Let time pass, carrying out what is decided at its end."""
        self.now += span
        self.act()

    def record(self) -> Record:
        """What is known of the patient."""
        return fold(
            "26000001|1.2.3",
            ["26000001|1.2.3"],
            self.facts,
            transfer_window=self.policy.transfer_window,
            with_tests=self.policy.mode is Mode.TEST,
        )

    def scene(self) -> Scene:
        """All that is known."""
        return Scene(
            record=self.record(),
            deliveries=tuple(self.deliveries.values()),
            cleared=self.cleared,
            impossible=frozenset(),
            gp_meant=gp_meant(self.facts),
            answer=answers(self.directory, self.record().person.gp),
            others={
                rpps: told
                for rpps in self.directory
                if (told := answers(self.directory, Professional(rpps=rpps)))
            },
            services=self.services,
            policy=self.policy,
            now=self.now,
            recalled=self.recalled,
            near=self.near,
        )

    def plan(self) -> Plan:
        """What is decided now."""
        return plan(self.scene())

    def act(self) -> Plan:
        """Decide, queue, cancel; then let what may leave, leave."""
        decided = self.plan()
        assert len({one.delivery for one in decided.cancels}) == len(decided.cancels)
        for cancel in decided.cancels:
            self.change(cancel.delivery, DeliveryState.CANCELLED, cancel.reason.value)
        for one in decided.threads:
            if one.send is not None:
                delivery = self.delivery(one.send)
                assert delivery.id not in self.deliveries
                self.deliveries[delivery.id] = delivery
        self.deliver()
        return self.plan()

    def deliver(self) -> None:
        """Attempt what is queued, as the worker does: the gate is asked first."""
        for delivery in list(self.deliveries.values()):
            if delivery.state is not DeliveryState.QUEUED:
                continue
            verdict = verdict_on(self.scene(), delivery)
            if verdict is None:
                self.left.append((self.now, delivery))
                self.change(delivery.id, DeliveryState.RELAYED)
            elif not isinstance(verdict, datetime):
                self.change(delivery.id, DeliveryState.CANCELLED, verdict.value)

    def change(self, delivery: str, state: DeliveryState, reason: str = "") -> None:
        """Move a delivery, as the store would: along model.flow.MOVES alone."""
        known = self.deliveries[delivery].state
        via = known if known is not DeliveryState.QUEUED else DeliveryState.SENDING
        assert state in MOVES[known] or state in MOVES[via], f"{known} → {state}"
        self.deliveries[delivery] = replace(self.deliveries[delivery], state=state, reason=reason)

    def delivery(self, send: Send) -> Delivery:
        """The outbox row of a decision."""
        say = send.say
        return Delivery(
            id=send.delivery,
            letter_kind=say.kind,
            patient="26000001|1.2.3",
            stay=send.stay,
            rpps=say.mailbox.rpps,
            version=send.version,
            parts=tuple(sorted(str(part) for part in say.parts)),
            statement=say.statement,
            purposes=tuple(sorted(say.purposes)),
            discreet=say.discreet,
            channel="mssante",
            sender="relais@ch.example",
            address=say.mailbox.address,
            intended=say.mailbox.address,
            message_id=message_id(send.delivery, "relais@ch.example"),
            document_oid="2.25.1",
            set_oid=(
                send.replaces.set_oid
                if send.replaces
                else mint_oid("set", send.stay, THREAD_OF[say.kind], say.mailbox.rpps)
            ),
            size=1,
            state=DeliveryState.QUEUED,
            created_at=self.now,
            due_at=self.now,
            attempts=0,
            possibly_sent=False,
            closed_at=None,
            reason="",
        )


def arrived(*, consents: ConsentState | None = ConsentState.GRANTED) -> World:
    """A patient who arrived a moment ago; the GP is declared and confirmed."""
    world = World()
    world.tell(
        PersonStated(traits=TRAITS),
        GpStated(gp=GP),
        moved("A01", START, "in"),
        GpConfirmed(rpps=GP.rpps or "", at=START, by="form"),
    )
    if consents is not None:
        world.tell(*(agreed(purpose, consents, START) for purpose in Purpose))
    return world


def released(world: World, *, kind: ExitKind = ExitKind.RELEASE, movement: str = "out") -> None:
    """The way out, now."""
    world.tell(moved("A03", world.now, movement, exit_kind=kind))
