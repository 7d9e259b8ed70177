"""Airflow on this machine: access to it, and its processes after a stop and after a kill."""

import signal
import stat
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from local import airflow_home
from local.airflow import Airflow, running_airflow
from pipeline_errors import ConfigurationError, DaybreakError
from pipeline_settings import PROJECT_ROOT, Settings

SLEEPING_DAG = """
from airflow.sdk import DAG, task

with DAG("sleeper", schedule=None, catchup=False):

    @task(retries=9, retry_delay=1)
    def sleep() -> None:
        import subprocess

        subprocess.run(["sleep", "600"], check=True)

    sleep()
"""


def eventually(is_true: Callable[[], Any], seconds: float) -> Any:
    """Return the first true result; fail after the time limit."""
    deadline = time.monotonic() + seconds
    while not (answer := is_true()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return answer


def family(pid: int) -> list[psutil.Process]:
    """Return a process and its descendants, without the embedded servers, which outlive it."""
    root = psutil.Process(pid)
    return [p for p in [root, *root.children(recursive=True)] if "airflow" in " ".join(p.cmdline())]


def listening(processes: list[psutil.Process]) -> set[str]:
    connections = [connection for p in processes for connection in p.net_connections("inet")]
    return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}


def status_of(airflow: Airflow, path: str, *, authenticated: bool) -> int:
    """Return the HTTP status of a request."""
    try:
        airflow.api(path, authenticated=authenticated)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    return 200


@pytest.fixture
def sleeper(warehouse: Settings, tmp_path: Path) -> Iterator[Airflow]:
    """An Airflow whose only task is running, for ten minutes unless killed."""
    (tmp_path / "sleeper.py").write_text(SLEEPING_DAG)
    with running_airflow({"AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path)}) as airflow:
        eventually(lambda: status_of(airflow, "/dags/sleeper", authenticated=True) == 200, 60)
        airflow.api("/dags/sleeper", {"is_paused": False}, method="PATCH")
        airflow.api("/dags/sleeper/dagRuns", {"logical_date": None})
        eventually(lambda: sleeping(airflow), 60)
        yield airflow


def sleeping(airflow: Airflow) -> list[psutil.Process]:
    return [member for member in airflow.services["scheduler"].members() if member.name() == "sleep"]


def task_state(airflow: Airflow) -> str:
    """Return the state of the only task in the metadata database."""
    uri = airflow.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg", "")
    with psycopg.connect(uri) as connection:
        row = connection.execute("select state from task_instance where dag_id = 'sleeper'").fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.airflow
@pytest.mark.slow
@pytest.mark.fault(33, 50)
def test_make_airflow_is_closed_to_others_and_leaves_nothing_behind(warehouse: Settings) -> None:
    command = [sys.executable, "-m", "local.airflow"]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=PROJECT_ROOT)
    try:
        assert launcher.stdout is not None
        printed = ""
        while "Ctrl-C" not in printed:
            line = launcher.stdout.readline()
            assert line, printed
            printed += line
        home = airflow_home.directory()
        remembered = airflow_home.remembered(home)
        airflow = Airflow(home, remembered["port"], {}, {})
        assert airflow.url in printed
        assert airflow.password not in printed
        assert all(airflow.password not in log.read_text() for log in home.glob("logs/*.log"))

        processes = family(launcher.pid)
        assert len(processes) >= 1 + 4 + 4  # the launcher, the services and the scheduler's workers
        assert listening(processes) == {"127.0.0.1"}
        assert status_of(airflow, "/monitor/health", authenticated=False) == 200
        assert status_of(airflow, "/dags", authenticated=False) == 401
        assert airflow.api("/pools/shop_api")["slots"] == 2
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        for secret in ("passwords.json", "secrets.json"):
            assert stat.S_IMODE((home / secret).stat().st_mode) == 0o600

        with pytest.raises(ConfigurationError, match=f"is already running at {airflow.url}"), running_airflow():
            pass

        began = time.monotonic()
        launcher.send_signal(signal.SIGTERM)
        assert launcher.wait(30) == 0
        assert time.monotonic() - began < 30
        assert not [p for p in processes if p.is_running()]
    finally:
        launcher.terminate()
        launcher.communicate(timeout=60)


@pytest.mark.airflow
@pytest.mark.slow
@pytest.mark.fault(40)
def test_a_killed_scheduler_starts_again_and_a_stop_reports_what_did_not_finish(sleeper: Airflow) -> None:
    left = sleeping(sleeper)
    sleeper.kill("scheduler", alone=True)
    assert sleeper.dead() == ["scheduler"]
    with pytest.raises(DaybreakError, match=r"scheduler was killed \(SIGKILL\)\. See .* make airflow"):
        sleeper.raise_if_dead()
    assert sleeping(sleeper) == left  # a task continues without its scheduler
    sleeper.kill("scheduler")
    eventually(lambda: not any(process.is_running() for process in left), 5)
    assert sleeper.services["scheduler"].members() == []

    sleeper.start("scheduler")
    sleeper.wait_until_healthy()
    assert sleeper.dead() == []
    assert task_state(sleeper) == "running"  # the database still has the old state
    eventually(lambda: sleeping(sleeper), 150)

    running = [member for service in sleeper.services.values() for member in service.members()]
    began = time.monotonic()
    sleeper.stop()
    assert time.monotonic() - began < 30
    assert not any(process.is_running() for process in running)
    assert task_state(sleeper) == "up_for_retry"
