"""Airflow's four services as child processes: started, watched, and stopped with all their descendants.

Each service leads a session. Its workers and their tasks stay in that session even if their parents die, so they can
be found after the service was killed.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import psutil  # type: ignore[import-untyped]

from local import process, state
from local.airflow_home import OnProgress, remembered
from local.state import LOOPBACK
from pipeline_errors import DaybreakError
from pipeline_settings import PRIVATE_UMASK

ARGUMENTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],  # the log servers would listen on all addresses
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
STATES = ("metadatabase", "scheduler", "dag_processor", "triggerer")  # the API's names
ERROR_PREFIX = "daybreak: "
# Seconds. Together they are less than the 30 that a stop may take.
TASKS_END_SECONDS = 8.0  # for running tasks to finish
TASKS_STOP_SECONDS = 3.0  # for the other tasks to stop their child processes
SERVICES_END_SECONDS = 6.0  # for the scheduler to record unfinished tasks
API_END_SECONDS = 5.0  # for open requests


@dataclass
class Service:
    """One service and the processes of its session."""

    name: str
    log: Path
    process: subprocess.Popen[bytes] | None = None
    left_behind: list[psutil.Process] = field(default_factory=list)
    was_killed_by: signal.Signals | None = None

    def start(self, environment: Mapping[str, str], home: Path) -> None:
        """Start the service, appending its output to its log."""
        if self.log.exists() and self.log.stat().st_size > process.LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.old"))
        output = state.open_private(self.log, os.O_WRONLY | os.O_APPEND)
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own arguments
                [sys.executable, "-m", "airflow", *ARGUMENTS[self.name]],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=PRIVATE_UMASK,
                env=dict(environment),
                cwd=home,
            )
        finally:
            os.close(output)

    def is_dead(self) -> bool:
        """Whether it has ended. It is reaped only after its session, so that its id is not reused before."""
        if self.process is None or self.process.returncode is not None:
            return True
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def killed_by(self) -> signal.Signals | None:
        """Return the signal that killed it, such as one of the OOM killer; None if it ended by itself."""
        if self.process is None or not self.is_dead():
            return self.was_killed_by
        ended = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        is_signal = ended is not None and ended.si_code in (os.CLD_KILLED, os.CLD_DUMPED)
        return signal.Signals(ended.si_status) if ended and is_signal else None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the service only."""
        if self.process is not None and not self.is_dead():
            self.process.send_signal(number)

    def members(self) -> list[psutil.Process]:
        """Return the living processes of its session, including the service, and those that left the session."""
        found = session_members(self.process.pid) if self.process and self.process.returncode is None else []
        return [member for member in {*found, *self.left_behind} if _is_living(member)]

    def tasks(self) -> set[int]:
        """Return the process groups that run tasks: a service and its workers share one, each task has another."""
        return {os.getpgid(member.pid) for member in self.members()} - {self.process.pid if self.process else 0}

    def forget(self) -> None:
        """Reap the dead process, and remember the living members of its session."""
        self.left_behind = self.members()
        if self.process is not None:
            code = self.process.wait()
            self.was_killed_by = signal.Signals(-code) if code < 0 else None
            self.process = None


def session_members(leader: int) -> list[psutil.Process]:
    """Return the processes of a session and all their descendants."""
    members: set[psutil.Process] = set()
    for pid in psutil.pids():
        with suppress(OSError, psutil.Error):
            if os.getsid(pid) == leader:
                member = psutil.Process(pid)
                members |= {member, *member.children(recursive=True)}
    return list(members)


def stop_all(services: Mapping[str, Service]) -> None:
    """Stop the services and all descendants within 30 s, the API server last: tasks report their ends to it."""
    api, scheduler = services["api-server"], services["scheduler"]
    others = [service for service in services.values() if service is not api]
    for service in others:
        service.signal(signal.SIGTERM)
    if not _wait(lambda: all(service.is_dead() for service in others), TASKS_END_SECONDS):
        for number in (signal.SIGTERM, signal.SIGKILL):
            _signal_groups(scheduler.tasks(), number)
            if _wait(lambda: not scheduler.tasks(), TASKS_STOP_SECONDS):
                break
        _wait(lambda: all(service.is_dead() for service in others), SERVICES_END_SECONDS)
    api.signal(signal.SIGTERM)
    _wait(api.is_dead, API_END_SECONDS)
    for service in services.values():
        kill(service.members())
        service.forget()


def kill(members: Iterable[psutil.Process]) -> None:
    """Kill processes and wait for their ends."""
    members = list(members)
    for member in members:
        with suppress(psutil.Error):
            member.kill()  # psutil checks that the id was not reused
    psutil.wait_procs(members, timeout=5)


def remember(home: Path, port: int, services: Iterable[Service]) -> None:
    """Record the running services, for `stop`, the command line, and the start after a kill."""
    processes = [service.process.pid for service in services if service.process]
    started = {str(pid): psutil.Process(pid).create_time() for pid in processes if psutil.pid_exists(pid)}
    text = json.dumps({"pid": os.getpid(), "url": f"http://{LOOPBACK}:{port}", "port": port, "services": started})
    state.write_private(home / "airflow.json", text)


def end_leftovers(home: Path, say: OnProgress) -> None:
    """End the remaining services of a killed Airflow. The caller holds the lock."""
    for pid, started in remembered(home).get("services", {}).items():
        with suppress(psutil.Error):
            if psutil.Process(int(pid)).create_time() == started:
                say(f"Ended a process of a killed Airflow: {pid}")
                kill(session_members(int(pid)))
    (home / "airflow.json").unlink(missing_ok=True)


def deploy(environment: Mapping[str, str], home: Path, say: OnProgress) -> None:
    """Run orchestration.airflow.deploy and pass its lines on. Raises DaybreakError with its exit code if it fails."""
    command = [sys.executable, "-m", "orchestration.airflow.deploy"]
    output: list[str] = []
    with subprocess.Popen(  # noqa: S603 - our own arguments
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=dict(environment),
        cwd=home,
    ) as deployment:
        try:
            assert deployment.stdout is not None
            for line in deployment.stdout:
                output.append(line.rstrip())
                if not line.startswith(ERROR_PREFIX):
                    say(output[-1])
        except BaseException:
            kill(session_members(deployment.pid))
            raise
    if deployment.returncode != 0:
        error = DaybreakError(output[-1].removeprefix(ERROR_PREFIX) if output else "The deployment failed")
        error.exit_code = deployment.returncode
        raise error


def unhealthy(url: str, since: datetime) -> list[str]:
    """Return the services without a healthy heartbeat after `since`; earlier ones are from another run."""
    try:
        health = request(f"{url}/api/v2/monitor/health")
    except OSError:
        return ["api-server", *STATES]
    return [name for name in STATES if not _is_well(name, health[name], since)]


def request(url: str, body: object = None, method: str = "GET", token: str = "") -> Any:
    """Send a JSON request to the API and return its response. Raises HTTPError or URLError."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - the local address
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(asked, timeout=30) as response:
        return json.loads(response.read() or b"null")


def fetch_token(url: str, user: str, password: str) -> str:
    """Log in to the API. Raises DaybreakError if the Airflow at this address refuses, OSError if none answers."""
    try:
        token: str = request(f"{url}/auth/token", {"username": user, "password": password}, "POST")["access_token"]
    except HTTPError as error:
        raise DaybreakError(
            f"The Airflow at {url} refused the login: {error}", "Stop it if it is another one"
        ) from None
    return token


def _is_well(name: str, health: Mapping[str, str | None], since: datetime) -> bool:
    heartbeat = health.get(f"latest_{name}_heartbeat")
    fresh = name == "metadatabase" or (heartbeat is not None and datetime.fromisoformat(heartbeat) >= since)
    return fresh and health["status"] == "healthy"


def _signal_groups(groups: Iterable[int], number: signal.Signals) -> None:
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, number)


def _wait(is_done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _is_living(member: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(member.is_running() and member.status() != psutil.STATUS_ZOMBIE)
    return False
