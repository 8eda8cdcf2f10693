"""The daemon as its own process: a letter on paper, posted by an operator, told to the record."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.wire import hl7
from engine.wire.encapsulated import undo_base64
from tests.commands.test_paper import DIRECTORY, PAPER
from tests.support.mllp_receiver import receiver, says
from tests.support.service import MESSAGE, Service
from tests.test_record import SETTINGS

OLD = 'directory = "directory.csv"\nnotice_max_age = "36500d"\n'


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    # The messages of the day are of a day that has passed.
    made.change('directory = "directory.csv"\n', OLD)
    yield made
    made.kill()


async def test_a_letter_is_printed_posted_and_told_to_the_record(service: Service) -> None:
    (service.folder / "print").mkdir()
    (service.folder / "directory.csv").write_text(DIRECTORY, encoding="utf-8")
    service.change("[channels.mssante]\n", PAPER)
    async with receiver(says("CA", "AA")) as peer:
        service.change("[retry]\n", SETTINGS.format(port=peer.port))
        service.start()
        port = (await asyncio.to_thread(service.ready))["listeners"]["dpi"]
        assert await asyncio.to_thread(service.send, MESSAGE, port) == "AA"
        manifest = service.folder / "print" / "manifest.jsonl"
        await asyncio.to_thread(service.wait, manifest.exists, 60)
        (ident,) = [json.loads(line)["id"] for line in manifest.read_text().splitlines()]
        listed = await asyncio.to_thread(service.command, "print", "list", "--json")
        assert [(one["id"], one["post"]) for one in json.loads(listed.stdout)] == [(ident, "yes")]
        assert peer.messages == []
        done = await asyncio.to_thread(service.command, "print", "done", ident, "--by", "courrier")
        assert done.stdout == f"posted: {ident}\n", done.stderr
        await asyncio.to_thread(service.wait, lambda: peer.messages, 30)
        message = hl7.read(peer.messages[0])
        assert undo_base64(message.value("OBX", 5, 5)).startswith(b"%PDF-")
        assert await asyncio.to_thread(service.end) == 0
    # The typesetter stays out of the daemon: its child alone printed the address page.
    assert "LAMBERT" not in service.log()


async def test_a_program_takes_the_hprim_file_of_a_letter(service: Service) -> None:
    program = service.folder / "connector"
    program.write_text(f'#!/bin/sh\ncat >"{service.folder}/.part" || exit 75\n'
                       f'mv "{service.folder}/.part" "{service.folder}/$1"\n')  # fmt: skip
    program.chmod(0o755)
    way = f'[channels.mssante.command]\nargv = ["{program}", "sent-{{local}}"]\nbody = "text"\n'
    text = (service.folder / "relais.toml").read_text(encoding="utf-8")
    head, _, rest = text.partition("[channels.mssante]\n")
    table, _, after = rest.partition("[channels.mssante.smtp]")
    _, _, following = after.partition("\n[")
    table = table.replace('format = "xdm"', 'format = "hprim"')
    service.write(f"{head}[channels.mssante]\n{table}{way}\n[{following}")
    service.start()
    port = (await asyncio.to_thread(service.ready))["listeners"]["dpi"]
    assert await asyncio.to_thread(service.send, MESSAGE, port) == "AA"
    sent = service.folder / "sent-claire.martel"
    await asyncio.to_thread(service.wait, sent.exists, 60)
    lines = sent.read_bytes().split(b"\r\n")
    assert lines[1] == b"LAMBERT"
    assert lines[-3:] == [b"****FIN****", b"****FINFICHIER****", b""]
    assert await asyncio.to_thread(service.end) == 0
    assert "LAMBERT" not in service.log()
