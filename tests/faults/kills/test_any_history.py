"""Random histories: days changed, emptied, refused, killed, run and replayed in any order.

The model is a dictionary: the shop's rows when each day landed, and the loads that count. After every command that
ends, the marts equal the oracle's result.
"""

import os
import signal
import time
from collections.abc import Callable
from datetime import date, timedelta

import pytest
import redis
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from local.demo_shop.shop_contract import ListedShop
from orchestration.day_run import replay_days
from tests.dbt_project.loads import FIRST, order, orders, reviews
from tests.dbt_project.readers import contents, pending, publications
from tests.faults.kills.forked_runs import Forker
from tests.laws.conftest import World, empty_warehouse
from transformation.pipelines import PIPELINES
from warehouse.connection import connect

PARTS = 4  # so that each fits into a slice of the slow tests
EXAMPLES = int(os.environ.get("FAULT_EXAMPLES", "15"))  # per part
DAYS = [FIRST + timedelta(number) for number in range(3)]
DATASETS = ("orders", "reviews")
STEPS = ["extract_load_days", "gate", "score_sentiment", "transform", "publish", "update_cache", "measure"]

Loads = dict[tuple[str, date], str]  # load ids by dataset and day

days = st.sampled_from(DAYS)


class AnyHistory(RuleBasedStateMachine):
    """A shop and a warehouse, with the expected contents."""

    def __init__(self, world: Callable[[ListedShop], World], forker: Forker) -> None:
        super().__init__()
        empty_warehouse()
        self.forker = forker
        self.shop = ListedShop()
        self.world = world(self.shop)
        self.newest: Loads = {}
        self.landed = ListedShop()  # rows of the newest load of each day, admitted or not
        self.from_raw = World(self.landed)
        self.from_raw.admitted = self.world.admitted

    @rule(day=days, count=st.integers(0, 8))
    def says(self, day: date, count: int) -> None:
        """Replace a day's rows in the shop; with none at count 0."""
        self.shop.put("orders", day, orders(day, count))
        self.shop.put("reviews", day, reviews(day, count))

    @rule(day=days, number=st.integers(1, 3), amount=st.integers(1, 9))
    def adds_late(self, day: date, number: int, amount: int) -> None:
        """Add a late order, whose id other days may have too."""
        row: object = order(day, number, total_amount=str(amount))
        self.shop.put("orders", day, [*self.shop.rows("orders", day), row])

    @rule(day=days, dataset=st.sampled_from(DATASETS))
    def loses(self, day: date, dataset: str) -> None:
        """Remove a row."""
        self.shop.put(dataset, day, self.shop.rows(dataset, day)[1:])

    @rule(day=days)
    def spoils(self, day: date) -> None:
        """Add so many bad orders that the gate must refuse the day."""
        self.shop.put("orders", day, [order(day, number, status="" if number < 3 else "x") for number in range(5)])

    @rule(day=days)
    def runs(self, day: date) -> None:
        """Run a day, and publish everything pending with it."""
        self.world.run([day])
        self._note_landed()
        self._assert_right()

    @rule(day=days, moment=st.sampled_from(["before", "after"]), step=st.sampled_from(STEPS))
    def is_killed(self, day: date, moment: str, step: str) -> None:
        """Kill a run of a day. Its admitted loads count; only a publication changes what readers see."""
        before, counted, published = contents(), admitted(), publications()
        code, output = self.forker.run("run", str(day), kill_at=(moment, step))
        assert code in {0, 5, -signal.SIGKILL}, output
        assert code == -signal.SIGKILL or step != "extract_load_days", "every run reaches this step"
        wait_until_alone()
        self._note_landed()
        for key in {key for key, load_id in admitted().items() if counted.get(key) != load_id}:
            self.from_raw.admit(*key)
        if publications() == published:
            assert contents() == before
        if code != -signal.SIGKILL:
            self._assert_right()

    @rule()
    def is_replayed(self) -> None:
        """Judge and build all days again from raw, from the newest load of each."""
        outcome = replay_days(DAYS, [pipeline.name for pipeline in PIPELINES])
        assert outcome.exit_code in {0, 5}, outcome.errors
        for key in self.newest:
            self.from_raw.admit(*key)
        self._assert_right()

    def _note_landed(self) -> None:
        now = newest()
        for dataset, day in {key for key, load_id in now.items() if self.newest.get(key) != load_id}:
            self.landed.put(dataset, day, self.shop.rows(dataset, day))
        self.newest = now

    def _assert_right(self) -> None:
        assert pending() == []
        self.world.assert_marts_are_right()


def newest() -> Loads:
    """Return the newest load of each day in raw."""
    return _loads(
        """
        select distinct on (dataset, day) dataset, day, load_id from ops.loads
        where pruned_at is null order by dataset, day, landed_at desc
        """
    )


def admitted() -> Loads:
    """Return the admitted load of each day."""
    return _loads("select dataset, day, admitted_load_id as load_id from ops.day_ledger where admitted_load_id <> ''")


def _loads(query: str) -> Loads:
    with connect() as connection:
        rows = connection.execute(query.encode()).fetchall()
    return {(row["dataset"], row["day"]): row["load_id"] for row in rows}


def wait_until_alone() -> None:
    """Wait until Postgres has noticed the end of a killed run."""
    deadline = time.monotonic() + 30
    others = """
        select pid, state, query from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
    """
    with connect(autocommit=True) as connection:
        while found := connection.execute(others.encode()).fetchall():
            assert time.monotonic() < deadline, found
            time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.fault(38)
def test_any_history_ends_like_the_model(
    world: Callable[[ListedShop], World], cache: "redis.Redis", forker: Forker, part: int
) -> None:
    @seed(part)
    class Part(AnyHistory):
        def __init__(self) -> None:
            super().__init__(world, forker)

    run_state_machine_as_test(
        Part,
        settings=settings(
            settings.get_profile("of builds"),
            max_examples=EXAMPLES,
            stateful_step_count=8,
            derandomize=False,  # the seed decides
            database=None,
        ),
    )
