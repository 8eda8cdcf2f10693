"""What `relais config check` says of the mailboxes of receipts."""

import shutil
from pathlib import Path

import pytest

from engine.runtime.settings import examine
from tests.support.certs import Certs, make_certs
from tests.support.service import ROOT

BOX = """
[returns.mss]
host = "imap.operateur.mssante.example"
username = "relais@ch-exempleville.mssante.example"
password = "file:secret"
channels = ["mssante"]
"""


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Certs:
    return make_certs(tmp_path_factory.mktemp("certs"))


def told(folder: Path, text: str) -> list[str]:
    """The mistakes of the demo's settings with a table more, without the file's name and line."""
    shutil.copy(ROOT / "fixtures/day/directory.csv", folder)
    for name in ("inbox", "gateway"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "secret").write_text("secret")
    (folder / "secret").chmod(0o600)
    demo = (ROOT / "config/relais.demo.toml").read_text(encoding="utf-8")
    demo = demo.replace("@mappings@", (ROOT / "mappings").as_posix())
    demo = demo.replace('ca_file = "mails/ca.pem"\n', "")
    (folder / "relais.toml").write_text(demo + text, encoding="utf-8")
    mistakes = examine(folder / "relais.toml")[1]
    return [str(one).partition(" returns.")[2] or str(one) for one in mistakes]


def test_a_box_that_can_be_read_has_no_mistake(tmp_path: Path, certs: Certs) -> None:
    assert told(tmp_path, BOX) == []
    by_certificate = BOX.replace('password = "file:secret"\n', "").replace("username", "# ")
    by_certificate += f'certificate = "{certs.client}"\nkey = "{certs.client}"\n'
    assert told(tmp_path, by_certificate) == []


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ('["mssante"]', '["mssnate"]', "mss.channels.1: no channel has this name"),
        ('["mssante"]', "[]", "mss.channels: no channel"),
        ('password = "file:secret"\n', "", "mss.password: neither a password nor a client"),
        ("username", "# ", "mss.username: missing beside its other half"),
        ("file:secret", "file:absent", "mss.password: A secret cannot be read"),
        ("file:secret", "hunter2", "mss.password: a secret in clear"),
        ("channels", 'folder = "Reçus"\nchannels', "mss.folder: not a name in plain ASCII"),
        ("channels", 'poll = "0s"\nchannels', "mss.poll: no time at all"),
        ("channels", 'key = "secret"\nchannels', "mss.certificate: missing beside its other half"),
        ("channels", 'ca_file = "absent"\nchannels', "mss.ca_file: "),
        ("channels", "delete = true\nchannels", "mss.delete: unknown setting"),
    ],
)
def test_each_mistake_in_a_box_is_told_at_its_setting(
    tmp_path: Path, old: str, new: str, mistake: str
) -> None:
    said = told(tmp_path, BOX.replace(old, new))
    assert any(one.startswith(mistake) for one in said), said


def test_a_wait_for_proof_of_no_time_is_a_mistake(tmp_path: Path) -> None:
    (mistake,) = told(tmp_path, '[proof]\nexit_letter = "0s"\n')
    assert "proof.exit_letter: no time at all" in mistake
