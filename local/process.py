"""Processes that outlive this one: start them detached, recognise them later, stop them within a time limit."""

import logging
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.state import POLL_SECONDS, open_private
from pipeline_errors import ConfigurationError, WarehouseError
from pipeline_settings import PRIVATE_UMASK

logger = logging.getLogger(__name__)

PROC = Path("/proc")
LOG_LINES = 5
LOG_LIMIT_BYTES = 10_000_000

Command = Sequence[str | Path]
Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Account:
    """The system account of a server."""

    uid: int
    gid: int

    def arguments(self) -> dict[str, Any]:
        """Arguments of subprocess that switch to this account; empty for the current one."""
        return {} if self.uid == os.geteuid() else {"user": self.uid, "group": self.gid, "extra_groups": []}


def own_account() -> Account:
    """Return the account of this process."""
    return Account(os.geteuid(), os.getegid())


def unprivileged_account() -> Account:
    """Return the current account, or `nobody` for root."""
    if os.geteuid() != 0:
        return own_account()
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise ConfigurationError(
            "Embedded Postgres refuses to run as root, and this system has no account `nobody`",
            "Run Daybreak as a normal user, or set PGHOST to a Postgres of yours.",
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def surroundings(account: Account) -> dict[str, Any]:
    """Return the arguments of subprocess common to all servers.

    Servers get a minimal environment: another account could read secrets in it, and PGPORT and others affect Postgres.
    """
    environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    return {"env": environment, "cwd": "/", "umask": PRIVATE_UMASK, **account.arguments()}


def run(command: Command, account: Account, held: Sequence[int] = (), text: str = "") -> str:
    """Run a command and return its output, including errors. It inherits the locks in `held`.

    Raises WarehouseError with its last lines if it fails, OSError if it cannot be started.
    """
    finished: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603 - our own programs
        command,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        pass_fds=held,
        **surroundings(account),
    )
    if finished.returncode != 0:
        name = Path(command[0]).name
        raise WarehouseError(f"{name} ended with {finished.returncode}: {last_lines(finished.stdout)}")
    return finished.stdout


def detach(command: Command, account: Account, log: Path, held: int) -> Process:
    """Start a server in a new session, with its output in `log`. It inherits the lock `held`."""
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.old"))
    output = open_private(log, os.O_WRONLY | os.O_APPEND)
    try:
        return subprocess.Popen(  # noqa: S603 - our own programs
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(held,),
            **surroundings(account),
        )
    finally:
        os.close(output)


def wait_until_ready(
    process: Process | None, is_ready: Callable[[], bool], wait_seconds: float, name: str, log: Path
) -> None:
    """Wait until a server accepts connections. `process` is None if another process started it.

    Raises WarehouseError with its last log lines if it ends first, or is not ready in time.
    """
    deadline = time.monotonic() + wait_seconds
    try:
        while not is_ready():
            if process is not None and process.poll() is not None:
                raise WarehouseError(f"{name} did not start: {log_tail(log)}", f"See {log}.")
            if time.monotonic() > deadline:
                raise WarehouseError(
                    f"{name} is not ready after {wait_seconds:.0f} s: {log_tail(log)}",
                    f"It may still be recovering: try again in a minute, and see {log}.",
                )
            time.sleep(POLL_SECONDS)
    finally:
        if process is not None and process.returncode is None:
            process.returncode = 0  # it outlives this process; without this, Popen warns when it is collected


def can_enter(directory: Path, account: Account) -> bool:
    """Return whether the account can enter a directory, by trying it: mode bits are not the whole truth."""
    try:
        run(["/bin/sh", "-c", 'cd "$1"', "sh", directory], account)
    except WarehouseError:
        return False
    return True


def is_alive(pid: int, mark: str) -> bool:
    """Return whether the process exists and its command line contains `mark`, since ids are reused."""
    _reap(pid)
    try:
        if PROC.joinpath("self").exists():
            return mark in PROC.joinpath(str(pid), "cmdline").read_bytes().decode(errors="replace").split("\0")
        listing = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
        shown = subprocess.run(listing, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
        return mark in shown.stdout
    except OSError:
        return False


def stop(pid: int, mark: str, name: str, signals: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send the signals in order, each with its time limit, until the process has ended."""
    for number, seconds in signals:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        except PermissionError:
            raise WarehouseError(
                f"{name} (process {pid}) belongs to another account", "Stop it as the account that started it."
            ) from None
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not is_alive(pid, mark):
                return
            time.sleep(POLL_SECONDS)
        logger.warning("%s (process %d) did not stop within %.0f s of %s", name, pid, seconds, number.name)
    raise WarehouseError(f"{name} (process {pid}) does not stop", f"End process {pid} by hand.")


def log_tail(log: Path) -> str:
    """Return the last lines of a log as one line."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            return last_lines(file.read().decode(errors="replace"))
    except OSError:
        return "no log"


def last_lines(text: str) -> str:
    """Return the last lines of a text as one line."""
    return " / ".join(line.strip() for line in text.splitlines()[-LOG_LINES:] if line.strip())


def _reap(pid: int) -> None:
    """Reap the process if it is a dead child of this one."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
