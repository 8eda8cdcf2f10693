"""A letter form by both ways into a daemon that runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.forms import EXAMPLE, encoded, form
from tests.support.service import ROOT, Service

VISIT = "V260003"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.kill()


def test_a_form_comes_in_by_the_folder_and_by_the_command_line(service: Service) -> None:
    service.start()
    port = service.ready()["listeners"]["dpi"]
    (arrival,) = (ROOT / "fixtures/day").glob("*hennebelle-A01*")
    assert "AA" in service.send(arrival.read_bytes(), port)
    service.wait(lambda: service.command("letter", "show", VISIT).returncode == 0)
    (service.folder / "inbox/a.json").write_bytes(EXAMPLE)
    service.wait(lambda: not (service.folder / "inbox/a.json").exists())
    service.wait(lambda: service.command("letter", "check", VISIT).returncode == 0)
    other = service.folder / "b.json"
    other.write_bytes(encoded(form(half="DSP", document="P1", items={"suicide_risk": "Faible."})))
    assert service.command("letter", "add", str(other)).stdout == "added to the DSP part\n"
    shown = service.command("letter", "show", VISIT).stdout
    assert "Pharmacie du Beffroi" in shown
    assert "Faible." in shown
    (service.folder / "inbox/c.json").write_bytes(encoded(form(half="X")))
    quarantine = service.folder / "inbox/quarantine"
    service.wait(lambda: not (service.folder / "inbox/c.json").exists())
    (told,) = quarantine.iterdir()  # the form itself is in the journal, and not in clear here
    reason = told.read_text("utf-8")
    assert "/half" in reason
    assert service.command("journal", "list").stdout.count(" FORM ") == 2
    assert "message-unreadable" in service.command("task", "list").stdout
    assert service.end() == 0
    assert "HENNEBELLE" not in service.log()
    assert "USMP-2026-0117" not in service.log()
