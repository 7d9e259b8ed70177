"""An engine that is down or dies: exit code 4, unchanged marts, and the same command succeeds afterwards."""

import signal
from collections.abc import Callable
from threading import Timer

import pytest

from local.demo_shop.shop_contract import ListedShop, Shop
from local.state import free_port
from orchestration.day_run import run_days
from orchestration.outcome import RunOutcome
from pipeline_settings import settings
from tests.dbt_project.loads import FIRST, SECOND, orders
from tests.engine.needs import needs_an_engine
from tests.engine.server import server
from tests.engine.spark_cluster import SparkCluster
from tests.laws.conftest import World, rows_of, world
from transformation.pipelines import ORDERS, SPARK

__all__ = ["world"]  # the fixture

pytestmark = needs_an_engine

LIMIT_SECONDS = 30


def run(world: World, say: Callable[[str], None] = lambda _: None) -> RunOutcome:
    world.admit("orders", SECOND)
    return run_days([SECOND], [ORDERS.name], say, engine=SPARK)


def point_at(monkeypatch: pytest.MonkeyPatch, port: int, parameters: str = "") -> None:
    monkeypatch.setenv("SPARK_REMOTE", f"sc://127.0.0.1:{port}{parameters}")
    settings.cache_clear()


@pytest.fixture
def shop_in_use(world: Callable[[Shop], World]) -> World:
    """A published day, and another one in the shop."""
    known = world(ListedShop({("orders", day): orders(day) for day in (FIRST, SECOND)}))
    known.run([FIRST], [ORDERS.name])
    return known


@pytest.mark.slow
@pytest.mark.fault(53)
def test_a_missing_engine_is_reported_and_nothing_changes(shop_in_use: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = rows_of("customer_ltv")
    port = free_port()
    point_at(monkeypatch, port, "/;token=hidden")
    outcome = run(shop_in_use)
    assert outcome.exit_code == 4
    (error,) = outcome.errors
    assert f"Spark at 127.0.0.1:{port} cannot be reached" in str(error)
    assert "hidden" not in str(error)
    assert rows_of("customer_ltv") == seen

    point_at(monkeypatch, port)  # a token would require TLS
    with server(port):
        assert run(shop_in_use).exit_code == 0
    shop_in_use.assert_marts_are_right([ORDERS])


@pytest.mark.slow
@pytest.mark.fault(53)
def test_an_engine_that_dies_during_a_job_does_no_harm(shop_in_use: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = rows_of("customer_ltv")
    port = free_port()
    point_at(monkeypatch, port)

    with server(port) as process:

        def die_after_the_first_model(message: str) -> None:
            if "int_orders_resolved" in message:
                process.kill()

        outcome = run(shop_in_use, die_after_the_first_model)
    assert outcome.exit_code == 4
    assert f"Spark at 127.0.0.1:{port} was lost" in str(outcome.errors[0])
    assert rows_of("customer_ltv") == seen

    with server(port):
        assert run(shop_in_use).exit_code == 0
    shop_in_use.assert_marts_are_right([ORDERS])


@pytest.mark.slow
@pytest.mark.fault(53)
def test_an_engine_that_stops_answering_is_given_up(shop_in_use: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = rows_of("customer_ltv")
    port = free_port()
    point_at(monkeypatch, port)
    monkeypatch.setenv("STEP_TIMEOUT_MINUTES", str(LIMIT_SECONDS / 60))
    settings.cache_clear()
    with server(port) as process:

        def fall_silent_after_the_first_model(message: str) -> None:
            if "int_orders_resolved" in message:
                process.send_signal(signal.SIGSTOP)

        outcome = run(shop_in_use, fall_silent_after_the_first_model)
        process.send_signal(signal.SIGCONT)
        assert outcome.exit_code == 4
        assert f"{SECOND} transform: given up after" in str(outcome.errors[0])
        assert rows_of("customer_ltv") == seen

        assert run(shop_in_use).exit_code == 0
    shop_in_use.assert_marts_are_right([ORDERS])


@pytest.mark.slow
@pytest.mark.fault(53)
def test_a_killed_spark_server_does_no_harm(
    shop_in_use: World, spark_cluster: SparkCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = rows_of("customer_ltv")
    point_at(monkeypatch, spark_cluster.port)
    kill = Timer(0.3, spark_cluster.kill_connect_server)  # in the middle of the second model

    def start_the_clock_with_the_first_model(message: str) -> None:
        if "int_orders_resolved" in message:
            kill.start()

    outcome = run(shop_in_use, start_the_clock_with_the_first_model)
    kill.join()
    assert outcome.exit_code == 4
    assert f"Spark at 127.0.0.1:{spark_cluster.port} was lost" in str(outcome.errors[0])
    assert rows_of("customer_ltv") == seen

    spark_cluster.start_connect_server()
    assert run(shop_in_use).exit_code == 0
    shop_in_use.assert_marts_are_right([ORDERS])
