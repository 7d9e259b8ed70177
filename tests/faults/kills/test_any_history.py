"""Histories that nobody thought of: days said, changed, emptied, refused, killed, run and replayed in any order.

The model is a dictionary: what the shop said when each day landed, and which of it counts. After every command that
ends, the marts equal what the oracle makes of it.
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

PARTS = 4  # so that a slice of the slow tests has room for one
EXAMPLES = int(os.environ.get("FAULT_EXAMPLES", "15"))  # of a part
DAYS = [FIRST + timedelta(number) for number in range(3)]
DATASETS = ("orders", "reviews")
STEPS = ["extract_load_days", "gate", "score_sentiment", "transform", "publish", "update_cache", "measure"]

Loads = dict[tuple[str, date], str]  # load ids by dataset and day

days = st.sampled_from(DAYS)


class AnyHistory(RuleBasedStateMachine):
    """A shop and a warehouse, and what the warehouse must hold."""

    def __init__(self, world: Callable[[ListedShop], World], forker: Forker) -> None:
        super().__init__()
        empty_warehouse()
        self.forker = forker
        self.shop = ListedShop()
        self.world = world(self.shop)
        self.newest: Loads = {}
        self.landed = ListedShop()  # what the newest load of each day has, counting or not
        self.from_raw = World(self.landed)
        self.from_raw.admitted = self.world.admitted

    @rule(day=days, count=st.integers(0, 8))
    def says(self, day: date, count: int) -> None:
        """The shop says other rows of a day; none of them at count 0."""
        self.shop.put("orders", day, orders(day, count))
        self.shop.put("reviews", day, reviews(day, count))

    @rule(day=days, number=st.integers(1, 3), amount=st.integers(1, 9))
    def adds_late(self, day: date, number: int, amount: int) -> None:
        """An order comes late, whose id other days may have too."""
        row: object = order(day, number, total_amount=str(amount))
        self.shop.put("orders", day, [*self.shop.rows("orders", day), row])

    @rule(day=days, dataset=st.sampled_from(DATASETS))
    def loses(self, day: date, dataset: str) -> None:
        """A row vanishes."""
        self.shop.put(dataset, day, self.shop.rows(dataset, day)[1:])

    @rule(day=days)
    def spoils(self, day: date) -> None:
        """So many orders are bad that the gate must refuse the day."""
        self.shop.put("orders", day, [order(day, number, status="" if number < 3 else "x") for number in range(5)])

    @rule(day=days)
    def runs(self, day: date) -> None:
        """A day runs, and everything that is pending is published with it."""
        self.world.run([day])
        self._note_landed()
        self._assert_right()

    @rule(day=days, moment=st.sampled_from(["before", "after"]), step=st.sampled_from(STEPS))
    def is_killed(self, day: date, moment: str, step: str) -> None:
        """A run of a day is killed. What it had admitted counts; what readers see changes only by a publication."""
        before, counted, published = contents(), admitted(), publications()
        code, said = self.forker.run("run", str(day), kill_at=(moment, step))
        assert code in {0, 5, -signal.SIGKILL}, said
        assert code == -signal.SIGKILL or step != "extract_load_days", "every run comes there"
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
        """All days are judged and built again from raw: of each its newest load."""
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
    """The newest load of each day that is in raw."""
    return _loads(
        """
        select distinct on (dataset, day) dataset, day, load_id from ops.loads
        where pruned_at is null order by dataset, day, landed_at desc
        """
    )


def admitted() -> Loads:
    """The load of each day that counts."""
    return _loads("select dataset, day, admitted_load_id as load_id from ops.day_ledger where admitted_load_id <> ''")


def _loads(query: str) -> Loads:
    with connect() as connection:
        rows = connection.execute(query.encode()).fetchall()
    return {(row["dataset"], row["day"]): row["load_id"] for row in rows}


def wait_until_alone() -> None:
    """Wait until Postgres has noticed that a killed run is gone."""
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
def test_any_history_ends_as_the_model_does(
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
