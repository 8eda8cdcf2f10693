"""The question that two patients who are alike raise: one a pair, whoever of them is looked at."""

from engine.decide.scene import Scene
from engine.model.task import TaskKind, WantedTask


def pair_key(one: str, other: str) -> str:
    """Key of the task about a pair: the same from both sides."""
    low, high = sorted((one, other))
    return f"{TaskKind.NEAR_IDENTITY}:{low}:{high}"


def tell_apart(scene: Scene) -> tuple[WantedTask, ...]:
    """One task for each patient so alike that nothing may leave meanwhile."""
    patient = scene.record.person.patient
    pairs = (sorted((patient, other)) for other in sorted(scene.near))
    return tuple(
        WantedTask(key=pair_key(low, high), kind=TaskKind.NEAR_IDENTITY, patient=low, about=high)
        for low, high in pairs
    )
