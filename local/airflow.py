"""Airflow on this machine: `python -m local.airflow` runs it in the foreground until Ctrl-C.

Embedded servers, metadata database, secrets and deployment are prepared first. Everything listens on 127.0.0.1 only.
Tests use `running_airflow` for its address, the environment of its command line, and its services.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from local import airflow_home, process, servers, state
from local.airflow_home import STANDARD_PORT, USER, OnProgress
from local.airflow_services import (
    ARGUMENTS,
    Service,
    deploy,
    end_leftovers,
    fetch_token,
    kill,
    remember,
    request,
    stop_all,
    unhealthy,
)
from local.state import LOOPBACK
from pipeline_errors import ConfigurationError, DaybreakError

HEALTHY_SECONDS = 180.0
STOP_SECONDS = 40.0
WATCH_SECONDS = 0.5
ATTEMPTS = 3  # another program may take the port between the check and the start of the API server

REPORTED = """
[bold green]Airflow is running at {url}[/bold green]
  user {user}, password in {home}/passwords.json
  DAGs that read the shop are paused at first. To use its command line in another shell:
    .venv/bin/python -m local.airflow dags unpause --yes --treat-dag-id-as-regex '_pipeline$'
    .venv/bin/python -m local.airflow dags trigger ecommerce_order_pipeline --conf '{{"day": "2026-03-01"}}'
  logs are in {home}/logs
  Ctrl-C stops it; the embedded servers keep running, and all data stays
"""


@dataclass(frozen=True)
class Airflow:
    """A running Airflow."""

    home: Path
    port: int
    environment: dict[str, str]
    services: dict[str, Service]

    @property
    def url(self) -> str:
        """The address of the web interface and the API."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def user(self) -> str:
        """The administrator's name."""
        return USER

    @property
    def password(self) -> str:
        """The administrator's password."""
        return airflow_home.password(self.home)

    def start(self, name: str) -> None:
        """Start a service without waiting for it."""
        self.services[name].start(self.environment, self.home)
        remember(self.home, self.port, self.services.values())

    def kill(self, name: str, *, alone: bool = False) -> None:
        """Kill a service (-9) with its workers and tasks, as at the end of its container, or only the service."""
        service = self.services[name]
        if alone:
            service.signal(signal.SIGKILL)
        else:
            kill(service.members())
        service.forget()

    def stop(self) -> None:
        """Stop all services and their processes within 30 s."""
        stop_all(self.services)
        (self.home / "airflow.json").unlink(missing_ok=True)

    def dead(self) -> list[str]:
        """The services that have ended."""
        return [name for name, service in self.services.items() if service.is_dead()]

    def wait_until_healthy(
        self, seconds: float = HEALTHY_SECONDS, since: datetime | None = None, progress: OnProgress = lambda doing: None
    ) -> None:
        """Wait until all services report that they are healthy, now or with heartbeats after `since`.

        Raises DaybreakError if one ends, or after the time limit.
        """
        since, deadline = since or datetime.now(UTC), time.monotonic() + seconds
        while missing := unhealthy(self.url, since):
            self.raise_if_dead()
            progress(f"starts: {', '.join(missing)}")
            if time.monotonic() > deadline:
                raise DaybreakError(
                    f"Airflow is not healthy after {seconds:.0f} s: {', '.join(missing)}", f"See {self.home}/logs."
                )
            time.sleep(WATCH_SECONDS)

    def raise_if_dead(self) -> None:
        """Raise DaybreakError with the first service that ended, and its signal or last log lines."""
        for name in self.dead():
            log, number = self.services[name].log, self.services[name].killed_by()
            how = f"was killed ({number.name})" if number else f"ended: {process.log_tail(log)}"
            raise DaybreakError(f"Airflow's {name} {how}", f"See {log}. To go on where it was: make airflow")

    def api(self, path: str, body: object = None, *, method: str | None = None, authenticated: bool = True) -> Any:
        """Send a request to the REST API below /api/v2 as the administrator. Raises HTTPError or URLError."""
        token = ""
        if authenticated:
            token = fetch_token(self.url, self.user, self.password)
        return request(f"{self.url}/api/v2{path}", body, method or ("GET" if body is None else "POST"), token)


@contextmanager
def running_airflow(
    variables: Mapping[str, str] | None = None, say: OnProgress = lambda _: None, progress: OnProgress = lambda _: None
) -> Iterator[Airflow]:
    """Run a healthy Airflow with the current settings, and stop it at the end of the block.

    `variables` override the environment of all its processes. `say` receives a line per completed part.
    Raises ConfigurationError if one is already running, DaybreakError if the deployment fails or a service ends.
    """
    progress("starts the embedded servers")
    servers.ensure()
    home = airflow_home.make_directory()
    with airflow_home.only_one(home):
        end_leftovers(home, say)
        metadata_uri = airflow_home.ensure_metadata_database(say)
        airflow_home.password(home)
        progress("is deployed")
        deploy(airflow_home.environment(home, metadata_uri, STANDARD_PORT, variables or {}), home, say)
        airflow = _started(home, metadata_uri, variables or {}, progress)
        try:
            yield airflow
        finally:
            airflow.stop()


def _started(home: Path, metadata_uri: str, variables: Mapping[str, str], progress: OnProgress) -> Airflow:
    """Start the services and wait until they are healthy, on another port if the first one was taken meanwhile."""
    for attempt in range(1, ATTEMPTS + 1):
        port, since = airflow_home.choose_port(), datetime.now(UTC)
        environment = airflow_home.environment(home, metadata_uri, port, variables)
        services = {name: Service(name, home / "logs" / f"{name}.log") for name in ARGUMENTS}
        airflow = Airflow(home, port, environment, services)
        try:
            for name in services:
                airflow.start(name)
            airflow.wait_until_healthy(since=since, progress=progress)
            fetch_token(airflow.url, airflow.user, airflow.password)  # another Airflow at the port does not know it
            return airflow
        except BaseException as error:
            airflow.stop()
            if not isinstance(error, DaybreakError) or state.is_free(port) or attempt == ATTEMPTS:
                raise
    raise AssertionError


def main(arguments: list[str]) -> int:
    """Run Airflow until a signal stops it; with `stop`, stop it; with other arguments, run Airflow's command line."""
    try:
        if arguments == ["stop"]:
            return _stop()
        return _command_line(arguments) if arguments else _run()
    except DaybreakError as error:
        Console(stderr=True).print(f"daybreak: {error}", markup=False, highlight=False, soft_wrap=True)
        return error.exit_code
    except KeyboardInterrupt:
        return 0


def _run() -> int:
    """Run in the foreground. Raises DaybreakError if a service ends, KeyboardInterrupt on SIGTERM or Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    console = Console(highlight=False)
    with console.status("Airflow") as status:

        def say(line: str) -> None:
            console.print(f"  {line}", markup=False, soft_wrap=True)

        with running_airflow(say=say, progress=lambda doing: status.update(f"Airflow {doing}")) as airflow:
            status.stop()
            console.print(REPORTED.format(url=airflow.url, user=airflow.user, home=airflow.home), soft_wrap=True)
            while True:
                airflow.raise_if_dead()
                time.sleep(WATCH_SECONDS)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt once, so that nothing interrupts the stop."""
    for again in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(again, signal.SIG_IGN)
    raise KeyboardInterrupt


def _stop() -> int:
    """Stop the Airflow of this directory, if one is running, and remaining processes of a killed one."""
    home = airflow_home.directory()
    if not home.exists():
        return 0
    deadline = time.monotonic() + STOP_SECONDS
    pid = airflow_home.remembered(home).get("pid")
    while True:
        try:
            with airflow_home.only_one(home):
                end_leftovers(home, lambda line: None)
                return 0
        except ConfigurationError:  # locked, so the process that holds the lock exists
            if pid:
                os.kill(pid, signal.SIGTERM)
                pid = None
            if time.monotonic() > deadline:
                raise
            time.sleep(WATCH_SECONDS)


def _command_line(arguments: list[str]) -> int:
    """Replace this process by `airflow` with the environment of the running Airflow."""
    home = airflow_home.directory()
    remembered = airflow_home.remembered(home)
    if not remembered:
        raise ConfigurationError(f"No Airflow of {home} runs", "Start it: make airflow")
    servers.ensure()
    uri = airflow_home.ensure_metadata_database(lambda line: None)
    environment = airflow_home.environment(home, uri, remembered["port"], {})
    os.execve(sys.executable, [sys.executable, "-m", "airflow", *arguments], environment)  # noqa: S606 - the user's command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
