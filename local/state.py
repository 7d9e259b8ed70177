"""The state of the embedded servers: private files, ports and passwords, locks.

    DAYBREAK_HOME/servers/
                lock                             held while a process starts or stops a server
        postgres.json, valkey.json       port, password and user of each server
        postgres.log, valkey.log
        postgres/                        data directory, configuration and run.lock of Postgres
        valkey.conf, valkey.pid, valkey.run.lock

A running server holds its run.lock: it inherits the locked file, so the lock ends with its last process, even if that
is killed. A process id in a file cannot prove this, since ids are reused.
"""

import fcntl
import json
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline_errors import ConfigurationError, WarehouseError

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)  # below the range for outgoing connections
POLL_SECONDS = 0.02
START_LOCK_SECONDS = 180.0  # another process may be initialising, or recovering after a crash


@dataclass(frozen=True)
class Endpoint:
    """The port of a server and its login; Valkey has no user."""

    port: int
    password: str
    user: str = ""

    @property
    def address(self) -> str:
        """Host and port as text."""
        return f"{LOOPBACK}:{self.port}"

    def __repr__(self) -> str:
        return f"Endpoint({self.address})"  # tracebacks print fields, and must not show the password


def new_endpoint(user: str = "") -> Endpoint:
    """Return a free port and a random password."""
    return Endpoint(port=free_port(), password=secrets.token_urlsafe(24), user=user)


def read_endpoint(path: Path) -> Endpoint | None:
    """Return the recorded endpoint, or None if there is none or it is malformed."""
    try:
        return Endpoint(**json.loads(path.read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError):
        return None  # cut short by a full disk: the caller makes a new one


def write_endpoint(path: Path, endpoint: Endpoint) -> None:
    """Record an endpoint."""
    write_private(path, json.dumps(asdict(endpoint)))


def state_directory(home: Path, group: int | None = None) -> Path:
    """Create the servers' directory below `home`. Only its owner can read it; members of `group` can walk through it.

    An existing directory keeps its mode. Raises ConfigurationError with the path that cannot be written.
    """
    directory = home / "servers"
    with writing(directory):
        for path in (*reversed(home.parents), home, directory):
            make_private_directory(path, group)
        os.close(open_private(directory / "lock", os.O_RDWR))
    return directory


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Translate a failed write into a ConfigurationError with the path."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"The state directory cannot be used: {error.filename or path}: {error.strerror}",
            "Set DAYBREAK_HOME to a directory that you may write to, on a disk with room.",
        ) from error


def make_private_directory(path: Path, group: int | None = None) -> None:
    """Create a directory that only its owner can read; members of `group` can walk through it."""
    if path.exists():
        return
    path.mkdir(mode=0o700, exist_ok=True)
    if group is not None:
        os.chown(path, -1, group)
        path.chmod(0o710)


def make_passable_directory(path: Path) -> None:
    """Create a directory that every account can walk through and only its owner can read, whatever the umask."""
    if not path.exists():
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o711)


def open_private(path: Path, flags: int) -> int:
    """Open a file that only its owner can read, creating it if needed, but never through a symbolic link."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:  # sudo must not lock out the owner of a checkout
        os.fchown(descriptor, path.parent.stat().st_uid, -1)
    return descriptor


def write_private(path: Path, text: str) -> None:
    """Replace a private file atomically: a reader sees the old text or the new one."""
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(open_private(draft, os.O_WRONLY), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def free_port() -> int:
    """Return a free port on the loopback interface."""
    for port in random.sample(PORTS, 100):
        if is_free(port):
            return port
    raise ConfigurationError(
        f"No free port between {PORTS.start} and {PORTS.stop} on {LOOPBACK}",
        "Stop what listens there, or set PGHOST and REDIS_URL.",
    )


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port; closing connections do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def locked(path: Path, wait_seconds: float, on_wait: Callable[[], None] | None = None) -> int:
    """Lock a file for this process and those that inherit its descriptor, until the last one closes it.

    `on_wait` is called before each further attempt. Raises WarehouseError after `wait_seconds`.
    """
    descriptor = open_private(path, os.O_RDWR)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise WarehouseError(
                    f"{path} has been held by another process for {wait_seconds:.0f} s",
                    "Wait for other runs of Daybreak and remains of a killed server to end, then try again.",
                ) from None
        if on_wait is not None:
            on_wait()
        time.sleep(POLL_SECONDS)


@contextmanager
def start_lock(directory: Path) -> Iterator[None]:
    """Hold the lock for starting and stopping servers of this state directory."""
    with writing(directory):
        descriptor = locked(directory / "lock", START_LOCK_SECONDS)
    try:
        yield
    finally:
        os.close(descriptor)
