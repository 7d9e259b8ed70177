"""The laws under the real scheduler: nights of the simulated shop, with what goes wrong in them, against the oracle."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from local.airflow import Airflow, running_airflow
from local.shop_contract import Shop
from local.shop_server import ShopServer
from local.simulated_shop import CORRECTED_DAY, REFUSED_DAY, SimulatedShop
from local.state import free_port
from orchestration.day_run import days_between
from orchestration.pipelines import BY_NAME
from pipeline_settings import Settings
from tests.laws.conftest import World
from warehouse.connection import connect

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

ORDERS, REVIEWS, HEALTH = "ecommerce_order_pipeline", "customer_feedback_pipeline", "customer_health_pipeline"
DAYS = days_between(REFUSED_DAY - timedelta(days=1), REFUSED_DAY + timedelta(days=1))
DATASETS = {ORDERS: "orders", REVIEWS: "reviews"}
LONGEST_XCOM = 2048  # bytes
RUN_SECONDS = 900


class Nights:
    """An Airflow whose pipelines are unpaused, and the world that they load."""

    def __init__(self, airflow: Airflow, world: World) -> None:
        self.airflow, self.world = airflow, world

    def start(self, pipeline: str, day: date, *, by_form: bool = False) -> str:
        """Start a run by hand for a day, by its partition key or as the form does; returns its id."""
        chosen: dict[str, Any] = {"conf": {"day": day.isoformat()}} if by_form else {"partition_key": day.isoformat()}
        run: dict[str, Any] = self.airflow.api(f"/dags/{pipeline}/dagRuns", {"logical_date": None, **chosen})
        return str(run["dag_run_id"])

    def metadata(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Rows of Airflow's own tables."""
        uri = self.airflow.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg", "")
        with psycopg.connect(uri, row_factory=dict_row) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def states(self, pipeline: str) -> list[tuple[str, str]]:
        """Day and state of a pipeline's runs, in order."""
        rows = self.metadata(
            "select coalesce(partition_key, conf ->> 'day') as day, state from dag_run"
            " where dag_id = %s order by 1, id",
            pipeline,
        )
        return [(row["day"], row["state"]) for row in rows]

    def tasks(self, run_id: str) -> dict[str, str]:
        """State of each task of a run."""
        rows = self.metadata("select task_id, state from task_instance where run_id = %s", run_id)
        return {row["task_id"]: row["state"] for row in rows}

    def settle(self) -> None:
        """Wait until no run is queued or running, for long enough that none is about to start."""
        quiet_since, deadline = time.monotonic(), time.monotonic() + RUN_SECONDS
        while time.monotonic() - quiet_since < 10:
            assert time.monotonic() < deadline, self.metadata("select dag_id, run_id, state from dag_run")
            self.airflow.raise_if_dead()
            if self.metadata("select from dag_run where state in ('queued', 'running')"):
                quiet_since = time.monotonic()
            time.sleep(1)

    def kill_when_running(self, pipeline: str, task: str) -> None:
        """Kill -9 the process of a task as soon as it works."""
        deadline = time.monotonic() + RUN_SECONDS
        query = "select pid from task_instance where dag_id = %s and task_id = %s and state = 'running' and pid > 0"
        while not (found := self.metadata(query, pipeline, task)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(found[0]["pid"], signal.SIGKILL)


@pytest.fixture
def nights(warehouse: Settings, world: Callable[[Shop], World]) -> Iterator[Callable[..., Nights]]:
    """Serve a shop and get a running Airflow for it, whose retries do not wait for five minutes."""
    running: list[Any] = []
    metadata = f"{warehouse.pgdatabase}_airflow"

    def make(shop: Shop, **variables: str) -> Nights:
        here = world(shop)
        quick = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False", "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "5"}
        running.append(running_airflow(quick | variables))
        airflow = running[-1].__enter__()
        deadline = time.monotonic() + 60
        while airflow.api("/dags")["total_entries"] < 3:
            assert time.monotonic() < deadline, airflow.api("/importErrors")
            time.sleep(1)
        return Nights(airflow, here)

    try:
        yield make
    finally:
        for manager in running:
            manager.__exit__(None, None, None)
        with connect(autocommit=True) as connection:  # Airflow's own tables outlive the warehouse of a test
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(metadata)))


def falsify_sales(amount: int) -> None:
    """Change a day's revenue behind the pipeline's back: the next build of the day has a red test."""
    with connect() as connection:
        connection.execute("update marts.daily_sales set revenue = revenue + %s", [amount])


def told() -> list[tuple[str, str, date]]:
    with connect() as connection:
        rows = connection.execute(
            "select pipeline, kind, logical_date from ops.alerts where kind <> 'anomaly' order by 1, 3, alert_id"
        )
        return [(row["pipeline"], row["kind"], row["logical_date"]) for row in rows]


@pytest.mark.fault(39, 40, 42, 43)
def test_three_nights_one_refused_one_task_killed(nights: Callable[..., Nights]) -> None:
    before, refused, after = DAYS
    shop = SimulatedShop(orders_per_day=60)
    here = nights(shop)
    runs = {}
    for day in DAYS:
        for pipeline, dataset in DATASETS.items():
            runs[pipeline, day] = here.start(pipeline, day)
            here.world.admit(dataset, day)
    here.kill_when_running(ORDERS, "standard_processing.dbt_producer_watcher")
    here.settle()
    assert [state for _, state in here.states(ORDERS)] == ["success", "failed", "success"]
    assert [state for _, state in here.states(REVIEWS)] == ["success", "success", "success"]
    assert here.states(HEALTH) == [(before.isoformat(), "success"), (after.isoformat(), "success")]
    here.world.assert_marts_are_right()
    without_load = here.tasks(runs[ORDERS, refused])
    assert {name for name, state in without_load.items() if state == "failed"} == {"validate_orders"}
    assert without_load["publish"] == "upstream_failed"
    assert told() == [
        *((REVIEWS, "success", day) for day in DAYS),
        (HEALTH, "success", before),
        (HEALTH, "success", after),
        (ORDERS, "success", before),
        (ORDERS, "refusal", refused),
        (ORDERS, "success", after),
    ]
    largest = here.metadata("select key, length(value::text) as bytes from xcom order by 2 desc limit 1")[0]
    assert largest["bytes"] < LONGEST_XCOM, largest

    shop.correct()
    here.world.admit("orders", refused)
    here.start(ORDERS, refused, by_form=True)
    here.settle()
    assert here.states(ORDERS)[1:3] == [(refused.isoformat(), "failed"), (refused.isoformat(), "success")]
    assert (refused.isoformat(), "success") in here.states(HEALTH)
    here.world.assert_marts_are_right()
    assert (ORDERS, "recovery", refused) in told()


@pytest.mark.fault(40, 41)
def test_a_parallel_backfill_and_a_scheduler_that_is_killed_in_it(nights: Callable[..., Nights]) -> None:
    here = nights(SimulatedShop(orders_per_day=60), HIGH_VOLUME_ORDERS="0")
    for day in DAYS:
        for dataset in DATASETS.values():
            here.world.admit(dataset, day)
    for pipeline in DATASETS:
        subprocess.run(
            [
                *(sys.executable, "-m", "airflow", "backfill", "create", "--dag-id", pipeline),
                *("--from-date", DAYS[0].isoformat(), "--to-date", (DAYS[-1] + timedelta(days=1)).isoformat()),
                *("--max-active-runs", "3"),
            ],
            env=here.airflow.environment,
            check=True,
            capture_output=True,
        )
    deadline = time.monotonic() + RUN_SECONDS
    while not here.metadata("select from task_instance where task_id = 'publish' and state = 'running'"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    here.airflow.kill("scheduler")
    here.airflow.start("scheduler")
    here.settle()
    asked_for = {day.isoformat() for day in DAYS}
    for pipeline, dataset in DATASETS.items():
        runs = here.states(pipeline)
        states = [state for key, state in runs if key in asked_for]
        assert states == ["success", "failed" if pipeline == ORDERS else "success", "success"]
        for last in {key for key, _ in runs} - asked_for:  # after a backfill Airflow makes up for the last night
            here.world.admit(dataset, date.fromisoformat(last))
    ways = here.metadata(
        "select distinct split_part(task_id, '.', 1) as way from task_instance where state = 'success'"
    )
    assert "high_volume_processing" in {row["way"] for row in ways}
    assert "standard_processing" not in {row["way"] for row in ways}
    here.world.assert_marts_are_right()


def test_a_shop_that_is_down_is_waited_for_without_a_worker(nights: Callable[..., Nights]) -> None:
    shop, port, day = SimulatedShop(orders_per_day=60), free_port(), DAYS[0]
    here = nights(shop, SHOP_API_URL=f"http://127.0.0.1:{port}")
    here.world.admit("reviews", day)
    run = here.start(REVIEWS, day)
    deadline = time.monotonic() + RUN_SECONDS
    while here.tasks(run).get("check_api_health") != "up_for_reschedule":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    server = ShopServer(shop, port=port)
    server.start()
    try:
        here.settle()
    finally:
        server.stop()
    assert here.states(REVIEWS) == [(day.isoformat(), "success")]
    here.world.assert_marts_are_right([BY_NAME[REVIEWS]])


@pytest.mark.fault(39, 44)
def test_a_red_node_stays_red_until_it_heals(nights: Callable[..., Nights]) -> None:
    shop, day = SimulatedShop(orders_per_day=60), CORRECTED_DAY
    here = nights(shop)
    here.world.run([day], [ORDERS])
    falsify_sales(+1)
    shop.correct()
    here.world.admit("orders", day)
    run = here.start(ORDERS, day)
    here.settle()
    tasks = here.tasks(run)
    assert here.states(ORDERS) == [(day.isoformat(), "failed")]
    assert tasks["standard_processing.dbt_producer_watcher"] == "failed"
    red = [name for name, state in tasks.items() if state == "failed" and not name.endswith("producer_watcher")]
    assert len(red) == 1, red
    assert tasks["publish"] == "upstream_failed"
    assert [kind for _, kind, _ in told()] == ["success", "failure"]

    falsify_sales(-1)
    here.airflow.api(f"/dags/{ORDERS}/clearTaskInstances", {"dry_run": False, "dag_run_id": run, "only_failed": True})
    here.settle()
    assert here.states(ORDERS) == [(day.isoformat(), "success")]
    here.world.assert_marts_are_right([BY_NAME[ORDERS]])
    assert [kind for _, kind, _ in told()] == ["success", "failure", "recovery"]

    here.airflow.api(f"/dags/{ORDERS}/clearTaskInstances", {"dry_run": False, "dag_run_id": run, "only_failed": False})
    here.settle()
    assert here.states(ORDERS) == [(day.isoformat(), "success")]
    here.world.assert_marts_are_right([BY_NAME[ORDERS]])
