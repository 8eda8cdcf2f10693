"""`relais config check` explains each mistake of a program, of a print queue, of a receiver."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.model.channel import Channel, Command, Mllp, PrintQueue
from engine.runtime.check_traffic import check_channel
from engine.runtime.check_ways_out import check_mllp
from engine.runtime.findings import Finding
from engine.runtime.mistakes import Weight
from tests.runtime.test_settings import DEMO, folder, mistakes, written
from tests.support.certs import Certs, make_certs

__all__ = ["folder"]

NOW = datetime(2026, 3, 2, tzinfo=UTC)
PLACE = ("channels", "x")


def channel(**changes: Any) -> Channel:
    values: dict[str, Any] = {"format": "hprim", "sender": "a@b.example", "sender_name": "A"}
    return Channel(**(values | changes))


def told(one: Channel) -> list[tuple[str, str, Weight]]:
    return [
        (".".join(str(step) for step in found.path[2:]), found.what, found.weight)
        for found in check_channel(PLACE, one, NOW)
    ]


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "send"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_a_right_program_and_a_right_queue_are_silent(program: str, tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    command = Command(argv=(program, "{file}"), give="file", private=private, body="text")
    assert told(channel(command=command)) == []
    queue = PrintQueue(path=tmp_path, return_address=("CH",))
    assert told(channel(format="paper", print=queue)) == []


def wrong_commands(program: str, tmp_path: Path) -> Iterator[tuple[dict[str, Any], str, str]]:
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o755)
    plain = tmp_path / "plain"
    plain.write_text("x")
    changed = tmp_path / "changed"
    changed.write_text("#!/bin/sh\n")
    changed.chmod(0o777)
    yield {"argv": ("send",)}, "command.argv.0", "not an absolute path"
    yield {"argv": (str(tmp_path / "no"),)}, "command.argv.0", "no such file"
    yield {"argv": (str(tmp_path),)}, "command.argv.0", "not a program"
    yield {"argv": (str(changed),)}, "command.argv.0", "others can change"
    yield {"argv": (program, "{file}")}, "command.argv", "{file} is nothing here"
    yield {"give": "file", "private": tmp_path / "no"}, "command.argv", "nothing tells"
    yield {"argv": (program, "{file}"), "give": "file"}, "command.private", "missing"
    yield (
        {"argv": (program, "{file}"), "give": "file", "private": open_folder},
        "command.private",
        "others can look",
    )
    yield {"timeout": "0s"}, "command.timeout", "no time at all"
    yield {"refused": (0,)}, "command.refused.0", "0 stands for success"
    yield {"refused": (67,)}, "command", "67 stands for refused"
    yield {"possibly_sent": (300,)}, "command.possibly_sent.0", "no exit code"


def test_each_mistake_of_a_program_is_told_with_its_place(program: str, tmp_path: Path) -> None:
    for changes, place, what in wrong_commands(program, tmp_path):
        values: dict[str, Any] = {"argv": (program,)} | changes
        if values.get("timeout") == "0s":
            values["timeout"] = 0
        found = told(channel(command=Command(**values)))
        assert any(one[0] == place and what in one[1] for one in found), (changes, found)


def test_the_text_alone_is_for_hprim(program: str) -> None:
    found = told(channel(format="xdm", command=Command(argv=(program,), body="text")))
    assert [one[0] for one in found] == ["command.body"]


def test_paper_and_print_belong_together(tmp_path: Path, program: str) -> None:
    queue = PrintQueue(path=tmp_path, return_address=("CH",))
    for one in (
        channel(format="xdm", print=queue),
        channel(format="paper", command=Command(argv=(program,))),
    ):
        assert [found[0] for found in told(one)] == ["format"]


def test_a_window_beyond_the_page_and_a_queue_without_a_way_back_are_told(tmp_path: Path) -> None:
    queue = PrintQueue(path=tmp_path / "no", window_left=150, window_width=90)
    found = told(channel(format="paper", print=queue))
    assert [one[0] for one in found] == ["print.path", "print.window_width", "print.return_address"]
    assert found[-1][2] is Weight.ADVICE


def test_two_ways_out_of_one_channel_are_one_too_many(tmp_path: Path, program: str) -> None:
    one = channel(command=Command(argv=(program,)), print=PrintQueue(path=tmp_path))
    assert "both command and print" in told(one)[0][1]


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Certs:
    return make_certs(tmp_path_factory.mktemp("certs"))


def test_each_mistake_of_a_receiver_is_told(certs: Certs, tmp_path: Path) -> None:
    def found(loopback: bool = False, **changes: Any) -> list[Finding]:
        line = Mllp(**({"host": "dpi", "port": 2575} | changes))
        return list(check_mllp(("x",), line, loopback, NOW))

    assert found(ca_file=certs.ca, certificate=certs.client, key=certs.client) == []
    assert found(tls=False, loopback=True) == []
    assert [one.weight for one in found(tls=False)] == [Weight.ADVICE]
    assert found(certificate=certs.client)[0].path == ("x", "key")
    assert found(ca_file=tmp_path / "no")[0].path == ("x", "ca_file")
    assert found(commit_timeout=0)[0].path == ("x", "commit_timeout")


def test_an_envelope_that_tells_the_prison_is_refused_whatever_the_face(folder: Path) -> None:
    queue = '[channels.papier]\nformat = "paper"\nsender = "a@b.example"\nsender_name = "A"\n'
    queue += '[channels.papier.print]\npath = "inbox"\n'
    neutral = '[channels.papier.neutral]\nsender = "c@b.example"\nsender_name = "C"\n'
    for line, refused in (("CH d'Exempleville", False), ("Maison d'arrêt", True), ("DSS", True)):
        text = f'{DEMO}{queue}return_address = ["{line}"]\n{neutral}'
        found = mistakes(written(folder, text=text))
        assert any("tells the detention" in one for one in found) is refused
        assert refused or found == []


RECORD = (
    '[record]\napplication = "DPI"\n[record.mllp]\nhost = "127.0.0.1"\nport = 2576\ntls = false\n'
)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("", "", ""),
        ("port = 2576", "port = 99999", "record.mllp.port"),
        ('application = "DPI"\n', "", "add application"),
        ('application = "DPI"', 'application = "DPI"\nprofile = "latest"', "MSH-21"),
        ('application = "DPI"', 'application = "DPI"\ncontent = "rtf"', "one of: cda, pdf"),
        ('host = "127.0.0.1"', 'host = "dpi.example"', "without TLS"),
        ("port = 2576", 'port = 2576\ncommit_timeout = "0s"', "no time at all"),
    ],
)
def test_each_mistake_about_the_record_is_told(
    folder: Path, old: str, new: str, words: str
) -> None:
    found = mistakes(written(folder, text=DEMO + RECORD.replace(old, new)))
    assert any(words in one for one in found) is bool(words)
    assert words or found == []


def test_no_channel_takes_the_name_of_the_way_to_the_record(folder: Path) -> None:
    text = (DEMO + RECORD).replace("channels.mssante", "channels.record")
    found = mistakes(written(folder, text=text))
    assert any("has this name already" in one for one in found)
