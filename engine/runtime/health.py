"""/healthz, /readyz and /metrics on a loopback port, in a thread of their own."""

import sys
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import CollectorRegistry, make_wsgi_app

log = structlog.get_logger()

Respond = Callable[..., Any]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 16

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - its names
        """A probe that hangs up: socketserver would print a traceback."""
        log.warning("probe-broken-off", exc_info=sys.exc_info()[1])


class _Quiet(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - wsgiref's name
        """Say nothing."""


class Health:
    """Answers probes. ``alive`` and ``ready`` give a reason not to be; None: all is well."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        alive: Callable[[], str | None],
        ready: Callable[[], str | None],
    ) -> None:
        self._probes = {"/healthz": alive, "/readyz": ready}
        self._metrics = make_wsgi_app(registry)
        self._server: _Server | None = None

    def start(self, host: str, port: int) -> int:
        """Listen; gives the port. Raises OSError when it is taken."""
        self._server = make_server(
            host, port, self._answer, server_class=_Server, handler_class=_Quiet
        )
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True
        ).start()
        return self._server.server_port

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _answer(self, environ: dict[str, Any], respond: Respond) -> Iterable[bytes]:
        try:
            return self._answered(environ, respond)
        except Exception as error:
            log.error("probe-failed", exc_info=error)
            respond("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"failed\n"]

    def _answered(self, environ: dict[str, Any], respond: Respond) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            answer: Iterable[bytes] = self._metrics(environ, respond)
            return answer
        probe = self._probes.get(path)
        if probe is None:
            respond("404 Not Found", [("Content-Type", "text/plain")])
            return [b"not found\n"]
        trouble = probe()
        status = "200 OK" if trouble is None else "503 Service Unavailable"
        respond(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{trouble or 'ok'}\n".encode()]
