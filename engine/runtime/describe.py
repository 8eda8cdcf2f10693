"""Prints a relais.toml with every setting, its default and what it is for: from the types."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from engine.model.config import Config
from engine.model.value import Value

HEAD: Final = """\
# Settings of Relais. Printed by `relais config describe`; every setting is here.
# A setting behind "# " shows its default, or an example of what may be left out; take the "# "
# away to change it.
# Durations: "500ms", "10s", "30m", "2h", "7d". Paths are relative to the folder of this file.
# Secrets are never written here: "file:PATH", "env:NAME", or "credential:NAME" (systemd).
# Try it: relais config check

"""

# What stands for a name that the site chooses, and for values that only the site knows.
_NAMES: Final = {"units": "exemple", "channels": "mssante", "returns": "mssante"}
_EXAMPLES: Final[dict[str, Any]] = {
    "mode": "test",
    "data": "/var/lib/relais",
    "directory": "/etc/relais/directory.csv",
    "mappings": "/etc/relais/mappings",
    "test_mailboxes": ["essai@ch-exempleville.mssante.example"],
    "hospital.name": "CH d'Exempleville",
    "hospital.finess": "590000006",
    "hospital.patient_oid": "1.2.250.1.999.1",
    "hospital.visit_oid": "1.2.250.1.999.2",
    "hospital.source_oid": "1.2.250.1.999.9",
    "units.name": "Unité sanitaire d'Exempleville",
    "units.address": ["2 avenue de l'Invention", "00000 EXEMPLEVILLE"],
    "units.city": "Exempleville",
    "units.leaflet": "/etc/relais/presentation.pdf",
    "units.phone_dss": "03 00 00 00 01",
    "units.phone_dsp": "03 00 00 00 02",
    "units.secure_address": "usmp@ch-exempleville.mssante.example",
    "units.neutral.name": "Consultations de médecine",
    "units.neutral.address": ["1 avenue de l'Hôpital", "00000 EXEMPLEVILLE"],
    "units.neutral.city": "Exempleville",
    "units.neutral.phone_dss": "03 00 00 00 10",
    "units.neutral.phone_dsp": "03 00 00 00 11",
    "units.neutral.secure_address": "medecine@ch-exempleville.mssante.example",
    "units.neutral.responsible.rpps": "10999990038",
    "units.neutral.responsible.family": "MODÈLE",
    "units.neutral.responsible.given": "Claire",
    "units.neutral.responsible.specialty_code": "G15_10/SM54",
    "units.neutral.responsible.specialty": "Médecin - Médecine Générale (SM)",
    "units.responsible.rpps": "10999990038",
    "units.responsible.family": "MODÈLE",
    "units.responsible.given": "Claire",
    "units.responsible.specialty_code": "G15_10/SM54",
    "units.responsible.specialty": "Médecin - Médecine Générale (SM)",
    "channels.format": "xdm",
    "channels.sender": "relais@ch-exempleville.mssante.example",
    "channels.sender_name": "CH d'Exempleville - Unités sanitaires",
    "channels.neutral.sender": "courrier@ch-exempleville.mssante.example",
    "channels.neutral.sender_name": "CH d'Exempleville",
    "channels.smtp.host": "smtp.operateur.mssante.example",
    "channels.smtp.ca_file": "/etc/relais/igc-sante.pem",
    "channels.smtp.certificate": "/etc/relais/relais.pem",
    "channels.smtp.key": "/etc/relais/relais.key",
    "channels.smtp.username": "relais",
    "channels.smtp.password": "credential:smtp-password",
    "channels.folder.path": "/var/spool/relais/gateway",
    "channels.command.argv": ["/opt/connector/send", "--to", "{recipient}", "--id", "{id}"],
    "channels.command.private": "/var/lib/relais/connector",
    "channels.command.environment": {"KEYS": "/opt/connector/keys"},
    "channels.print.path": "/var/spool/relais/print",
    "channels.print.return_address": ["CH d'Exempleville", "00000 EXEMPLEVILLE"],
    "record.application": "DPI",
    "record.facility": "CH-EXEMPLEVILLE",
    "record.assigner": "CH-EXEMPLEVILLE",
    "record.mllp.host": "dpi.ch-exempleville.example",
    "record.mllp.port": 2576,
    "record.mllp.ca_file": "/etc/relais/dpi-ca.pem",
    "record.mllp.certificate": "/etc/relais/mllp-client.pem",
    "record.mllp.key": "/etc/relais/mllp-client.key",
    "listener.name": "dpi",
    "listener.port": 2575,
    "listener.mapping": "pam-fr",
    "listener.tls.certificate": "/etc/relais/mllp.pem",
    "listener.tls.key": "/etc/relais/mllp.key",
    "listener.tls.client_ca": "/etc/relais/dpi-ca.pem",
    "folder.name": "depot",
    "folder.path": "/var/spool/relais/inbox",
    "folder.mapping": "pam-fr",
    "folder.flag": ".ok",
    "returns.host": "imap.operateur.mssante.example",
    "returns.ca_file": "/etc/relais/igc-sante.pem",
    "returns.certificate": "/etc/relais/relais.pem",
    "returns.key": "/etc/relais/relais.key",
    "returns.username": "relais@ch-exempleville.mssante.example",
    "returns.password": "credential:imap-password",
    "returns.channels": ["mssante"],
    "audit.signing_key": "/etc/relais/audit.key",
}
# Tables that a first configuration does without.
_LEFT_OUT: Final = frozenset(
    {
        *("listener.tls", "channels.folder", "channels.neutral", "folder"),
        "returns",
        *("channels.command", "channels.print", "record"),
        *("units.delays", "units.neutral"),
    }
)
_SHOWN_OPTIONAL: Final = frozenset(
    {"units.address", "units.phone_dss", "units.phone_dsp", "mappings", "test_mailboxes",
     "units.responsible.specialty_code", "units.responsible.specialty"}
)  # fmt: skip


def describe() -> str:
    """The whole example file."""
    return HEAD + "\n".join(_table(Config, "", "", out=False)) + "\n"


def _table(model: type[BaseModel], key: str, title: str, *, out: bool) -> Iterator[str]:
    """One table: its plain settings first, then its sub-tables. ``out``: commented out."""
    mark = "# " if out else ""
    tables: list[tuple[str, FieldInfo, type[BaseModel], str]] = []
    if title:
        yield ""
        doc = " ".join((model.__doc__ or "").split())
        yield f"# {doc}"
        yield f"{mark}{title}"
    for name, field in model.model_fields.items():
        inner, shape = _inner(field.annotation)
        path = f"{key}.{name}".lstrip(".")
        if inner is not None and inner.__name__ != "SecretRef":
            tables.append((name, field, inner, shape))
            continue
        yield from _setting(name, field, path, mark)
    for name, _field, inner, shape in tables:
        path = f"{key}.{name}".lstrip(".")
        yield from _table(
            inner, path, _title(title, name, path, shape), out=out or path in _LEFT_OUT
        )


def _title(above: str, name: str, path: str, shape: str) -> str:
    prefix = above.strip("[]")
    whole = f"{prefix}.{name}" if prefix else name
    if shape == "map":
        return f"[{whole}.{_NAMES[path]}]"
    # An array of tables may have tables below it, whose header has single brackets.
    return f"[[{whole}]]" if shape == "list" else f"[{whole}]"


def _setting(name: str, field: FieldInfo, path: str, mark: str) -> Iterator[str]:
    if field.description:
        yield f"# {field.description}"
    required = field.is_required() or path in _SHOWN_OPTIONAL
    value = _EXAMPLES[path] if path in _EXAMPLES else field.get_default(call_default_factory=True)
    shown = mark or ("" if required else "# ")
    yield f"{shown}{name} = {_toml(value)}"


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The model inside an annotation: plain, in a list, in a map, optional."""
    if isinstance(annotation, type) and issubclass(annotation, Value):
        return annotation, "table"
    shapes: dict[Any, str] = {tuple: "list", dict: "map"}
    for argument in get_args(annotation):
        inner, shape = _inner(argument)
        if inner is not None:
            origin: Any = get_origin(annotation)
            return inner, shapes.get(origin, shape)
    return None, ""


def _toml(value: Any) -> str:
    match value:
        case None:
            return '""'
        case bool():
            return "true" if value else "false"
        case Enum():
            return _toml(value.value)
        case int() | float():
            return str(value)
        case timedelta():
            return f'"{_duration(value)}"'
        case str() | PurePath():
            return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
        case Mapping():
            return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
        case _:
            return "[" + ", ".join(_toml(one) for one in value) + "]"


def _duration(value: timedelta) -> str:
    millis = int(value.total_seconds() * 1000)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if millis and millis % size == 0 and (unit != "d" or millis > size):
            return f"{millis // size}{unit}"
    return f"{millis}ms"
