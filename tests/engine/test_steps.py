"""A build in three processes: submitted, computed by a trigger of Airflow, collected."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]
import pytest

from engine import engine_steps
from engine.exchange import Folder
from local.demo_shop.shop_contract import ListedShop, Shop
from local.state import free_port
from orchestration import load_choice, steps
from pipeline_errors import ConfigurationError, LockedError, ModelError, WarehouseError
from pipeline_settings import settings
from tests.dbt_project.loads import FIRST, orders
from tests.engine.needs import needs_an_engine
from tests.laws.conftest import World, world
from transformation.pipelines import ORDERS
from warehouse.connection import connect
from warehouse.locks import pipeline_lock

if TYPE_CHECKING:
    from orchestration.airflow.engine_trigger import EngineJob

__all__ = ["world"]  # the fixture

pytestmark = [pytest.mark.airflow, needs_an_engine]

RUN = "manual__1"


@pytest.fixture
def admitted(world: Callable[[Shop], World]) -> World:
    """An admitted day that is not built yet."""
    known = world(ListedShop({("orders", FIRST): orders(FIRST)}))
    steps.prepare()
    receipt = steps.extract_load("orders", FIRST, RUN)
    steps.gate("orders", FIRST, load_choice.load_to_judge(receipt), RUN)
    known.admit("orders", FIRST)
    return known


def engine_job(arguments: list[str]) -> "EngineJob":
    """Return the trigger of a job. It imports Airflow, which other tests should not wait for."""
    from orchestration.airflow.engine_trigger import EngineJob

    return EngineJob(arguments)


def raise_if_failed(event: dict[str, Any]) -> None:
    from orchestration.airflow import engine_trigger

    engine_trigger.raise_if_failed(event)


def computed(job: str, day: date = FIRST) -> dict[str, Any]:
    """Return the event of the trigger, after Airflow has serialised the trigger."""
    _, kept = engine_job([job, ORDERS.name, day.isoformat(), RUN]).serialize()

    async def first() -> dict[str, Any]:
        event = await anext(engine_job(**kept).run())
        payload: dict[str, Any] = event.payload
        return payload

    return asyncio.run(first())


@pytest.mark.slow
def test_submit_compute_and_collect_in_separate_processes(admitted: World) -> None:
    job = engine_steps.submit(ORDERS.name, FIRST, RUN)
    event = computed(job)
    assert event == {"job": job, "exit_code": 0, "error": ""}
    raise_if_failed(event)
    result = Folder(job).result()
    assert computed(job)["exit_code"] == 0
    assert Folder(job).result() == result, "computed twice"

    engine_steps.collect(job, ORDERS.name, FIRST, RUN)
    steps.publish([ORDERS.name], [FIRST], RUN)
    admitted.assert_marts_are_right([ORDERS])
    assert Folder(job).result() is None


def test_a_job_of_an_earlier_build_is_not_collected(admitted: World) -> None:
    job = engine_steps.submit(ORDERS.name, FIRST, RUN)
    steps.transform([ORDERS.name], [FIRST], RUN)
    with pytest.raises(LockedError, match="Another build of the orders has started"):
        engine_steps.collect(job, ORDERS.name, FIRST, RUN)


@pytest.mark.slow  # the same by the command line: test_faults.py
def test_a_missing_engine_is_reported_in_one_line(admitted: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = engine_steps.submit(ORDERS.name, FIRST, RUN)
    port = free_port()
    monkeypatch.setenv("SPARK_REMOTE", f"sc://127.0.0.1:{port}/;token=hidden")
    settings.cache_clear()
    event = computed(job)
    assert event["exit_code"] == 4
    with pytest.raises(WarehouseError, match=f"{FIRST} compute: Spark at 127.0.0.1:{port} cannot be reached") as raised:
        raise_if_failed(event)
    assert "hidden" not in str(raised.value)
    with connect() as connection:
        rows = connection.execute("select status, error from ops.step_runs where step = 'compute'").fetchall()
    assert [row["status"] for row in rows] == ["failed"]


@pytest.mark.parametrize(
    ("exit_code", "family"),
    [
        (2, ConfigurationError),
        (4, WarehouseError),
        (7, ModelError),
        (1, WarehouseError),
        (-signal.SIGKILL, WarehouseError),
    ],
)
def test_the_exit_code_decides_the_error_class(exit_code: int, family: type[Exception]) -> None:
    with pytest.raises(family):
        raise_if_failed({"job": "j", "exit_code": exit_code, "error": "the cause"})


def test_a_job_that_takes_too_long_is_reported(admitted: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = engine_steps.submit(ORDERS.name, FIRST, RUN)
    monkeypatch.setenv("STEP_TIMEOUT_MINUTES", "0.02")  # more than a second and less than a start of dbt
    settings.cache_clear()
    with pytest.raises(WarehouseError, match="did not finish in time"):
        raise_if_failed(computed(job))


def process_of(job: str) -> list[psutil.Process]:
    """Return the process that computes the job, or waits for another one that does."""
    return [each for each in psutil.Process().children() if job in _command(each)]


def _command(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return list(process.cmdline())
    return []


def test_clearing_a_task_ends_its_process(admitted: World) -> None:
    job = engine_steps.submit(ORDERS.name, FIRST, RUN)

    async def cleared() -> psutil.Process:
        trigger = engine_job([job, ORDERS.name, FIRST.isoformat(), RUN])
        waiting = asyncio.ensure_future(anext(trigger.run()))
        while not process_of(job):
            await asyncio.sleep(0.05)
        (process,) = process_of(job)
        waiting.cancel()  # as the triggerer does before on_kill
        with suppress(asyncio.CancelledError):
            await waiting
        await trigger.on_kill()
        return process

    with pipeline_lock(f"engine job {job}", 0):  # the process waits for this lock, and would continue to
        process = asyncio.run(cleared())
        _, alive = psutil.wait_procs([process], timeout=10)
        for each in alive:
            each.kill()
    assert not alive, "it keeps running"
    assert Folder(job).result() is None
