"""Postgres and an engine make the same rows, cents included, of whatever is admitted."""

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from orchestration import steps
from orchestration.pipelines import ORDERS, POSTGRES, SPARK
from tests.dbt_project.conftest import loads
from tests.dbt_project.loads import FIRST, SECOND, THIRD, Loads, Row
from tests.dbt_project.readers import assert_marts_are_right
from tests.engine.needs import needs_an_engine
from tests.laws.conftest import empty_warehouse
from warehouse.connection import connect

__all__ = ["loads"]  # the fixture

pytestmark = [pytest.mark.integration, needs_an_engine]

COMPUTED = (
    "int_orders_resolved",
    "int_order_customers_touched",
    "int_order_dates_touched",
    "customer_order_totals__changes",
    "daily_sales__changes",
)
DAYS = [FIRST, SECOND, THIRD]

# few ids, customers and dates: orders move between days, customers lose their first, last or only order, days their all
amounts = st.sampled_from(["0", "0.01", "33.33", "12.50", "0.05", "9999999999999999.99", "50000.01"])
statuses = st.sampled_from(["shipped", "shipped", "cancelled", "it's"])


@st.composite
def said(draw: st.DrawFn, day: date) -> list[Row]:
    """What the shop says of a day."""
    some_order = st.fixed_dictionaries(
        {
            "order_id": st.sampled_from([f"o{number}" for number in range(8)] + ['o"1', "o,\n1", "ö"]),
            "customer_id": st.sampled_from(["c0", "c1", "c2", "c,3"]),
            "total_amount": amounts,
            "order_date": st.just(str(day)),
            "status": statuses,
        }
    )
    return draw(st.lists(some_order, max_size=8))


@st.composite
def nights(draw: st.DrawFn) -> list[dict[date, list[Row]]]:
    """What the shop says in two nights: of the first days, and of some of them again, with what came since."""
    return [
        {day: draw(said(day)) for day in draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True))}
        for _ in range(2)
    ]


def rows_built() -> dict[str, list[str]]:
    """What the present build would publish, and the types of it."""
    with connect() as connection:
        rows = {
            name: sorted(str(row) for row in connection.execute(f"select * from build.{name}").fetchall())
            for name in COMPUTED
        }
        types = connection.execute(
            """
            select attrelid::regclass::text as name, attname, atttypid::regtype::text as type from pg_attribute
            where attrelid::regclass::text = any(%s) and attnum > 0 order by attrelid::regclass::text, attnum
            """,
            [[f"build.{name}" for name in COMPUTED]],
        ).fetchall()
    return rows | {"types": [str(row) for row in types]}


def build_on(engine: str, **chosen: Any) -> dict[str, list[str]]:
    steps.transform([ORDERS.name], [], "parity", engine=engine, **chosen)
    return rows_built()


def assert_both_make_the_same(loads: Loads, **chosen: Any) -> None:
    """A build of what is pending, or of what is chosen, on both; the engine's is published, and the oracle agrees."""
    expected = build_on(POSTGRES, **chosen)
    assert build_on(SPARK, **chosen) == expected
    steps.publish([ORDERS.name], [], "parity")
    assert_marts_are_right(loads)


def order(order_id: str, customer_id: str, day: date, amount: str, status: str = "shipped") -> Row:
    return {
        "order_id": order_id,
        "customer_id": customer_id,
        "total_amount": amount,
        "order_date": str(day),
        "status": status,
    }


def test_an_engine_makes_what_postgres_makes(loads: Loads) -> None:
    largest = "9999999999999999.99"
    loads.admit("orders", FIRST, [order(f"a{n}", "ties", FIRST, "33.33") for n in range(3)])
    loads.admit("orders", SECOND, [order("b", "cancels", SECOND, "5", "cancelled"), order("c", "one", SECOND, "0.05")])
    loads.admit("orders", THIRD, [order(f"d{n}", 'large, "rich"', THIRD, largest) for n in range(3)])
    assert_both_make_the_same(loads)

    # an order moves, a customer's first and last and another's only one goes, a day is left empty, sums have 20 digits
    loads.admit("orders", FIRST, [order("a1", "ties", FIRST, "0.01"), order("ö,\n1", "", FIRST, "1")])
    loads.admit("orders", SECOND, [])
    loads.admit(
        "orders", THIRD, [order("a2", "moved", THIRD, "0"), *(order(f"e{n}", "x", THIRD, largest) for n in "abc")]
    )
    assert_both_make_the_same(loads)

    assert_both_make_the_same(loads, full_refresh=True)


@pytest.mark.slow
@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=nights())
def test_an_engine_makes_what_postgres_makes_of_any_history(loads: Loads, history: list[dict[date, list[Row]]]) -> None:
    empty_warehouse()
    loads.admitted.clear()
    for night in history:
        for day, rows in night.items():
            loads.admit("orders", day, rows)
        assert_both_make_the_same(loads)
    assert_both_make_the_same(loads, day_range=(FIRST, SECOND))
