"""Serves the report, the dbt docs and the Data Docs to a browser on this machine, and no other files."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pipeline_errors import ConfigurationError

SERVED = ("report/", "docs/static_index.html", "gx/docs/")  # below DAYBREAK_HOME, which also holds data and passwords


class ReportServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1 once created; `serve_forever` answers. `url` is the report's address.

    Raises ConfigurationError if the port is taken.
    """

    daemon_threads = True

    def __init__(self, home: Path, port: int) -> None:
        try:
            super().__init__(("127.0.0.1", port), partial(_Handler, directory=str(home.resolve())))
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} cannot be used: {error}", "Choose another one with --port."
            ) from error
        self.url = f"http://127.0.0.1:{self.server_port}/report/index.html"


def serve_report(home: Path, port: int, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C. Raises ConfigurationError if the port is taken."""
    with ReportServer(home, port) as server:
        say(f"{server.url} (Ctrl-C stops)")
        with suppress(KeyboardInterrupt):
            server.serve_forever()


class _Handler(SimpleHTTPRequestHandler):
    def send_head(self) -> Any:
        """Serve only the allowed paths, and only under this address: other hosts' names cannot lead here."""
        port = self.connection.getsockname()[1]
        if self.headers.get("Host") not in (f"127.0.0.1:{port}", f"localhost:{port}"):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return None
        path = unquote(urlsplit(self.path).path)
        if path in ("/", "/report", "/report/"):
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", "/report/index.html")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        if path == "/favicon.ico":  # every browser asks for it
            self.send_response(HTTPStatus.NO_CONTENT)
            self.end_headers()
            return None
        if ".." in Path(path).parts or not path.lstrip("/").startswith(SERVED):
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> Any:
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:
        """Log no requests."""
