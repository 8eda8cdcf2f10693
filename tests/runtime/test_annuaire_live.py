"""The live look-up, against a server on loopback that behaves as the API is documented to."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from engine.commands.directory_live import told_live
from engine.model.annuaire_config import Live
from engine.model.errors import OperationError
from engine.model.secret import SecretRef
from engine.runtime.annuaire_live import LiveAnnuaire
from tests.support.directories import box, generation, practice, reader_of

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
RPPS, KEY = "10999990012", "cle-inventee"
_EXTENSION = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/"
_CORE = "https://hl7.fr/ig/fhir/core/StructureDefinition/"


def telecom(address: str, kind: str | None, **more: Any) -> dict[str, Any]:
    said = [{"url": "digitization", "valueBoolean": True}, *more.get("also", ())]
    if kind is not None:
        said.append({"url": "type", "valueCodeableConcept": {"coding": [{"code": kind}]}})
    return {
        "system": "email", "value": address, "rank": 1,
        "extension": [
            {"url": _CORE + "fr-core-contact-point-email-type", "valueCoding": {"code": "MSSANTE"}},
            {"url": _EXTENSION + "as-ext-mailbox-mss-metadata", "extension": said},
        ],
    }  # fmt: skip


PRACTITIONER = {
    "resourceType": "Practitioner", "id": "003-1",
    "identifier": [{"system": "https://rpps.esante.gouv.fr", "value": RPPS}],
    "name": [{"family": "MARTEL", "given": ["Claire"]}],
    "telecom": [
        telecom("claire.martel@cabinets.mssante.example", "PER"),
        telecom("no.type@cabinets.mssante.example", None),
        telecom("hidden@cabinets.mssante.example", "PER",
                also=[{"url": "listeRouge", "valueBoolean": True}]),
        {"system": "email", "value": "claire@gmail.com"},
        {"system": "phone", "value": "0320000001"},
    ],
}  # fmt: skip
ROLE = {
    "resourceType": "PractitionerRole", "id": "005-1",
    "organization": {"reference": "Organization/001-1"},
    "telecom": [telecom("claire.martel@ch-lyre.mssante.example", "PER")],
}  # fmt: skip
PLACE = {
    "resourceType": "Organization", "id": "001-1", "name": "CENTRE HOSPITALIER DE LYRE",
    "identifier": [{"value": "1590000009"}], "address": [{"postalCode": "59000", "city": "LYRE"}],
    "telecom": [telecom("secretariat@ch-lyre.mssante.example", "ORG")],
}  # fmt: skip


class Api(ThreadingHTTPServer):
    """GET alone, a key in ESANTE-API-KEY, 50 a page by default: here one, so that links matter."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked: list[str] = []
        self.status = 200
        self.body: bytes | None = None
        self.next_host: str | None = None
        self.known = {RPPS: PRACTITIONER}

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/fhir/v2"


class Answers(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status = self.server.status
        if status == 200 and self.headers.get("ESANTE-API-KEY") != KEY:
            status = 401
        body = self.server.body or json.dumps(self._bundle()).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _bundle(self) -> dict[str, Any]:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        found: list[Any] = []
        if url.path == "/fhir/v2/Practitioner":
            system, _, rpps = query["identifier"][0].partition("|")
            assert system == "https://rpps.esante.gouv.fr"
            found = [self.server.known[rpps]] if rpps in self.server.known else []
        elif url.path == "/fhir/v2/PractitionerRole":
            assert query["practitioner"] == ["003-1"]
            assert query["_include"] == ["PractitionerRole:organization"]
            found = [ROLE, PLACE]
        page = int(query.get("page", ["0"])[0])
        bundle: dict[str, Any] = {
            "resourceType": "Bundle", "type": "searchset", "total": len(found),
            "entry": [{"resource": one} for one in found[page : page + 1]],
        }  # fmt: skip
        if page + 1 < len(found):
            host = self.server.next_host or f"127.0.0.1:{self.server.server_port}"
            more = f"http://{host}{url.path}?{url.query}&page={page + 1}"
            bundle["link"] = [{"relation": "self"}, {"relation": "next", "url": more}]
        return bundle

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Clock:
    def __init__(self) -> None:
        self.now, self.slept = NOW, []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live(api: Api, clock: Clock, tmp_path: Path) -> LiveAnnuaire:
    (tmp_path / "key").write_text(KEY)
    settings = Live(
        enabled=True, base=api.base, api_key=SecretRef(source="file", name=str(tmp_path / "key")),
        timeout=timedelta(seconds=5),
    )  # fmt: skip
    return LiveAnnuaire(
        settings, tmp_path / "live.json", lambda: clock.now, clock.sleep, lambda: 0.0
    )


def test_mailboxes_of_the_person_the_roles_and_the_places_are_told(live: LiveAnnuaire) -> None:
    rows, at = live.look_up(RPPS)
    assert at == NOW
    assert [(one.type, one.address, one.structure, one.paperless) for one in rows] == [
        ("PER", "claire.martel@cabinets.mssante.example", "", "O"),
        ("PER", "claire.martel@ch-lyre.mssante.example", "1590000009", "O"),
        ("ORG", "secretariat@ch-lyre.mssante.example", "1590000009", "O"),
    ]
    assert {(one.family, one.given) for one in rows if one.holder} == {("MARTEL", "Claire")}


def test_they_are_judged_as_imported_ones_are_and_compared_with_them(
    live: LiveAnnuaire, tmp_path: Path
) -> None:
    gone = box(address="old@cabinets.mssante.example")
    generation(tmp_path, [box(), gone], [practice()])
    with reader_of(tmp_path) as reader:
        told = told_live(live, RPPS, reader)
    by_address = {one["address"]: one for one in told["mailboxes"]}
    assert by_address["claire.martel@cabinets.mssante.example"]["imported"]
    hospital = by_address["claire.martel@ch-lyre.mssante.example"]
    assert (hospital["seat"], hospital["imported"]) == ("at another employer", False)
    assert hospital["refused"]
    assert told["gone"] == ["old@cabinets.mssante.example"]


def test_an_answer_is_remembered_for_a_while(live: LiveAnnuaire, api: Api, clock: Clock) -> None:
    first = live.look_up(RPPS)
    count = len(api.asked)
    clock.now += timedelta(minutes=59)
    assert live.look_up(RPPS) == first
    assert len(api.asked) == count
    clock.now += timedelta(minutes=2)
    assert live.look_up(RPPS) == (first[0], clock.now)
    assert len(api.asked) == 2 * count
    live.cache.write_text("[1")  # damaged: asked again
    assert live.look_up(RPPS)[0] == first[0]


def test_questions_keep_their_distance(live: LiveAnnuaire, api: Api, clock: Clock) -> None:
    live.look_up(RPPS)
    assert len(api.asked) == 3
    assert clock.slept == [pytest.approx(0.2), pytest.approx(0.4)]


def test_nobody_of_that_number_has_no_mailbox(live: LiveAnnuaire) -> None:
    assert live.look_up("10999990020")[0] == ()
    with pytest.raises(OperationError, match="RPPS"):
        told_live(live, "10999990013", None)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": 401}, "wants a key"),
        ({"status": 403}, "wants a key"),
        ({"status": 410}, "has ended"),
        ({"status": 429}, "too many"),
        ({"status": 500}, "failed"),
        ({"body": b"<html>"}, "something else than FHIR"),
        ({"body": b'{"resourceType": "Patient"}'}, "something else than FHIR"),
        ({"body": b"[" * 100_000}, "something else than FHIR"),
        ({"body": b" " * (4 * 1024 * 1024 + 1)}, "too large"),
        ({"next_host": "localhost:1"}, "another host"),
    ],
)
def test_what_is_no_answer_is_told_and_nothing_is_remembered(
    live: LiveAnnuaire, api: Api, change: dict[str, Any], why: str
) -> None:
    for name, value in change.items():
        setattr(api, name, value)
    with pytest.raises(OperationError, match=why) as error:
        live.look_up(RPPS)
    assert KEY not in str(error.value)
    assert not live.cache.exists()


def test_the_key_goes_out_in_clear_to_nobody(tmp_path: Path) -> None:
    settings = Live(enabled=True, base="http://annuaire.example/fhir/v2")
    with pytest.raises(OperationError, match="no https"):
        LiveAnnuaire(settings, tmp_path / "x", lambda: NOW).look_up(RPPS)
    away = Live(enabled=True, base="https://127.0.0.1:1/fhir/v2")
    with pytest.raises(OperationError, match="cannot be reached"):
        LiveAnnuaire(away, tmp_path / "x", lambda: NOW).look_up(RPPS)
