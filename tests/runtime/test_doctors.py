"""Doctors are looked up in the generation in place, whatever became of the one before."""

import os
import threading
from pathlib import Path

import pytest

from engine.model.people import Professional
from engine.model.recipient import Gap
from engine.runtime.doctors import Doctors, national_channel
from engine.store.directory import directory_path
from tests.support.directories import box, generation, practice
from tests.support.house import Engine

GP = Professional(rpps="10999990012", family="MARTEL", given="Claire")


@pytest.fixture
def doctors(engine: Engine) -> Doctors:
    engine.settings.directory.clear()
    return engine.settings.doctors


@pytest.fixture
def data(engine: Engine) -> Path:
    return engine.settings.config.data


def gap(doctors: Doctors) -> Gap | None:
    return doctors.find(GP, None).choices[0].gap


def test_a_generation_is_seen_as_soon_as_it_is_in_place(doctors: Doctors, data: Path) -> None:
    assert (doctors.generation, gap(doctors)) == ("", Gap.MISSING)
    generation(data, [box()], mark="a")
    first = doctors.generation
    assert gap(doctors) is None
    generation(data, [box(address="a@gmail.com")], domains=["cabinets.mssante.example"], mark="b")
    assert doctors.generation not in ("", first)
    assert gap(doctors) is Gap.REFUSED
    directory_path(data).unlink()
    assert (doctors.generation, gap(doctors)) == ("", Gap.MISSING)


def test_the_same_files_are_the_same_generation(doctors: Doctors, data: Path) -> None:
    generation(data, [box()], mark="a")
    first = doctors.generation
    generation(data, [box()], mark="b")
    generation(data, [box()], mark="a")
    assert doctors.generation == first


def test_while_the_file_cannot_be_read_nobody_is_believed_since_the_white_list_is_in_it(
    engine: Engine, data: Path
) -> None:
    doctors = engine.settings.doctors
    assert doctors.find(GP, None).choices[0].mailbox is not None
    directory_path(data).write_bytes(os.urandom(8192))
    (gap,) = {one.gap for one in doctors.find(GP, None).choices}
    assert gap is Gap.DOCTOR
    assert doctors.generation == ""
    directory_path(data).unlink()
    assert doctors.find(GP, None).choices[0].mailbox is not None


def test_names_and_places_of_a_doctor_come_from_either_directory(
    engine: Engine, data: Path
) -> None:
    doctors = engine.settings.doctors
    assert doctors.named(GP.rpps or "")[0].place == "Exempleville"
    engine.settings.directory.clear()
    assert doctors.named(GP.rpps or "") == ()
    generation(data, [box()], [practice(town="LYRE")])
    (one, *_) = doctors.named(GP.rpps or "")
    assert (one.family, one.given, one.place) == ("MARTEL", "CLAIRE", "LYRE")


def test_many_threads_may_ask_while_generations_come(doctors: Doctors, data: Path) -> None:
    generation(data, [box()], mark="a")
    done, faults = threading.Event(), []

    def asks() -> None:
        while not done.is_set():
            try:
                assert gap(doctors) is None
            except BaseException as error:
                faults.append(error)
                return

    threads = [threading.Thread(target=asks) for _ in range(3)]
    for one in threads:
        one.start()
    for mark in "bcdef":
        generation(data, [box()], mark=mark)
        assert gap(doctors) is None
    done.set()
    for one in threads:
        one.join()
    assert faults == []


def test_the_nations_channel_is_the_only_one_of_its_kind_or_the_one_named(engine: Engine) -> None:
    config = engine.settings.config
    assert national_channel(config) == "mssante"
    mssante = config.channels["mssante"]
    two = config.model_copy(update={"channels": {"a": mssante, "b": mssante}})
    assert national_channel(two) is None
    named = two.mailboxes.model_copy(update={"channel": "b"})
    assert national_channel(two.model_copy(update={"mailboxes": named})) == "b"
