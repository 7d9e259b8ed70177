"""`daybreak report --serve`: serves the report, dbt docs and Data Docs, to this machine alone."""

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring.report.server import ReportServer
from pipeline_errors import ConfigurationError
from pipeline_settings import Settings

FILES = {
    "report/index.html": "front",
    "docs/static_index.html": "dbt docs",
    "docs/manifest.json": "not shown",
    "gx/docs/index.html": "Data Docs",
    "gx/other.json": "not shown",
    "servers/postgres/password": "secret",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ReportServer]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    with ReportServer(tmp_path, 0) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def get(server: ReportServer, path: str, host: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    status, text = answer.status, answer.read().decode()
    connection.close()
    return status, text


@pytest.mark.parametrize("path", ["report/index.html", "docs/static_index.html", "gx/docs/index.html"])
def test_the_three_sites_are_served(server: ReportServer, path: str) -> None:
    assert get(server, f"/{path}?x=1") == (200, FILES[path])


@pytest.mark.parametrize(
    "path",
    [
        "/servers/postgres/password",
        "/report/../servers/postgres/password",
        "/report/%2e%2e/servers/postgres/password",
        "//servers/postgres/password",
        "/docs/manifest.json",
        "/docs/static_index.html/../manifest.json",
        "/gx/other.json",
        "/report/days/",
        "/.",
    ],
)
def test_no_other_files_are_served(server: ReportServer, path: str) -> None:
    status, text = get(server, path)
    assert status in (301, 404)
    assert "secret" not in text
    assert "not shown" not in text


def test_the_root_leads_to_the_report(server: ReportServer) -> None:
    assert get(server, "/")[0] == 302


def test_other_host_names_are_refused(server: ReportServer) -> None:
    assert get(server, "/report/index.html", host="shop.example")[0] == 421


def test_it_listens_on_localhost_only(server: ReportServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_a_taken_port_is_an_error(server: ReportServer, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--port"):
        ReportServer(tmp_path, server.server_port)


def test_the_command_serves_until_it_is_interrupted(warehouse: Settings) -> None:
    # background jobs of a shell inherit that Ctrl-C is ignored
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from cli.main import app; "
    command = [sys.executable, "-c", code + "app(['report', '--serve', '--port', '0'])"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout
        found = re.match(r"http://127.0.0.1:(\d+)/report/index.html", process.stdout.readline())
        assert found
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=5)
        connection.request("GET", "/report/index.html")
        assert "Daybreak report" in connection.getresponse().read().decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
