"""The embedded engine is closed to other users, has no secret, and ends with its parent."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.embedded_server import embedded_server
from engine.session import spark_session
from pipeline_errors import ConfigurationError
from pipeline_settings import settings
from tests.engine.needs import needs_an_engine

pytestmark = needs_an_engine

PARENT = """
from engine.embedded_server import embedded_server
import time
with embedded_server() as path:
    print(path, flush=True)
    time.sleep(60)
"""
NOBODY = 65534


def network_of(process: int) -> str:
    return str(Path(f"/proc/{process}/ns/net").readlink())


def child_of(parent: int) -> int:
    return int(Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[-1])


def test_it_listens_in_no_network_of_others_and_inherits_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "canary")
    with embedded_server() as path:
        assert network_of(child_of(os.getpid())) != network_of(os.getpid())
        assert path.parent.stat().st_mode & 0o077 == 0
        environment = Path(f"/proc/{child_of(os.getpid())}/environ").read_bytes()
    assert b"RUST_LOG" in environment
    assert b"canary" not in environment
    assert not path.parent.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_cannot_connect() -> None:
    with embedded_server() as path:
        connect = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
        command = ["/usr/bin/env", "python3", "-c", connect, str(path)]
        stranger = subprocess.run(command, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, check=False)
        assert b"PermissionError" in stranger.stderr
        with socket.socket(socket.AF_UNIX) as owner:
            owner.connect(str(path))


def test_a_machine_without_namespaces_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho Operation not permitted\n")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ConfigurationError, match=r"Operation not permitted\. Set SPARK_REMOTE"), embedded_server():
        pass


def test_an_exchange_in_an_object_store_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("SPARK_EXCHANGE", "s3://bucket/folder")
    settings.cache_clear()
    with pytest.raises(ConfigurationError, match="has no network"), spark_session():
        pass


def test_the_server_ends_with_a_killed_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline()
        child = child_of(parent.pid)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and "(zombie)" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
