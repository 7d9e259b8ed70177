"""Concurrent runs: of the same day one is refused; different days and pipelines do not interfere."""

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from local.demo_shop.shop_contract import ListedShop
from orchestration.day_run import run_days
from pipeline_settings import PROJECT_ROOT
from tests.dbt_project.loads import FIRST, SECOND, orders, reviews
from tests.dbt_project.readers import pending, publications
from tests.laws.conftest import World
from transformation.pipelines import PIPELINES

ORDERS, REVIEWS = "ecommerce_order_pipeline", "customer_feedback_pipeline"


@pytest.fixture
def here(world: Callable[[ListedShop], World]) -> World:
    """A shop with two days that are not loaded yet."""
    days = (FIRST, SECOND)
    return world(
        ListedShop({("orders", day): orders(day) for day in days} | {("reviews", day): reviews(day) for day in days})
    )


def at_once(*commands: tuple[str, ...]) -> list[tuple[int, str]]:
    """Run `daybreak` commands concurrently. Return their exit codes and standard errors."""
    program = Path(sys.executable).parent / "daybreak"
    processes = [
        subprocess.Popen(
            [program, *command], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for command in commands
    ]
    errors_of_each = [process.communicate(timeout=120)[1] for process in processes]
    return [(process.returncode, errors) for process, errors in zip(processes, errors_of_each, strict=True)]


def assert_all_is_right(here: World, *days: date) -> None:
    assert pending() == []
    here.run(list(days))
    here.assert_marts_are_right()


@pytest.mark.fault(34)
def test_of_two_concurrent_runs_of_a_day_one_is_refused(here: World) -> None:
    ended = at_once(("run", str(FIRST)), ("run", str(FIRST)))
    assert sorted(code for code, _ in ended) == [0, 6], ended
    assert "is being worked on by another run" in "".join(errors for _, errors in ended)
    assert_all_is_right(here, FIRST)


@pytest.mark.slow
@pytest.mark.fault(34)
def test_two_days_run_concurrently(here: World) -> None:
    ended = at_once(("run", str(FIRST)), ("run", str(SECOND)))
    assert [code for code, _ in ended] == [0, 0], ended
    assert_all_is_right(here, FIRST, SECOND)


@pytest.mark.slow
@pytest.mark.fault(34)
def test_two_pipelines_run_concurrently(here: World) -> None:
    ended = at_once(("run", str(FIRST), "--pipeline", ORDERS), ("run", str(FIRST), "--pipeline", REVIEWS))
    assert [code for code, _ in ended] == [0, 0], ended
    assert sorted(publications()) == [REVIEWS, ORDERS]
    assert run_days([FIRST], [pipeline.name for pipeline in PIPELINES]).exit_code == 0
    assert_all_is_right(here, FIRST)
