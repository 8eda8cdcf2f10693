"""Each mistake of a settings file: its line, what is wrong, and the cure; all at once."""

import os
import shutil
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typst
from hypothesis import given
from hypothesis import strategies as st

from engine.model.policy import Mode
from engine.runtime.mistakes import SettingsError, Weight
from engine.runtime.settings import data_named, examine, examine_letters, load, policy_of
from engine.runtime.shape import duration_text, parse_duration
from engine.runtime.wiring import press_of
from tests.support.certs import make_certs

ROOT = Path(__file__).resolve().parents[2]
DEMO = (
    (ROOT / "config/relais.demo.toml")
    .read_text(encoding="utf-8")
    .replace("@mappings@", (ROOT / "mappings").as_posix())
    .replace('ca_file = "mails/ca.pem"\n', "")
)
SECRET = "hunter2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "fixtures/day/directory.csv", tmp_path)
    for name in ("inbox", "gateway"):
        (tmp_path / name).mkdir()
    return tmp_path


def written(folder: Path, *changes: tuple[str, str], text: str = DEMO) -> Path:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "relais.toml"
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(path: Path) -> list[str]:
    return [str(one) for one in examine(path)[1]]


def line_of(path: Path, words: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if words in line)


def test_a_good_file_is_used_without_a_word(folder: Path) -> None:
    settings = load(written(folder))
    assert settings.mistakes == ()
    assert settings.config.mode is Mode.PRODUCTION
    assert set(policy_of(settings.config).units) == {"annoeullin", "sequedin"}
    assert settings.config.data == folder / "data"


PORT = "port = 0\n"
SMTP = "port = 2525"

# Of the file that is right: (old, new), a word of the line that is named, the setting, what is
# wrong, the cure.
TABLE: dict[str, tuple[tuple[str, str], str, str, str, str]] = {
    "unknown key": (
        ('arrival = "5s"', 'arival = "5s"'),
        "arival", "delays.arival", "unknown setting", "did you mean arrival?",
    ),
    "unknown table": (
        ("[retry]", "[retri]"), "[retri]", "retri", "unknown setting", "did you mean retry?"
    ),
    "nothing like it": (
        ("[retry]", "[zzz]"), "[zzz]", "zzz", "unknown setting", "remove it; known: mode, data",
    ),
    "choice": (
        ('mode = "production"', 'mode = "prod"'),
        "mode =", "mode", "not one of the choices", "one of: production, test",
    ),
    "choice in other letters": (
        ('level = "DEBUG"', 'level = "debug"'),
        "level =", "log.level", "not one of the choices", "did you mean DEBUG?",
    ),
    "number for a path": (
        ('data = "data"', "data = 3"), "data = 3", "data", "this is a number", "a path in quotes"
    ),
    "number for a text": (
        ('finess = "590000006"', "finess = 590000006"),
        "finess", "hospital.finess", "this is a number", "write a text",
    ),
    "text for a port": (
        (PORT, 'port = "2575"\n'), "2575", "listener.1.port", "this is a text", "a whole number"
    ),
    "truth for a port": (
        (PORT, "port = true\n"),
        "port = true", "listener.1.port", "this is true or false", "whole number",
    ),
    "port too large": (
        (SMTP, "port = 99999"),
        "port = 99999", "channels.mssante.smtp.port", "too large", "at most 65535",
    ),
    "frame too small": (
        (PORT, "port = 0\nmax_frame = 10\n"),
        "max_frame", "listener.1.max_frame", "too small", "at least 1024",
    ),
    "missing setting": (
        ('name = "CH d\'Exempleville"\n', ""),
        "[hospital]", "hospital.name", "missing", "add name =",
    ),
    "form": (
        ('finess = "590000006"', 'finess = "59"'),
        "finess", "hospital.finess", "not in the expected form", "it must match",
    ),
    "oid": (
        ('source_oid = "1.2', 'source_oid = "x.2'),
        "source_oid", "hospital.source_oid", "not in the expected form", "it must match",
    ),
    "duration in words": (
        ('arrival = "5s"', 'arrival = "soon"'),
        "soon", "delays.arrival", "not a duration", 'write it as "10s", "30m", "2h" or "1d"',
    ),
    "duration without a unit": (
        ('arrival = "5s"', "arrival = 5"),
        "arrival = 5", "delays.arrival", "not a duration", "30m",
    ),
    "negative duration": (
        ('arrival = "5s"', 'arrival = "-5s"'), "-5s", "delays.arrival", "not a duration", "30m"
    ),
    "secret in clear": (
        (SMTP, f'{SMTP}\nusername = "u"\npassword = "{SECRET}"'),
        "password", "channels.mssante.smtp.password", "a secret in clear", "file:/path",
    ),
    "secret's file": (
        (SMTP, f'{SMTP}\nusername = "u"\npassword = "file:nowhere"'),
        "password", "channels.mssante.smtp.password", "no such file", "readable by the daemon",
    ),
    "secret's variable": (
        (SMTP, f'{SMTP}\nusername = "u"\npassword = "env:RELAIS_NO_SUCH"'),
        "password", "channels.mssante.smtp.password", "not set", "set RELAIS_NO_SUCH",
    ),
    "login without a secret": (
        (SMTP, f'{SMTP}\nusername = "u"'),
        "[channels.mssante.smtp]", "channels.mssante.smtp.password", "missing", "add password",
    ),
    "test mode without mailboxes": (
        ('mode = "production"', 'mode = "test"'),
        "# The configuration", "test_mailboxes", "no mailbox to send to", "every mail goes there",
    ),
    "test mailbox": (
        ('mode = "production"', 'mode = "test"\ntest_mailboxes = ["a b@c"]'),
        "test_mailboxes", "test_mailboxes.1", "not one plain mail address", "such as",
    ),
    "unknown unit": (
        ("[units.sequedin]", "[units.sequediin]"),
        "[units.sequediin]", "units.sequediin", "no mapping in use", "did you mean sequedin?",
    ),
    "unit's doctor": (
        ('rpps = "10999990038"', 'rpps = "10999990039"'),
        "10999990039", "units.annoeullin.responsible.rpps", "not an RPPS", "annuaire.sante.fr",
    ),
    "unit's address": (
        ("usmp.sequedin@", "usmp.sequedin "),
        "usmp.sequedin ", "units.sequedin.secure_address", "mail address", "MSSanté",
    ),
    "both transports": (
        ("[channels.mssante.smtp]", 'folder = { path = "gateway" }\n[channels.mssante.smtp]'),
        "[channels.mssante]", "channels.mssante", "both smtp and folder", "keep one",
    ),
    "neither transport": (
        ('folder = { path = "gateway" }', ""),
        "[channels.apicrypt]", "channels.apicrypt", "neither smtp nor folder", "add [channels.api",
    ),
    "in clear": (
        ('security = "starttls"', 'security = "none"'),
        "security", "channels.mssante.smtp.security", "not one of the choices", "starttls, tls",
    ),
    "sender": (
        ('sender = "relais@ch', 'sender = "relais ch'),
        "relais ch", "channels.mssante.sender", "mail address", "application's mailbox",
    ),
    "authority": (
        (SMTP, f'{SMTP}\nca_file = "none.pem"'),
        "none.pem", "channels.mssante.smtp.ca_file", "none.pem: no such file", "check the path",
    ),
    "certificate without a key": (
        (SMTP, f'{SMTP}\ncertificate = "none.pem"'),
        "[channels.mssante.smtp]", "channels.mssante.smtp.key", "missing", "add key",
    ),
    "missing certificate": (
        (PORT, 'port = 0\ntls = { certificate = "none.pem", key = "relais.toml" }\n'),
        "none.pem", "listener.1.tls.certificate", "none.pem: no such file", "check the path",
    ),
    "tls without a key": (
        (PORT, 'port = 0\ntls = { certificate = "none.pem" }\n'),
        "none.pem", "listener.1.tls.key", "missing", "add key",
    ),
    "network": (
        (PORT, 'port = 0\nallow = ["10.0.0.0/8", "everybody"]\n'),
        "allow", "listener.1.allow.2", "not a network", "10.1.0.0/16",
    ),
    "mapping": (
        ('mapping = "sillage"', 'mapping = "silage"'),
        "silage", "listener.1.mapping", "no mapping of that name", "did you mean sillage?",
    ),
    "name of a listener": (
        ('name = "dpi"', 'name = "D P I"'),
        "D P I", "listener.1.name", "not in the expected form", "it must match",
    ),
    "two ways in of one name": (
        ('name = "depot"', 'name = "dpi"'),
        "[[folder]]", "folder.1.name", "another way in has this name", "choose another",
    ),
    "one table for an array": (
        ("[[listener]]", "[listener]"),
        "[listener]", "listener", "this is a table", "[[listener]]",
    ),
    "folder that is not there": (
        ('path = "inbox"', 'path = "nowhere"'),
        "nowhere", "folder.1.path", "does not exist", "mkdir -p",
    ),
    "gateway that is not there": (
        ('path = "gateway"', 'path = "nowhere"'),
        "nowhere", "channels.apicrypt.folder.path", "does not exist", "mkdir -p",
    ),
    "data under nothing": (
        ('data = "data"', 'data = "no/where"'),
        "no/where", "data", "the folder above it does not exist", "mkdir -p",
    ),
    "mappings": (
        (f'mappings = "{(ROOT / "mappings").as_posix()}"', 'mappings = "nowhere"'),
        "nowhere", "mappings", "does not exist", "pam-fr",
    ),
    "directory": (
        ('directory = "directory.csv"', 'directory = "nowhere.csv"'),
        "nowhere", "directory", "no such file", "put the directory file there",
    ),
    "time zone": (
        ("[hospital]", 'time_zone = "Europe/Lille"\n[hospital]'),
        "Lille", "time_zone", "not a known time zone", "Europe/Paris",
    ),
    "signing key": (
        ("[health]", '[audit]\nsigning_key = "relais.toml"\n[health]'),
        "signing_key", "audit.signing_key", "not an Ed25519 private key", "relais audit keygen",
    ),
    "toml": (
        ("[hospital]", "[hospital"), "[hospital", "", "not valid TOML", "correct the line"
    ),
    "twice": (
        ('data = "data"', 'data = "data"\ndata = "x"'),
        'data = "x"', "", "not valid TOML", "correct the line",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_a_mistake_is_told_once_with_its_line_its_setting_and_its_cure(
    folder: Path, name: str
) -> None:
    change, near, setting, what, cure = TABLE[name]
    path = written(folder, change)
    settings, found = examine(path)
    assert settings is None
    stops = [one for one in found if one.weight is Weight.STOPS]
    told = [one for one in stops if one.setting == setting and what in one.what]
    assert len(told) == 1, [str(one) for one in found]
    assert cure in told[0].cure
    line = line_of(path, near)
    assert line <= told[0].line <= line + 1  # a table that lacks something is named by its header
    assert told[0].file == "relais.toml"
    # Nothing that only follows from the mistake is told beside it.
    assert len(stops) == 1 or name in ("unknown unit",), [str(one) for one in stops]
    assert all(one.weight is not Weight.SKIPS for one in found)
    assert all(SECRET not in str(one) for one in found)


def test_two_listeners_never_share_a_port_nor_take_the_health_port(folder: Path) -> None:
    second = '[[listener]]\nname = "b"\nport = 2575\nmapping = "sillage"\n[[folder]]'
    path = written(folder, (PORT, "port = 2575\n"), ("[[folder]]", second))
    line = line_of(path, 'name = "b"') + 1
    assert mistakes(path) == [
        f"relais.toml:{line}: listener.2.port: the listener dpi has this port already"
        " — choose another"
    ]
    told = mistakes(written(folder, (PORT, "port = 9464\n"), ("[health]\nport = 0", "[health]")))
    assert len(told) == 1
    assert "the health port has this port already" in told[0]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(folder: Path) -> None:
    changes = [TABLE[name][0] for name in ("choice", "form", "sender", "mapping", "time zone")]
    found = mistakes(written(folder, *changes))
    assert len(found) == 5
    lines = [int(one.split(":")[1]) for one in found]
    assert lines == sorted(lines)
    with pytest.raises(SettingsError) as raised:
        load(folder / "relais.toml")
    assert "and 4 more" in str(raised.value)
    assert "relais config check" in raised.value.remedy


@pytest.mark.parametrize("way_in", ["listener", "folder"])
def test_without_a_way_in_it_is_told(folder: Path, way_in: str) -> None:
    start, end = DEMO.index("[[listener]]"), DEMO.index("[retry]")
    told = mistakes(written(folder, text=DEMO[:start] + DEMO[end:]))
    assert told == ["relais.toml:1: listener: no way in — add a [[listener]] or a [[folder]]"]


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("10999990013,CANARI,Y,Z,a@b.mssante.example,PER,mssante", "rpps", "RPPS"),
        ("10999990012,CANARI,Y,Z,not-an-address,PER,mssante", "mailbox", "address"),
        ("10999990012,CANARI,Y,Z,A <a@b.fr>,PER,mssante", "mailbox", "address"),
        ("10999990012,CANARI,Y,Z,é@b.fr,PER,mssante", "mailbox", "address"),
        ("10999990012,CANARI,Y,Z,a@b.mssante.example,XXX,mssante", "type", "type"),
        ("10999990012,CANARI,Y,Z,a@b.mssante.example,PER,pigeon", "channel", "name"),
        ("10999990012,,CANARI,Z,a@b.mssante.example,PER,mssante", "family", "empty"),
        ("10999990012,CANARI,Y", "", "3 cells"),
    ],
)
def test_a_bad_row_of_the_directory_is_told_by_its_line_names_nobody_and_is_never_used(
    folder: Path, row: str, column: str, words: str
) -> None:
    with (folder / "directory.csv").open("a", encoding="utf-8") as file:
        file.write(row + "\n")
    line = len((folder / "directory.csv").read_text(encoding="utf-8").splitlines())
    settings, found = examine(written(folder))
    assert settings is not None
    (told,) = found
    assert (told.file, told.line, told.setting) == ("directory.csv", line, column)
    assert told.weight is Weight.SKIPS
    assert words in told.what
    assert "CANARI" not in str(told)
    boxes = [box for held in settings.directory.values() for box in held]
    assert all("CANARI" not in (box.family, box.given) for box in boxes)


def test_a_personal_mailbox_of_two_doctors_reaches_neither(folder: Path) -> None:
    with (folder / "directory.csv").open("a", encoding="utf-8") as file:
        file.write("10999990038,A,Y,Z,shared@b.mssante.example,PER,mssante\n")
        file.write("10999990053,B,Y,Z,Shared@b.mssante.example,PER,mssante\n")
    settings, found = examine(written(folder))
    assert [one.weight for one in found] == [Weight.SKIPS] * 2
    assert settings is not None
    addresses = [box.address for held in settings.directory.values() for box in held]
    assert all(not address.lower().startswith("shared") for address in addresses)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"rpps,family\n1,2\n", "lacks the column given"),
        (b"", "lacks the column rpps"),
        (b"rpps,family,given,place,mailbox,type,channel\n\xff\xfe\n", "not UTF-8"),
        (b'rpps,family,given,place,mailbox,type,channel\n"open\n', "not valid CSV"),
    ],
)
def test_a_directory_that_is_none_stops_the_start(folder: Path, content: bytes, words: str) -> None:
    (folder / "directory.csv").write_bytes(content)
    settings, (told,) = examine(written(folder))
    assert settings is None
    assert told.setting == "directory"
    assert words in told.what


def test_what_is_dangerous_and_allowed_is_advised_against(folder: Path) -> None:
    settings, found = examine(
        written(
            folder,
            ("[health]", '[health]\nhost = "0.0.0.0"'),
            (PORT, 'port = 2575\nhost = "0.0.0.0"\n'),
            ('finess = "590000006"', 'finess = "590000007"'),
        )
    )
    assert settings is not None
    assert {one.weight for one in found} == {Weight.ADVICE}
    assert {one.setting for one in found} == {"health.host", "listener.1", "hospital.finess"}


def test_certificates_are_checked_for_their_pair_and_their_time(folder: Path) -> None:
    certs = make_certs(folder)

    def told(certificate: Path, key: Path, now: datetime | None = None) -> list[str]:
        tls = f'tls = {{ certificate = "{certificate}", key = "{key}" }}\n'
        _, found = examine(written(folder, (PORT, PORT + tls)), now=now)
        return [one.what for one in found if one.weight is not Weight.SKIPS]

    assert told(certs.server, certs.server) == []
    assert told(certs.server, certs.client) == ["not the key of this certificate"]
    assert told(certs.server, certs.ca) == ["not a usable private key"]
    assert told(folder / "directory.csv", certs.server)[0] == "not a certificate in PEM"
    assert told(certs.expired, certs.expired) == ["expired on 2020-01-01"]
    early = datetime.now(UTC) - timedelta(days=366 * 50)
    assert [one[:16] for one in told(certs.server, certs.server, early)] == ["not valid before"]
    certs.server.chmod(0o644)
    assert told(certs.server, certs.server) == ["others can read this file"]


def test_a_secret_is_read_from_its_file_its_variable_or_systemd(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(reference: str) -> list[str]:
        path = written(folder, (SMTP, f'{SMTP}\nusername = "u"\npassword = "{reference}"'))
        return [f"{one.weight}: {one.what}" for one in examine(path)[1]]

    (folder / "secret").write_text(f"{SECRET}\n")
    (folder / "secret").chmod(0o600)
    monkeypatch.setenv("RELAIS_TEST_SECRET", SECRET)
    assert told("file:secret") == []
    assert told("env:RELAIS_TEST_SECRET") == []
    assert told("credential:secret")[0].startswith("advice")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert told("credential:secret") == []
    (folder / "secret").chmod(0o644)
    assert told("file:secret") == ["advice: others can read this file"]
    (folder / "secret").write_text("\n")
    assert "empty" in told("file:secret")[0]


def test_a_letter_that_cannot_be_written_is_found_before_the_start(folder: Path) -> None:
    shutil.copytree(ROOT / "mappings", folder / "mappings")
    path = written(folder, ((ROOT / "mappings").as_posix(), "mappings"))
    assert examine_letters(load(path)) == ()
    body = folder / "mappings/letters/exit-notice/letter.txt.j2"
    text = body.read_text(encoding="utf-8")
    assert "{{ patient.name }}" in text
    body.write_text(text.replace("{{ patient.name }}", "{{ cell }}"), encoding="utf-8")
    (told,) = examine_letters(load(path))
    assert "exit-notice" in told.file
    assert told.weight is Weight.STOPS


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"", b"mode", b"\x00", b"[" * 5000, b'"' * 3, b"a = [" + b"[" * 3000]
)
def test_a_file_that_is_no_settings_file_is_refused_in_words(folder: Path, content: bytes) -> None:
    path = folder / "relais.toml"
    path.write_bytes(content)
    settings, found = examine(path)
    assert settings is None
    assert found
    assert data_named(path) is None


def test_the_data_folder_is_known_whatever_else_is_wrong(folder: Path) -> None:
    for name in ("choice", "unknown table", "toml", "sender"):
        assert data_named(written(folder, TABLE[name][0])) == folder / "data"
    assert data_named(folder / "none.toml") is None


@given(st.timedeltas(timedelta(0), timedelta(days=4000)).map(
    lambda one: one - one % timedelta(milliseconds=1)
))  # fmt: skip
def test_a_duration_is_read_back_as_it_was_written(value: timedelta) -> None:
    assert parse_duration(duration_text(value)) == value


@given(st.text(max_size=200))
def test_no_text_makes_the_reading_of_settings_fail_otherwise_than_in_words(text: str) -> None:
    from engine.model.config import Config
    from engine.runtime.shape import fit

    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert fit(Config, raw, Path(os.sep)).misfits


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["mode", "smtp", "port", "x", "name"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(tomllib.loads(DEMO))), VALUES, min_size=1))
def test_no_value_in_any_place_makes_the_reading_fail_otherwise_than_in_words(
    values: dict[str, object],
) -> None:
    from engine.model.config import Config
    from engine.runtime.checks import check
    from engine.runtime.findings import Sound
    from engine.runtime.shape import fit

    raw = tomllib.loads(DEMO) | values
    fitted = fit(Config, raw, ROOT)
    list(check(Sound(fitted.values, raw, ROOT), datetime.now(UTC)))


PDF = typst.compile(b"= The unit", pdf_standards=["a-1b"], timestamp=0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"<html>", "no PDF"),
        (PDF[:-200], "no PDF/A-1"),
        (PDF.replace(b"<pdfaid:part>1", b"<pdfaid:part>2"), "no PDF/A-1"),
        (typst.compile(b"= Unit"), "no PDF/A-1"),
        (PDF + b" " * 2 * 1024 * 1024, "larger than 2 MiB"),
    ],
    ids=["absent", "other", "torn", "other archive", "ordinary", "large"],
)
def test_a_leaflet_that_no_mail_can_carry_is_told_with_its_line(
    folder: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (folder / "unit.pdf").write_bytes(content)
    path = written(folder, ("[units.annoeullin]", '[units.annoeullin]\nleaflet = "unit.pdf"'))
    (found,) = mistakes(path)
    assert said in found
    assert "units.annoeullin.leaflet" in found
    assert f":{line_of(path, 'leaflet =')}:" in found


def test_a_leaflet_is_read_when_the_daemon_gets_ready(folder: Path) -> None:
    (folder / "unit.pdf").write_bytes(PDF)
    path = written(folder, ("[units.annoeullin]", '[units.annoeullin]\nleaflet = "unit.pdf"'))
    settings = load(path)
    assert press_of(settings).leaflets == {"annoeullin": PDF}
    (folder / "unit.pdf").write_bytes(b"<html>")
    (mistake,) = examine_letters(settings)
    assert "leaflet" in mistake.what
