"""Airflow with a world to load: shared parts of the tests of nights under the real scheduler."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from local.airflow import Airflow, running_airflow
from local.demo_shop.shop_contract import Shop
from pipeline_settings import Settings
from tests.commands import run
from tests.laws.conftest import World
from warehouse.connection import connect

ORDERS, REVIEWS, HEALTH = "ecommerce_order_pipeline", "customer_feedback_pipeline", "customer_health_pipeline"
DATASETS = {ORDERS: "orders", REVIEWS: "reviews"}
RUN_SECONDS = 900
LOG_LINES = 8  # of a failed task


class Nights:
    """An Airflow with unpaused pipelines, and the world that they load."""

    def __init__(self, airflow: Airflow, world: World) -> None:
        self.airflow, self.world = airflow, world

    def start(self, pipeline: str, day: date, *, by_form: bool = False) -> str:
        """Start a manual run for a day, by its partition key or as the form does, and return its id."""
        chosen: dict[str, Any] = {"conf": {"day": day.isoformat()}} if by_form else {"partition_key": day.isoformat()}
        run: dict[str, Any] = self.airflow.api(f"/dags/{pipeline}/dagRuns", {"logical_date": None, **chosen})
        return str(run["dag_run_id"])

    def metadata(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Return rows of Airflow's metadata."""
        uri = self.airflow.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg", "")
        with psycopg.connect(uri, row_factory=dict_row) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def states(self, pipeline: str) -> list[tuple[str, str]]:
        """Return day and state of a pipeline's runs in order, without scheduled ones."""
        rows = self.metadata(
            "select coalesce(partition_key, conf ->> 'day') as day, state from dag_run"
            " where dag_id = %s and run_type <> 'scheduled' order by 1, id",
            pipeline,
        )
        return [(row["day"], row["state"]) for row in rows]

    def tasks(self, run_id: str) -> dict[str, str]:
        """Return the state of each task of a run."""
        rows = self.metadata("select task_id, state from task_instance where run_id = %s", run_id)
        return {row["task_id"]: row["state"] for row in rows}

    def log(self, run_id: str, task_id: str, attempt: int = 1) -> str:
        """Return a task's log, as the UI shows it."""
        (dag_id,) = {row["dag_id"] for row in self.metadata("select dag_id from dag_run where run_id = %s", run_id)}
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}/logs/{attempt}?full_content=true"
        return "\n".join(str(line.get("event", "")) for line in self.airflow.api(path)["content"])

    def note(self, run_id: str) -> str:
        """Return the note of a run."""
        query = "select content from dag_run_note inner join dag_run on dag_run.id = dag_run_id where run_id = %s"
        return str(self.metadata(query, run_id)[0]["content"])

    def red_tasks(self) -> str:
        """Return the last lines of each failed task's log, with its path."""
        query = "select dag_id, run_id, task_id, try_number from task_instance where state = 'failed' order by end_date"
        logs = []
        for row in self.metadata(query):
            task = f"dag_id={row['dag_id']}/run_id={row['run_id']}/task_id={row['task_id']}"
            log = self.airflow.home / "logs" / task / f"attempt={row['try_number']}.log"
            lines = log.read_text(errors="replace").splitlines() if log.exists() else ["no log: it never began"]
            logs.append("\n".join([f"{row['dag_id']} {row['task_id']} failed: {log}", *lines[-LOG_LINES:]]))
        return "\n\n".join(logs)

    def backfill(self, pipeline: str, days: list[date], at_once: int) -> None:
        """Request a run for each of these consecutive days."""
        run(
            [
                *(sys.executable, "-m", "airflow", "backfill", "create", "--dag-id", pipeline),
                *("--from-date", days[0].isoformat(), "--to-date", (days[-1] + timedelta(days=1)).isoformat()),
                *("--max-active-runs", str(at_once)),
            ],
            env=self.airflow.environment,
        )

    def due(self, pipeline: str) -> list[date]:
        """Return the scheduled days: last night's after a backfill, and the next one's if the test runs then."""
        query = "select distinct partition_key from dag_run where dag_id = %s and run_type = 'scheduled'"
        return [date.fromisoformat(row["partition_key"]) for row in self.metadata(query, pipeline)]

    def settle(self, seconds: float = RUN_SECONDS) -> None:
        """Wait until no run is queued or running for a while."""
        quiet_since, deadline = time.monotonic(), time.monotonic() + seconds
        while time.monotonic() - quiet_since < 10:
            assert time.monotonic() < deadline, self.metadata("select dag_id, run_id, state from dag_run")
            self.airflow.raise_if_dead()
            if self.metadata("select from dag_run where state in ('queued', 'running')"):
                quiet_since = time.monotonic()
            time.sleep(1)
        for pipeline, dataset in DATASETS.items():
            for day in self.due(pipeline):
                self.world.admit(dataset, day)

    def process_of(self, pipeline: str, task: str, run_id: str | None = None) -> int:
        """Wait for the process of a task, of one run or of any, and return it."""
        query = (
            "select pid from task_instance where dag_id = %s and task_id = %s and run_id = coalesce(%s, run_id)"
            " and state = 'running' and pid > 0"
        )
        return int(self.eventually(lambda: self.metadata(query, pipeline, task, run_id), 0.05)[0]["pid"])

    def kill_when_running(self, pipeline: str, task: str) -> None:
        """Kill -9 the process of a task as soon as it starts."""
        os.kill(self.process_of(pipeline, task), signal.SIGKILL)

    def eventually(self, look: Callable[[], Any], pause: float = 0.2) -> Any:
        """Return the first true result, polling for it."""
        deadline = time.monotonic() + RUN_SECONDS
        while not (found := look()):
            assert time.monotonic() < deadline, self.metadata("select dag_id, run_id, state from dag_run")
            time.sleep(pause)
        return found


@pytest.fixture
def nights(warehouse: Settings, world: Callable[[Shop], World]) -> Iterator[Callable[..., Nights]]:
    """Serve a shop and start an Airflow for it, with short delays between retries."""
    running: list[Any] = []
    made: list[Nights] = []
    metadata = f"{warehouse.pgdatabase}_airflow"

    def make(shop: Shop, **variables: str) -> Nights:
        here = world(shop)
        ours = {
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "5",
        }
        running.append(running_airflow(ours | variables))
        airflow = running[-1].__enter__()
        deadline = time.monotonic() + 60
        while airflow.api("/dags")["total_entries"] < 3:
            assert time.monotonic() < deadline, airflow.api("/importErrors")
            time.sleep(1)
        made.append(Nights(airflow, here))
        return made[-1]

    try:
        yield make
    finally:
        with suppress(Exception):  # pytest shows this if the test has failed; Airflow may have ended
            sys.stdout.write("\n\n".join(one.red_tasks() for one in made))
        for manager in running:
            manager.__exit__(None, None, None)
        with connect(autocommit=True) as connection:  # Airflow's tables outlive the warehouse of a test
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(metadata)))


def sent_alerts() -> list[tuple[str, str, date]]:
    """Return pipeline, kind and day of each alert on a run that was not scheduled."""
    with connect() as connection:
        rows = connection.execute(
            "select pipeline, kind, logical_date from ops.alerts"
            " where kind <> 'anomaly' and not starts_with(run_id, 'scheduled') order by 1, 3, alert_id"
        )
        return [(row["pipeline"], row["kind"], row["logical_date"]) for row in rows]
