"""A check of the settings says what is wrong; it never raises, not even where it may not look."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.runtime.findings import ABSENT, folder_fault
from engine.runtime.settings import examine
from tests.support.service import MESSAGE, ROOT, Service

NOBODY = 65534
DEMO = (
    (ROOT / "config/relais.demo.toml")
    .read_text(encoding="utf-8")
    .replace('ca_file = "mails/ca.pem"\n', "")
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the demo's settings name, and ``beyond``: a link whose target no system can reach.

    Path.is_dir raises on it as it does on a folder that is closed to this account, for root, too.
    """
    shutil.copy(ROOT / "fixtures/day/directory.csv", tmp_path)
    shutil.copytree(ROOT / "mappings", tmp_path / "mappings")
    for name in ("inbox", "gateway"):
        (tmp_path / name).mkdir()
    (tmp_path / "beyond").symlink_to("x" * 300)
    with pytest.raises(OSError, match="too long"):
        (tmp_path / "beyond").is_dir()
    return tmp_path


def told(folder: Path, *changes: tuple[str, str]) -> list[str]:
    text = DEMO.replace("@mappings@", "mappings")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "relais.toml").write_text(text, encoding="utf-8")
    return [str(one) for one in examine(folder / "relais.toml")[1]]


@pytest.mark.parametrize(
    ("old", "new", "setting"),
    [
        ('data = "data"', 'data = "beyond"', "data"),
        ('data = "data"', 'data = "beyond/data"', "data"),
        ('path = "inbox"', 'path = "beyond"', "folder.1.path"),
        ('path = "gateway"', 'path = "beyond"', "channels.apicrypt.folder.path"),
        ('mappings = "mappings"', 'mappings = "beyond"', "mappings"),
    ],
)
def test_a_folder_that_cannot_be_reached_is_a_mistake_with_its_line(
    folder: Path, old: str, new: str, setting: str
) -> None:
    (mistake,) = told(folder, (old, new))
    assert f" {setting}: it cannot be reached: " in mistake
    line = int(mistake.split(":")[1])
    assert new in (folder / "relais.toml").read_text(encoding="utf-8").splitlines()[line - 1]


def test_a_folder_closed_to_the_account_is_told_apart_from_one_that_is_absent() -> None:
    # Not in tmp_path: another account may not enter that.
    with tempfile.TemporaryDirectory() as name:
        above = Path(name)
        above.chmod(0o755)
        (above / "closed/inside").mkdir(parents=True)
        (above / "file").touch()
        (above / "closed").chmod(0)
        try:
            with another_account():
                assert folder_fault(above / "closed/inside") == (
                    "it cannot be reached: permission denied"
                )
                assert folder_fault(above / "none") == ABSENT
                assert folder_fault(above / "file") == "this is not a folder"
                assert folder_fault(above) is None
        finally:
            (above / "closed").chmod(stat.S_IRWXU)


class another_account:  # noqa: N801 - used as a statement
    """Root may look everywhere: act as somebody who may not. For others, nothing changes."""

    def __enter__(self) -> None:
        self.before = os.geteuid()
        if self.before == 0:
            os.seteuid(NOBODY)

    def __exit__(self, *_: object) -> None:
        os.seteuid(self.before)


def test_a_mapping_that_is_not_used_may_be_unreadable(folder: Path) -> None:
    shutil.rmtree(folder / "mappings/pam-fr")
    (folder / "mappings/pam-fr").symlink_to("x" * 300)
    assert told(folder) == []


@pytest.mark.parametrize("content", [None, "a = " + "[" * 5000], ids=["a folder", "brackets"])
def test_a_mapping_file_that_cannot_be_read_is_a_mistake_of_each_way_in(
    folder: Path, content: str | None
) -> None:
    path = folder / "mappings/sillage/units.toml"
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_text(content, encoding="utf-8")
    mistakes = told(folder)
    assert len(mistakes) == 2
    assert all("mapping: mappings/sillage cannot be read: " in one for one in mistakes)


@pytest.mark.parametrize(
    ("old", "new", "setting"),
    [
        ('\ntimeout = "5s"', '\ntimeout = "0s"', "channels.mssante.smtp.timeout"),
        ('data_timeout = "2s"', 'data_timeout = "0ms"', "channels.mssante.smtp.data_timeout"),
        ('sweep = "1s"', 'sweep = "0s"', "folder.1.sweep"),
        ('first = "1s"', 'first = "0s"', "retry.first"),
        ('most = "5s"', 'most = "0s"', "retry.most"),
        ('name = "dpi"', 'name = "dpi"\nframe_timeout = "0s"', "listener.1.frame_timeout"),
        ('name = "dpi"', 'name = "dpi"\nidle_timeout = "0s"', "listener.1.idle_timeout"),
    ],
)
def test_a_timeout_of_nothing_is_a_mistake(folder: Path, old: str, new: str, setting: str) -> None:
    (mistake,) = told(folder, (old, new))
    assert f" {setting}: no time at all — " in mistake


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    made.kill()


def test_no_bad_value_ends_the_daemon_that_reloads(service: Service) -> None:
    (service.folder / "beyond").symlink_to("x" * 300)
    good = (service.folder / "relais.toml").read_text(encoding="utf-8")
    service.start()
    port = service.ready()["listeners"]["dpi"]
    for old, new in (
        ('arrival = "5s"', 'arrival = "99999999999d"'),
        ('arrival = "5s"', f'arrival = "{"9" * 400}d"'),
        ('\ntimeout = "5s"', '\ntimeout = "5s"\nusername = "u"\npassword = "file:a\\u0000b"'),
        ('path = "inbox"', f'path = "{"x" * 5000}"'),
        ('path = "inbox"', 'path = "beyond"'),
    ):
        service.write(good)
        service.change(old, new)
        service.reload("reload-refused")
    assert service.send(MESSAGE, port) == "AA"
    assert service.end() == 0


def test_a_folder_of_agreements_and_of_coming_releases_is_a_mistake(folder: Path) -> None:
    (mistake,) = told(
        folder, ('path = "inbox"', 'path = "inbox"\nconsents = true\nreleases = true')
    )
    assert "folder.1.releases" in mistake
    assert "not both" in mistake
