"""A release still to come: recorded by a person, shown to those who organise it.

Its day stands in the sealed store alone: the audit says that it was recorded or looked at.
"""

from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from engine.commands.context import Context, find_patient, refused, text_of, words_of
from engine.decide.release import around_release
from engine.decide.release_words import page_of
from engine.decide.scene import Scene
from engine.model.directory import TerritoryRow
from engine.model.errors import StoreError
from engine.model.release import ReleasePlanned, ReleaseSource
from engine.model.stay import Stay
from engine.model.task import Task
from engine.model.trail import AuditKind
from engine.settled import base_key, items_of
from engine.store.directory import directory_path
from engine.store.directory_reader import DirectoryReader
from engine.store.interface import Tx


def plan(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Record the day of a release, or that none is planned any more."""
    text, cancel = words_of(args, "on"), bool(args.get("cancel"))
    if (text is None) != cancel:
        raise refused(
            "A day is missing, or one too many.", where="--on, --cancel", remedy="give one of them"
        )
    on = None if text is None else _day(context, text)

    def work(tx: Tx) -> dict[str, Any]:
        patient = find_patient(tx, text_of(args, "patient"))
        stay = _going_on(context.knowledge.scene(tx, patient, context.now()))
        act = "release planned" if on else "release no longer planned"
        context.audit(tx, AuditKind.HUMAN_ACT, patient=patient, stay=stay.key, act=act)
        said = ReleasePlanned(
            on=on,
            source=ReleaseSource.PERSON,
            at=context.now(),
            by=context.actor,
            visit=stay.visit,
        )
        context.tell(tx, patient, said)
        return {"stay": stay.key, "planned": on is not None}

    result = context.store.write_sync(work)
    context.wake()
    return result


def show(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """What is said of the coming release of the stay that goes on, and by whom."""
    zone = ZoneInfo(context.settings.config.time_zone)

    def work(tx: Tx) -> dict[str, Any]:
        patient = find_patient(tx, text_of(args, "patient"))
        stay = _going_on(context.knowledge.scene(tx, patient, context.now()))
        context.audit(tx, AuditKind.READ, patient=patient, stay=stay.key, what="planned release")
        planned = stay.planned
        return {
            "on": planned.on.isoformat() if planned.on else None,
            "contradicted": planned.contradicted,
            "said": [
                {
                    "source": one.source.value,
                    "on": one.on.isoformat() if one.on else None,
                    "at": one.at.astimezone(zone).isoformat(timespec="seconds"),
                    "by": one.by,
                }
                for one in planned.said
            ],
        }

    return context.store.write_sync(work)


def services(data: Path) -> list[TerritoryRow]:
    """The services of the territory file; none where none was imported, or it cannot be read."""
    with suppress(StoreError):
        reader = DirectoryReader.open(directory_path(data))
        if reader is not None:
            with reader:
                return reader.territory()
    return []


def words(context: Context, tx: Tx, one: Task) -> list[str]:
    """Whom to call around a release, and what to say, as of now; nothing is said for a task that
    is called for no more."""
    scene = context.knowledge.scene(tx, one.patient or "", context.now())
    stay = next((stay for stay in scene.record.stays if stay.key == one.stay), None)
    asked = around_release(scene, partial(items_of, tx))
    wanted = {each.key for stays in asked for each in stays.tasks}
    if stay is None or base_key(one.key) not in wanted:
        return ["this is no longer called for: call nobody"]
    config = context.settings.config
    zone = ZoneInfo(config.time_zone)
    return page_of(scene, stay, one.kind, items_of(tx, stay), services(config.data), zone)


def _going_on(scene: Scene) -> Stay:
    stays = scene.record.stays
    if not stays or stays[-1].exit is not None:
        raise refused(
            "That patient has no stay that goes on.",
            where="the patient number",
            remedy="see: relais why NUMBER",
        )
    return stays[-1]


def _day(context: Context, text: str) -> date:
    today = context.now().astimezone(ZoneInfo(context.settings.config.time_zone)).date()
    try:
        on = date.fromisoformat(text)
    except ValueError:
        on = None
    if on is None or on < today:
        raise refused(
            "That is no day from today on.", where="--on", remedy="write it as 2026-03-12"
        )
    return on
