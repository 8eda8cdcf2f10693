"""The live look-up: one professional, asked of the FHIR API of the Annuaire Santé.

Off at first. It tells a person what the directory says today, where the imported files are of
yesterday; decisions read the imported generation alone, so that they can be taken again.

What can go wrong
    The API is away, refuses the key, or answers something else: nothing is told, and the imported
    directory stands. It asks to follow a link to another host: the key goes nowhere else.
"""

import http.client
import json
import os
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlsplit

from engine.directory.fhir import (
    RPPS_SYSTEM,
    NotFhirError,
    Resource,
    boxes,
    next_page,
    practitioner_id,
    resources,
)
from engine.model.annuaire_config import Live
from engine.model.directory import BoxRow
from engine.model.errors import OperationError
from engine.runtime.secrets import resolve_secret

_MOST_BYTES: Final = 4 * 1024 * 1024
_MOST_PAGES: Final = 10
_KEPT: Final = 500  # professionals in the cache
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_WHY: Final = {
    400: "it did not understand the question",
    401: "it wants a key, or refuses ours",
    403: "it wants a key, or refuses ours",
    404: "it is not there: the address has changed",
    410: "this version of it has ended",
    429: "too many questions in a short time",
}


@dataclass
class LiveAnnuaire:
    """Asks the API, no faster than it allows, and remembers for a while what it answered."""

    live: Live
    cache: Path
    now: Callable[[], datetime]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _next_at: float = 0.0

    def look_up(self, rpps: str) -> tuple[tuple[BoxRow, ...], datetime]:
        """The mailboxes of a professional, and when they were told. Raises OperationError."""
        known = self._remembered(rpps)
        if known is not None:
            return known
        base = self._split(self.live.base)
        if base.scheme != "https" and base.hostname not in _LOOPBACK:
            raise _refused("its address is no https", self.live.base)
        system = quote(RPPS_SYSTEM, safe="")
        found = self._search(base, f"Practitioner?identifier={system}%7C{rpps}")
        number = practitioner_id(found, rpps)
        if number is not None:
            found += self._search(
                base,
                f"PractitionerRole?practitioner={quote(number, safe='')}"
                "&_include=PractitionerRole%3Aorganization",
            )
        rows, at = boxes(rpps, found) if number is not None else (), self.now()
        self._remember(rpps, rows, at)
        return rows, at

    def _search(self, base: SplitResult, query: str) -> list[Resource]:
        """All pages of a search, the links followed as they are given, on the same host alone."""
        path = f"{base.path.rstrip('/')}/{query}"
        found: list[Resource] = []
        for _ in range(_MOST_PAGES):
            bundle = self._get(base, path)
            try:
                found += resources(bundle)
            except NotFhirError:
                raise _refused("it answered something else than FHIR", self.live.base) from None
            more = next_page(bundle)
            if more is None:
                return found
            there = self._split(more)
            if (there.scheme, there.netloc) not in ((base.scheme, base.netloc), ("", "")):
                raise _refused("it leads to another host", self.live.base)
            path = f"{there.path}?{there.query}"
        raise _refused("its answer has no end", self.live.base)

    def _get(self, base: SplitResult, path: str) -> object:
        self._wait()
        headers = {"Accept": "application/fhir+json"}
        if self.live.api_key is not None:
            headers["ESANTE-API-KEY"] = resolve_secret(self.live.api_key).get_secret_value()
        connection = self._connection(base)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            data = answer.read(_MOST_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            why = "it cannot be reached" if isinstance(error, OSError) else "it speaks no HTTP"
            raise _refused(why, self.live.base) from None
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise _refused(_WHY.get(answer.status, "it failed"), self.live.base)
        if len(data) > _MOST_BYTES:
            raise _refused("its answer is too large", self.live.base)
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise _refused("it answered something else than FHIR", self.live.base) from None

    def _connection(self, base: SplitResult) -> http.client.HTTPConnection:
        seconds = self.live.timeout.total_seconds()
        host = base.hostname or ""
        if base.scheme != "https":
            return http.client.HTTPConnection(host, base.port, timeout=seconds)
        context = ssl.create_default_context(cafile=self.live.ca_file)
        return http.client.HTTPSConnection(host, base.port, timeout=seconds, context=context)

    def _split(self, url: str) -> SplitResult:
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            raise _refused("an address of it is none", self.live.base) from None
        return parts

    def _wait(self) -> None:
        """17 calls a second are allowed an application (ANS): each waits for its turn."""
        early = self._next_at - self.clock()
        if early > 0:
            self.sleep(early)
        self._next_at = max(self.clock(), self._next_at) + 1 / self.live.per_second

    def _remembered(self, rpps: str) -> tuple[tuple[BoxRow, ...], datetime] | None:
        entry: Any = self._read().get(rpps)
        try:
            at = datetime.fromisoformat(entry["at"])
            rows = tuple(BoxRow(*map(str, one)) for one in entry["boxes"])
        except (TypeError, KeyError, ValueError):
            return None
        age = self.now() - at
        return (rows, at) if abs(age) <= self.live.keep else None

    def _remember(self, rpps: str, rows: tuple[BoxRow, ...], at: datetime) -> None:
        kept = {name: one for name, one in self._read().items() if name != rpps}
        kept[rpps] = {"at": at.isoformat(), "boxes": rows}
        for name in list(kept)[:-_KEPT]:
            del kept[name]
        beside = self.cache.with_name(f".{self.cache.name}.{os.getpid()}")
        try:
            beside.write_text(json.dumps(kept), encoding="utf-8")
            beside.replace(self.cache)
        except OSError:
            beside.unlink(missing_ok=True)  # it is asked again the next time

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self.cache.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def _refused(why: str, where: str) -> OperationError:
    return OperationError(
        what=f"The live directory gave no answer: {why}.",
        where=where,
        effect="nothing was looked up; the imported directory stands",
        remedy="see [annuaire.live] of relais.toml; or import today's files",
    )
