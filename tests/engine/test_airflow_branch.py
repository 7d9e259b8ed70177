"""Large builds under a real scheduler, with an engine in a separate process."""

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
from tests.laws.nights import ORDERS, Nights, nights, sent_alerts
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
    """Airflow with the address of an engine that is not running yet, and a shop with valid rows for the day."""
    shop = SimulatedShop(orders_per_day=60)
    shop.correct()
    known = nights(shop, HIGH_VOLUME_ORDERS="0", SPARK_REMOTE=f"sc://127.0.0.1:{port}")
    known.world.admit("orders", DAY)
    return known


def computing() -> list[psutil.Process]:
    """Return the processes that compute the job of our day, not of a day that the schedule started."""
    wanted = {"engine.engine_steps", DAY.isoformat()}
    return [each for each in psutil.process_iter(["cmdline"]) if wanted <= set(each.info["cmdline"] or [])]


def attempts() -> set[str]:
    """Return the attempts that have created at least one table so far."""
    return {path.parts[-2] for path in Path(settings().daybreak_home, "engine").glob("*/*/int_orders_resolved")}


def step_runs(step: str) -> list[str]:
    with connect() as connection:
        rows = connection.execute(
            "select status from ops.step_runs where step = %s and logical_date = %s order by started_at", [step, DAY]
        )
        return [row["status"] for row in rows]


@pytest.mark.fault(53)
def test_a_killed_triggerer_does_not_compute_twice(here: Nights, port: int) -> None:
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
        here.eventually(lambda: len(computing()) > 1)  # that of the next triggerer, which waits
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
def test_a_run_fails_with_a_dead_engine_and_the_next_attempt_succeeds(here: Nights, port: int) -> None:
    with server(port) as engine:
        run = here.start(ORDERS, DAY)
        here.eventually(lambda: computing() and attempts(), 0.02)
        engine.kill()
        here.settle()
    assert here.states(ORDERS) == [(DAY.isoformat(), "failed")]
    assert set(step_runs("compute")) == {"failed"}
    assert [kind for _, kind, _ in sent_alerts()] == ["failure"]
    with connect() as connection:
        assert not connection.execute("select from ops.publications").fetchall()

    with server(port):
        clear = {"dry_run": False, "dag_run_id": run, "only_failed": True}
        here.airflow.api(f"/dags/{ORDERS}/clearTaskInstances", clear)
        here.settle()
    assert here.states(ORDERS) == [(DAY.isoformat(), "success")]
    here.world.assert_marts_are_right([BY_NAME[ORDERS]])
    assert [kind for _, kind, _ in sent_alerts()] == ["failure", "recovery"]
