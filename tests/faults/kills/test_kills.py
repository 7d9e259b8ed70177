"""SIGKILL at random moments: nothing has to be repaired, and readers see no difference."""

import os
import random
import time
from collections.abc import Callable

import pytest
import redis

from local.demo_shop.shop_contract import ListedShop
from orchestration.day_run import run_days
from tests.dbt_project.loads import FIRST
from tests.dbt_project.readers import contents, pending
from tests.faults.kills.forked_runs import Forker
from tests.faults.kills.versions import assert_cache_whole, put, watched
from tests.laws.conftest import World, empty_warehouse
from transformation.pipelines import PIPELINES
from warehouse.connection import connect

KILLS = int(os.environ.get("FAULT_KILLS", "100"))
SEED = os.environ.get("FAULT_SEED", "daybreak")
BUSY_SECONDS = 30  # until Postgres has noticed the end of a killed run


def run_to_the_end(forker: Forker) -> None:
    """Run the day again; sessions of a run killed just before may hold it for a moment."""
    deadline = time.monotonic() + BUSY_SECONDS
    while (ended := forker.run("run", str(FIRST)))[0] == 6 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert ended[0] == 0, ended[1]


def kill_at_random_moments(
    shop: ListedShop, forker: Forker, count: int, seconds: float, moments: random.Random
) -> list[float]:
    """Change the shop, start a run and kill it, repeatedly; return the seconds of each run."""
    lives = []
    for version in range(1, count + 1):
        put(shop, FIRST, version)
        run = forker.start("run", str(FIRST))
        lives.append(moments.uniform(0, seconds))
        time.sleep(lives[-1])
        run.kill()
        code, output = run.wait()
        assert code in {-9, 0, 6}, output
    return lives


@pytest.mark.fault(32)
@pytest.mark.slow
@pytest.mark.parametrize("kills", [3, KILLS])
def test_runs_killed_at_random_moments_are_repaired_by_the_same_run(
    world: Callable[[ListedShop], World], cache: "redis.Redis", forker: Forker, kills: int
) -> None:
    shop = ListedShop({})
    put(shop, FIRST, 0)
    here = world(shop)
    started = time.monotonic()
    run_to_the_end(forker)
    normal = time.monotonic() - started
    with watched(cache) as seen:
        lives = kill_at_random_moments(shop, forker, kills, normal, random.Random(SEED))
        run_to_the_end(forker)
    assert len(seen) >= 4, seen  # at least two states of marts and of Redis
    for dataset in ("orders", "reviews"):
        here.admit(dataset, FIRST)
    here.assert_marts_are_right()
    assert pending() == [], lives
    assert float(assert_cache_whole(cache)) == 1 + kills % 5
    assert_rows_are_conserved()
    found = contents()
    empty_warehouse()
    assert run_days([FIRST], [pipeline.name for pipeline in PIPELINES]).exit_code == 0
    assert contents() == found


def assert_rows_are_conserved() -> None:
    """Assert that every judged load in raw has as many rows as its result."""
    with connect() as connection:
        wrong = connection.execute(
            """
            select results.* from ops.gate_results as results inner join ops.loads as loads using (load_id)
            where
                loads.pruned_at is null and results.dataset = 'orders'
                and (select count(*) from raw.orders where _load_id = load_id) <> accepted + rejected + identical_copies
            """
        ).fetchall()
    assert wrong == []
