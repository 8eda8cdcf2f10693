"""Carries a sequence out, step by step."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from engine.decide.answers import ANSWERS, CANCEL_NOTICE, DIFFERENT, GO_ON
from engine.decide.reasons import Reason
from engine.model.flow import Delivery
from engine.model.task import TaskKind
from tests.sequences.house import START, BrokenRuleError, House
from tests.sequences.record import (
    DOCTORS,
    PEOPLE,
    PURPOSES,
    UNITS,
    Consent,
    Hospital,
    Move,
    Stay,
    Told,
    doctor_line,
    document_lines,
    form_lines,
    merge_line,
    movement_lines,
    second,
)
from tests.sequences.steps import Step

# What a pass of time has done: all of it, or part.
_WAYS: Final = (("dispatch",), ("read", "dispatch"), ("send",), (), ())
_LETTERS: Final = ("Suites simples.", "Suites simples, à revoir.", "Traitement inchangé.")


class Play:
    """One sequence on its way."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.hospital = Hospital()
        self.late: list[Told] = []
        self.last: Told | None = None

    async def run(self, steps: Sequence[Step]) -> None:
        """Every step, then a rest long enough for all that is still to be said."""
        for step in steps:
            await self.step(step)
            self._judged()
        for told in self.late:
            await self.house.post(told)
        self.house.outcomes.clear()
        if self.house.oracle.paused:
            await self._pause("resume")
        for seconds in (8, 60):
            self.house.now += timedelta(seconds=seconds)
            await self._work()
        self._judged()
        self.house.check_rest()

    def _judged(self) -> None:
        if self.house.violation is not None:
            raise self.house.violation

    async def _work(self, *ways: str) -> None:
        for way in ways or ("read", "dispatch", "send"):
            await self.house.way(way)

    async def step(self, step: Step) -> None:
        """Carry one out."""
        told = self._message(step)
        if told is not None:
            self.last = told
            if step.late:
                self.late.append(told)
                return
            await self.house.post(told)
            if not step.unread:
                await self._work("read")
            return
        match step.kind:
            case "clock":
                self.house.now += timedelta(seconds=int(step.words[0]))
                # What is due is done, all or in part, before anything else happens.
                await self._work(*_WAYS[step.pick % len(_WAYS)])
            case "post" if self.late:
                await self.house.post(self.late.pop(step.pick % len(self.late)))
                await self._work("read")
            case "again" if self.last is not None:
                await self.house.post(self.last)
                await self._work("read")
            case "said":
                await self._said(step)
            case "confirm":
                await self._confirm(step)
            case "act":
                await self._act(step)
            case "pause":
                await self._pause("resume" if self.house.oracle.paused else "pause")
            case "answer":
                await self._answer(step)
            case "crash":
                self.house.store.fuse = step.pick % 5
                self.house.store.after = step.words[0] == "after"
            case "outcome":
                self.house.outcomes.append(step.words[0])
            case _:
                pass

    # Messages.

    def _message(self, step: Step) -> Told | None:
        """The message of a step; None where there is none, or nothing it could be about."""
        person, now, record = step.person, second(self.house.now), self.hospital
        who = PEOPLE[person]
        base = Told(who.key, now, 0, who=who, status=record.status.get(person, "PROV"))
        stay = record.last(person)
        match step.kind:
            case "arrive":
                return self._arrive(step, base)
            case "leave" if stay is not None and stay.exit is None:
                kind = step.words[0] if step.words[0] != "unsaid" else ""
                move = self._move(stay, "A03", "INSERT", kind)
                if kind != "hospital":
                    stay.exit = move
                return self._moved(step, base, move, stay)
            case "cancel-exit" if stay is not None and stay.exit is not None:
                move, stay.exit = replace(stay.exit, action="CANCEL"), None
                return self._moved(step, base, move, stay, "A13")
            case "cancel-arrival" if stay is not None:
                record.stays.remove(stay)
                move = replace(stay.entry, action="CANCEL")
                return self._moved(step, base, move, stay, "A11")
            case "update" if stay is not None:
                move = replace(
                    stay.exit or stay.entry,
                    action="UPDATE",
                    at=now - timedelta(minutes=(0, 5, 2000)[step.pick % 3]),
                )
                return self._moved(step, base, move, stay, "Z99")
            case "move" if stay is not None and stay.exit is None:
                move = self._move(stay, "A02", "INSERT", unit=UNITS[step.words[0]])
                return self._moved(step, base, move, stay)
            case "identity":
                record.status[person] = step.words[0]
                ins = bool(step.words[1])
                raw, number = record.message("ADT^A31", person, now, ins=ins)
                told = replace(base, status=step.words[0], ins=who.nir if ins else "")
                return replace(told, raw=raw, number=number)
            case "death":
                dead = "N" if step.pick % 4 == 0 else "Y"
                raw, number = record.message("ADT^A31", person, now, dead=dead)
                return replace(base, raw=raw, number=number, dead=dead)
            case "doctor" | "form":
                return self._form(step, base)
            case "merge" | "account" | "renumber":
                return self._joined(step, base)
            case "document" if stay is not None:
                unit = UNITS[step.words[0]]
                record.documents += 1
                name = f"DOC{step.pick % 2}" if step.pick % 3 == 0 else f"DOC{record.documents}"
                text = _LETTERS[step.pick % len(_LETTERS)]
                lines = document_lines(stay.visit, unit, name, now, text)
                raw, number = record.message("MDM^T02", person, now, lines)
                return replace(base, raw=raw, number=number)
            case "unreadable":
                raw, number = record.message("ADT^A31", person, now)
                raw = raw.replace(b"^PI", b"^XX") if step.pick % 2 else raw.replace(b"|P|", b"|T|")
                return replace(base, raw=raw, number=number, test=True)
            case _:
                return None

    def _arrive(self, step: Step, base: Told) -> Told | None:
        record, now = self.hospital, base.at
        before = record.last(step.person)
        if before is not None and before.exit is None and step.pick % 5:
            return None
        record.visits += 1
        visit, account = f"V{record.visits}", f"D{record.visits}"
        unit = UNITS[step.words[0]]
        entry = Move(f"M{record.number()}", visit, "A01", "INSERT", now, unit, account=account)
        record.stays.append(Stay(visit, account, step.person, entry, step.words[0]))
        asked: dict[str, str] = {}
        lines: tuple[str, ...] = ()
        doctor: str | None = None
        confirms = ""
        if step.words[1] != "none":
            doctor = DOCTORS[(0, 0, 0, 1, 2)[step.pick % 5]].rpps
            confirms = doctor if step.pick % 7 else ""
            asked = dict.fromkeys(PURPOSES[:4], "granted")
            if step.words[1] == "some":
                asked[PURPOSES[step.pick % 4]] = ("refused", "could-not-be-asked")[step.pick % 2]
            lines = (doctor_line(doctor), *form_lines(asked, now, confirms=bool(confirms)))
        raw, number = record.message(
            "ADT^A01", step.person, now, (*movement_lines(entry), *lines), account=account
        )
        consents = tuple(Consent(one, state, now, visit) for one, state in asked.items())
        return replace(
            base,
            raw=raw,
            number=number,
            move=entry,
            doctor=doctor,
            confirms=confirms,
            consents=consents,
        )

    def _move(self, stay: Stay, event: str, action: str, kind: str = "", unit: str = "") -> Move:
        return Move(
            f"M{self.hospital.number()}",
            stay.visit,
            event,
            action,
            second(self.house.now),
            unit or stay.entry.unit,
            kind,
            stay.account,
        )

    def _moved(self, step: Step, base: Told, move: Move, stay: Stay, event: str = "") -> Told:
        raw, number = self.hospital.message(
            f"ADT^{event or move.event}",
            step.person,
            base.at,
            movement_lines(move),
            account=stay.account,
        )
        return replace(base, raw=raw, number=number, move=move)

    def _form(self, step: Step, base: Told) -> Told:
        now, doctor = base.at, DOCTORS[(0, 0, 1, 2)[step.pick % 4]].rpps
        confirms = bool(step.pick % 3)
        answers: dict[str, str] = {}
        if step.kind == "form":
            answers = dict.fromkeys(step.words[:-1], step.words[-1])
            if step.pick % 2:  # a form that names no doctor
                doctor, confirms = "", False
        elif step.pick % 9 == 0:
            doctor, confirms = "", False
        names = doctor != "" or step.kind == "doctor"
        lines = (
            *((doctor_line(doctor),) if names else ()),
            *form_lines(answers, now, confirms=confirms),
        )
        raw, number = self.hospital.message("ADT^A31", step.person, now, lines)
        return replace(
            base,
            raw=raw,
            number=number,
            doctor=doctor if names else None,
            confirms=doctor if confirms else "",
            consents=tuple(Consent(one, state, now, None) for one, state in answers.items()),
        )

    def _joined(self, step: Step, base: Told) -> Told | None:
        """A40, A44 or A47: another number becomes this one, or its last stay this one's."""
        record, now = self.hospital, base.at
        other = (step.person + 1 + step.pick % 2) % 3
        if step.kind == "account":
            stay = record.last(other)
            if stay is None:
                return None
            raw, number = record.message(
                "ADT^A44", step.person, now, (merge_line(other, stay.account),)
            )
            record.stays.remove(stay)
            record.stays.append(replace(stay, person=step.person))
            moved = {"moved_account": stay.account, "moved_from": PEOPLE[other].key}
            self.house.seen["account moved"] += 1
            return replace(base, raw=raw, number=number, **moved)
        event = "ADT^A40" if step.kind == "merge" else "ADT^A47"
        raw, number = record.message(event, step.person, now, (merge_line(other),))
        for stay in record.stays:
            if stay.person == other:
                stay.person = step.person
        if self.house.oracle.sent:
            self.house.seen["merge after a send"] += 1
        return replace(base, raw=raw, number=number, merged=PEOPLE[other].key)

    # People.

    async def _said(self, step: Step) -> None:
        who, purposes, state = PEOPLE[step.person], step.words[:-1], step.words[-1]
        recipient = "MT" if step.pick % 3 else DOCTORS[step.pick % len(DOCTORS)].rpps
        args = {"patient": who.ipp, "purposes": list(purposes), "state": state}
        if recipient != "MT":
            args["recipient"] = recipient
        before = {one.id: one for one in self.house.deliveries() if one.state.value == "queued"}
        if await self.house.command("consent.record", args) is None:
            return
        patient = self.house.surviving(who.key)
        self.house.said(patient, purposes, state, recipient)
        if state in ("refused", "withdrawn") and any(
            one.id in before and one.state.value == "cancelled" for one in self.house.deliveries()
        ):
            self.house.seen["a no between queue and attempt"] += 1

    async def _confirm(self, step: Step) -> None:
        who, doctor = PEOPLE[step.person], DOCTORS[step.pick % len(DOCTORS)].rpps
        args = {"patient": who.ipp, "rpps": doctor}
        if await self.house.command("gp.confirm", args) is not None:
            told = Told(self.house.surviving(who.key), self.house.now, 10**9, confirms=doctor)
            self.house.oracle.told.append(told)

    async def _act(self, step: Step) -> None:
        rows = self.house.deliveries()
        if not rows:
            return
        row, act = rows[-1 - step.pick % min(len(rows), 3)], step.words[0]
        oracle = self.house.oracle
        if await self.house.command(f"outbox.{act}", {"delivery": row.id}) is None:
            return
        now = next(one for one in self.house.deliveries() if one.id == row.id)
        if act == "cancel" and now.reason != Reason.CANCELLED_BY_PERSON:
            return  # refused after a crash: the start anew had cancelled it for a reason of its own
        self.house.seen[f"act {act}"] += 1
        match act:
            case "hold":
                oracle.held.add(row.id)
            case "release":
                oracle.held.discard(row.id)
            case "cancel":
                oracle.cancelled.add(row.id)
                oracle.stopped[_which(row)] = row.id
            case "again":
                if oracle.stopped.get(_which(row)) == row.id:
                    del oracle.stopped[_which(row)]
            case _:
                oracle.held.discard(row.id)

    async def _pause(self, word: str) -> None:
        await self.house.command(word, {})
        self.house.oracle.paused = word == "pause"

    async def _answer(self, step: Step) -> None:
        tasks = self.house.tasks()
        if not tasks:
            return
        task = tasks[step.pick % len(tasks)]
        known = ANSWERS.get(task.kind, ("done",))
        answer = known[step.pick // 7 % len(known)]
        if task.kind is TaskKind.CORRECTION and step.pick % 4:
            answer = CANCEL_NOTICE
        if await self.house.command("task.done", {"task": task.id, "answer": answer}) is None:
            return
        oracle = self.house.oracle
        self.house.seen[f"answered {task.kind.value}"] += 1
        if task.kind is TaskKind.IDENTITY_VETO and answer == GO_ON:
            oracle.cleared.add(task.patient or "")
        elif task.kind is TaskKind.STAY_DOUBT and answer == GO_ON:
            oracle.looked_at.add((task.stay or "").partition("/")[2].partition("@")[0])
        elif task.kind is TaskKind.CANCELLED_LETTER and answer == GO_ON:
            oracle.stopped = {k: v for k, v in oracle.stopped.items() if v != task.about}
        elif answer == DIFFERENT:
            oracle.different.add(frozenset((task.patient or "", task.about)))
        elif answer == CANCEL_NOTICE:
            oracle.recalled.add(task.about)
        elif task.kind is TaskKind.EXIT_KIND_UNKNOWN:
            visit = (task.stay or "").partition("/")[2].partition("@")[0]
            if answer == "release":
                oracle.released.add(visit)
            elif answer in ("hospital", "leave"):
                oracle.away.add(visit)


def _which(row: Delivery) -> tuple[str, str, str]:
    return row.stay, row.letter_kind.value, row.rpps


async def play(steps: Sequence[Step], *, printed: bool = False) -> Counter[str]:
    """Carry a sequence out; gives what it reached. Raises BrokenRuleError."""
    house = House(printed=printed, now=START)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # of processes that died
    try:
        house.open()
        await Play(house).run(steps)
    finally:
        house.close()
    return house.seen


def fails(steps: Sequence[Step], *, printed: bool = False) -> str:
    """The sentence that a sequence breaks; "" where none."""
    try:
        asyncio.run(play(steps, printed=printed))
    except BrokenRuleError as wrong:
        return str(wrong)
    except Exception as error:
        return type(error).__name__
    return ""


def shrunk(steps: Sequence[Step]) -> list[Step]:
    """The fewest steps, in the same order, that still break a sentence."""
    kept, size = list(steps), len(steps) // 2
    while size:
        place = 0
        while place < len(kept):
            fewer = kept[:place] + kept[place + size :]
            if fails(fewer):
                kept = fewer
            else:
                place += size
        size //= 2
    return kept
