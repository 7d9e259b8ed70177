"""The high-volume way under a real scheduler, with an engine in a process of its own."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from local.demo_shop.simulated_shop import CORRECTED_DAY, SimulatedShop
from local.state import free_port
from pipeline_settings import settings
from tests.engine.needs import needs_an_engine
from tests.engine.server import server
from tests.laws.conftest import world
from tests.laws.nights import ORDERS, Nights, nights, told
from transformation.pipelines import BY_NAME
from warehouse.connection import connect

__all__ = ["nights", "world"]  # fixtures

pytestmark = [pytest.mark.airflow, pytest.mark.slow, needs_an_engine]

BUILD = "high_volume_processing"
DAY = CORRECTED_DAY


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def here(nights: Callable[..., Nights], port: int) -> Nights:
    """Airflow, told of an engine that is not there yet, and a shop that says the right things of the day."""
    shop = SimulatedShop(orders_per_day=60)
    shop.correct()
    known = nights(shop, HIGH_VOLUME_ORDERS="0", SPARK_REMOTE=f"sc://127.0.0.1:{port}")
    known.world.admit("orders", DAY)
    return known


def computing() -> list[psutil.Process]:
    """The processes that have the job of our day computed, not that of a day which the clock made due."""
    wanted = {"engine.engine_steps", DAY.isoformat()}
    return [each for each in psutil.process_iter(["cmdline"]) if wanted <= set(each.info["cmdline"] or [])]


def attempts() -> set[str]:
    """Attempts that have made at least one table so far."""
    return {path.parts[-2] for path in Path(settings().daybreak_home, "engine").glob("*/*/int_orders_resolved")}


def step_runs(step: str) -> list[str]:
    with connect() as connection:
        rows = connection.execute(
            "select status from ops.step_runs where step = %s and logical_date = %s order by started_at", [step, DAY]
        )
        return [row["status"] for row in rows]


@pytest.mark.fault(53)
def test_a_triggerer_that_dies_does_not_make_the_engine_compute_twice(here: Nights, port: int) -> None:
    with server(port) as engine:
        run = here.start(ORDERS, DAY)
        (process,) = here.eventually(computing, 0.02)
        assert here.tasks(run)[BUILD] == "deferred"
        seen = set[str]()
        process.suspend()
        triggerer = here.airflow.services["triggerer"]
        for each in triggerer.members():
            if each.pid != process.pid:
                each.kill()
        triggerer.forget()
        here.airflow.start("triggerer")
        here.eventually(lambda: len(computing()) > 1)  # the next triggerer's, which waits
        process.resume()
        deadline = time.monotonic() + 300
        while here.tasks(run)[BUILD] != "success":
            assert time.monotonic() < deadline
            assert engine.poll() is None
            seen |= attempts()
            time.sleep(0.05)
        here.settle()
    assert here.states(ORDERS) == [(DAY.isoformat(), "success")]
    assert len(seen) == 1, seen
    assert step_runs("submit") == ["success"]
    assert set(here.tasks(run).values()) == {"success", "skipped"}
    here.world.assert_marts_are_right([BY_NAME[ORDERS]])
    assert not computing()


@pytest.mark.fault(53)
def test_an_engine_that_dies_fails_the_run_and_the_next_attempt_heals(here: Nights, port: int) -> None:
    with server(port) as engine:
        run = here.start(ORDERS, DAY)
        here.eventually(lambda: computing() and attempts(), 0.02)
        engine.kill()
        here.settle()
    assert here.states(ORDERS) == [(DAY.isoformat(), "failed")]
    assert set(step_runs("compute")) == {"failed"}
    assert [kind for _, kind, _ in told()] == ["failure"]
    with connect() as connection:
        assert not connection.execute("select from ops.publications").fetchall()

    with server(port):
        clear = {"dry_run": False, "dag_run_id": run, "only_failed": True}
        here.airflow.api(f"/dags/{ORDERS}/clearTaskInstances", clear)
        here.settle()
    assert here.states(ORDERS) == [(DAY.isoformat(), "success")]
    here.world.assert_marts_are_right([BY_NAME[ORDERS]])
    assert [kind for _, kind, _ in told()] == ["failure", "recovery"]
