"""A killed run leaves nothing to repair: the same command again, or the next day's run, gives the right result."""

import signal
from collections.abc import Callable
from datetime import date

import pytest

from local.demo_shop.shop_contract import ListedShop
from orchestration.day_run import run_days
from tests.dbt_project.conftest import Dbt
from tests.dbt_project.loads import FIRST, SECOND, Loads, orders, reviews
from tests.dbt_project.readers import assert_marts_are_right, contents, pending
from tests.faults.kills.forked_runs import Forker
from tests.laws.conftest import World, empty_warehouse
from transformation.pipelines import ORDERS, PIPELINES
from warehouse.connection import connect

NAMES = [pipeline.name for pipeline in PIPELINES]
STEPS = [
    "wait_for_shop", "extract_load_days", "gate", "score_sentiment", "transform", "publish", "update_cache", "measure",
]  # fmt: skip


@pytest.fixture
def here(world: Callable[[ListedShop], World]) -> World:
    """A shop with two days, the first of which is published and has changed since."""
    shop = ListedShop({(dataset, day): rows for dataset, day, rows in shop_rows()})
    there = world(shop)
    there.run([FIRST])
    shop.put("orders", FIRST, [*orders(FIRST)[:4], {**orders(FIRST)[4], "total_amount": "99"}])
    shop.put("reviews", FIRST, reviews(FIRST)[1:])
    return there


def shop_rows() -> list[tuple[str, date, list[dict[str, str]]]]:
    return [
        (dataset, day, rows(day))
        for dataset, rows in (("orders", orders), ("reviews", reviews))
        for day in (FIRST, SECOND)
    ]


def daybreak_killed(forker: Forker, moment: str, step: str, *arguments: str) -> None:
    code, output = forker.run(*arguments, kill_at=(moment, step))
    assert code == -signal.SIGKILL, output


def assert_equal_to_a_clean_run(here: World, days: list[date]) -> None:
    """Assert that the marts are right, and equal to those of a warehouse without kills."""
    here.assert_marts_are_right()
    found = contents()
    empty_warehouse()
    assert run_days(days, NAMES).exit_code == 0
    assert contents() == found


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.fault(32)
def test_a_run_killed_at_any_step_is_repaired_by_the_same_run(
    here: World, forker: Forker, moment: str, step: str
) -> None:
    daybreak_killed(forker, moment, step, "run", str(FIRST))
    here.run([FIRST])
    assert pending() == []
    assert_equal_to_a_clean_run(here, [FIRST])


@pytest.mark.slow
@pytest.mark.fault(27, 32)
def test_kills_before_publish_are_invisible_and_repaired(here: World, forker: Forker) -> None:
    seen = contents()
    for moment, step in (("before", "score_sentiment"), ("after", "transform")):
        daybreak_killed(forker, moment, step, "run", str(FIRST))
        assert contents() == seen
    assert pending() == [f"orders {FIRST}", f"reviews {FIRST}"]
    here.run([FIRST])
    assert pending() == []
    here.assert_marts_are_right()


@pytest.mark.parametrize(
    ("moment", "step"),
    [("after", "transform"), pytest.param("before", "score_sentiment", marks=pytest.mark.slow)],
)
@pytest.mark.fault(27, 35)
def test_the_next_day_also_publishes_the_killed_day(here: World, forker: Forker, moment: str, step: str) -> None:
    seen = contents()
    daybreak_killed(forker, moment, step, "run", str(FIRST))
    assert contents() == seen
    assert run_days([SECOND], NAMES).exit_code == 0
    assert pending() == []
    with connect() as connection:
        counts = connection.execute("select order_date, count(*) as n from marts.fct_orders group by 1").fetchall()
    assert {row["order_date"]: row["n"] for row in counts} == {FIRST: 5, SECOND: 6}


@pytest.mark.fault(32)
def test_a_killed_landing_is_invisible(dbt: Dbt, loads: Loads) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    with connect() as connection:  # rows of a load that is not in the ledger
        connection.execute(
            """
            insert into raw.orders
                (_load_id, _day, _row_number, order_id, customer_id, total_amount, order_date, status)
            values
                ('half', %(first)s, 1, 'half', 'c', '1', %(first)s::date::text, 'shipped'),
                ('half', %(first)s, 2, 'worse', 'c', 'abc', %(first)s::date::text, 'shipped'),
                ('half', %(second)s, 1, 'half', 'c', '1', %(second)s::date::text, 'shipped')
            """,
            {"first": FIRST, "second": SECOND},
        )
    assert dbt("build", "--select", f"tag:{ORDERS.name}").succeeded
    assert_marts_are_right(loads)
    with connect() as connection:
        assert connection.execute("select * from quarantine.orders").fetchall() == []
