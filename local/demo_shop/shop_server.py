"""The demo shop's API over HTTP on this machine: pages of orders and reviews of any shop.

    GET  /health                                             200
    GET  /api/v1/orders?date=YYYY-MM-DD&limit=N[&offset=M]   {"orders": [...], "next": url or null, "total": n}
        GET  /api/v1/reviews?...                                 the same with "reviews"
        POST /demo/correct                                       only for the simulated shop, which can correct its past

It is for demos and tests: it listens on the loopback interface only, and a page is one join of serialised rows.
"""

import hmac
import ipaddress
import json
import logging
import re
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from local.demo_shop.shop_contract import DATASETS, CorrectableShop, Shop, read_day
from pipeline_errors import ConfigurationError

DEFAULT_LIMIT = 1_000
MAX_LIMIT = 50_000

log = logging.getLogger(__name__)

_ROUTES = {f"/api/v1/{dataset}": dataset for dataset in DATASETS}
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")


class ShopServer:
    """A server for a shop; `with ShopServer(shop) as server: requests.get(server.url + "/health")`.

    `port` 0 chooses a free one. With a `token`, requests without `Authorization: Bearer <token>` get a 401.
    Raises ConfigurationError if the address is not on the loopback interface, or taken.
    """

    def __init__(self, shop: Shop, host: str = "127.0.0.1", port: int = 0, token: str | None = None) -> None:
        _check_loopback(host)
        try:
            self._server = _Server((host, port), shop, token)
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"The shop cannot listen on {host}:{port}: {error}", "Choose another port."
            ) from None
        self._thread: threading.Thread | None = None
        self.port: int = self._server.server_address[1]
        self.url = f"http://{host}:{self.port}"

    def start(self) -> Self:
        """Serve in a daemon thread."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="shop", daemon=True)
        self._thread.start()
        return self

    def serve_forever(self) -> None:
        """Serve in this thread until it is interrupted."""
        log.info("The shop serves at %s", self.url)
        try:
            with suppress(KeyboardInterrupt):
                self._server.serve_forever()
        finally:
            self._close()

    def stop(self) -> None:
        """Stop listening and close all connections, so that kept-alive clients notice. Can be called twice."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._close()

    def _close(self) -> None:
        self._server.server_close()
        self._server.hang_up()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


def serve_forever(shop: Shop, port: int, token: str | None = None) -> None:
    """Serve the shop on 127.0.0.1 until interrupted. Raises ConfigurationError if the port is taken."""
    ShopServer(shop, port=port, token=token).serve_forever()


def _check_loopback(host: str) -> None:
    with suppress(ValueError):
        if ipaddress.IPv4Address(host).is_loopback:
            return
    raise ConfigurationError(
        f"The demo shop does not listen on {host!r}", "Use 127.0.0.1; it is not made for a network."
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], shop: Shop, token: str | None) -> None:
        self.shop = shop
        self.token = token
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer would ask DNS for the host's name, which can take seconds on a machine without a network.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("A request from %s ended early", client_address, exc_info=True)


class _RefusedRequestError(Exception):
    def __init__(self, status: HTTPStatus, message: str) -> None:
        self.status = status
        super().__init__(message)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._answer(self._read)

    def do_POST(self) -> None:
        # The body of the request is not read, so the connection cannot be reused.
        self.close_connection = True
        self._answer(self._correct)

    def log_message(self, format: str, *args: Any) -> None:
        log.debug("%s " + format, self.address_string(), *args)

    def _answer(self, respond: Callable[[str], bytes]) -> None:
        status = HTTPStatus.OK
        try:
            self._check_host()
            body = respond(urlsplit(self.path).path)
        except _RefusedRequestError as refusal:
            status, body = refusal.status, json.dumps({"error": str(refusal)}).encode()
        except Exception as error:  # report any error of a shop to the client
            log.exception("The shop cannot answer %s", self.path)
            status, body = HTTPStatus.INTERNAL_SERVER_ERROR, json.dumps({"error": str(error)}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _check_host(self) -> None:
        """Refuse a web page of another site, whose name was made to lead to this machine."""
        name = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
        with suppress(ValueError):
            if name in ("", "localhost") or ipaddress.ip_address(name).is_loopback:
                return
        raise _RefusedRequestError(HTTPStatus.MISDIRECTED_REQUEST, "The demo shop answers on this machine only")

    def _read(self, path: str) -> bytes:
        if path == "/health":  # without a token, so that waiting for the shop does not depend on it
            return b'{"status": "ok"}'
        self._check_token()
        if path not in _ROUTES:
            raise _RefusedRequestError(HTTPStatus.NOT_FOUND, f"There is no {path}; try {' or '.join(_ROUTES)}")
        return self._page(_ROUTES[path], dict(parse_qsl(urlsplit(self.path).query)))

    def _correct(self, path: str) -> bytes:
        self._check_token()
        if path != "/demo/correct" or not isinstance(self.server.shop, CorrectableShop):
            raise _RefusedRequestError(HTTPStatus.NOT_FOUND, f"Nothing can be posted to {path}")
        self.server.shop.correct()
        return b'{"corrected": true}'

    def _check_token(self) -> None:
        if self.server.token is None:
            return
        given = self.headers.get("Authorization", "").encode("latin-1")  # as http.client decoded it
        if not hmac.compare_digest(given, f"Bearer {self.server.token}".encode()):
            raise _RefusedRequestError(HTTPStatus.UNAUTHORIZED, "The bearer token is missing or wrong")

    def _page(self, dataset: str, query: Mapping[str, str]) -> bytes:
        day = read_day(query.get("date", ""))
        if day is None:
            raise _RefusedRequestError(HTTPStatus.BAD_REQUEST, "date must be a day, YYYY-MM-DD")
        limit = min(_whole_number(query, "limit", DEFAULT_LIMIT, least=1), MAX_LIMIT)
        offset = _whole_number(query, "offset", 0, least=0)
        rows = self.server.shop.rows(dataset, day)
        after = self._next_url(dataset, day, limit, offset + limit) if offset + limit < len(rows) else None
        tail = f'], "next": {json.dumps(after)}, "total": {len(rows)}}}'
        return b'{"%s": [' % dataset.encode() + b", ".join(rows[offset : offset + limit]) + tail.encode()

    def _next_url(self, dataset: str, day: date, limit: int, offset: int) -> str:
        # A client checks that the next page is on the same host, which may be any name of this machine.
        asked = self.headers.get("Host", "")
        host = asked if _HOST.fullmatch(asked) else f"{self.server.server_name}:{self.server.server_port}"
        return f"http://{host}/api/v1/{dataset}?{urlencode({'date': day, 'limit': limit, 'offset': offset})}"


def _whole_number(query: Mapping[str, str], name: str, default: int, least: int) -> int:
    text = query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,18}", text) or int(text) < least:
        raise _RefusedRequestError(HTTPStatus.BAD_REQUEST, f"{name} must be a whole number, {least} or more")
    return int(text)
