"""Postgres and an engine produce the same rows, cents included, from any admitted loads."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from expectations.dataset_settings import save_settings
from ingestion.declaration.shop_config import shop_config
from orchestration import steps
from pipeline_settings import PROJECT_ROOT, settings
from tests.dbt_project.conftest import loads
from tests.dbt_project.loads import FIRST, SECOND, THIRD, Loads, Row
from tests.engine.data_sets import (
    EIGHTEEN_DIGITS,
    NIGHTS,
    DataSet,
    exercised,
    first_two_dates,
    generated,
    marts_of,
    set_of,
)
from tests.engine.needs import needs_an_engine
from tests.laws.conftest import KEYS, rows_of
from tests.laws.further_fields import further_fields, with_further_fields
from tests.laws.test_laws import updates
from transformation.pipelines import ORDERS, POSTGRES, SPARK
from warehouse.connection import connect

__all__ = ["loads", "with_further_fields"]  # the fixtures

pytestmark = needs_an_engine

SETS = 200
COMPUTED = (
    "int_orders_resolved",
    "int_order_customers_affected",
    "int_order_dates_affected",
    "customer_order_totals__changes",
    "int_order_date_sales",
)

Rows = list[dict[str, Any]]


def built_on(engine: str, **chosen: Any) -> dict[str, Rows]:
    """Return the rows that a build of pending or chosen days would publish, by model, and their types."""
    steps.transform([ORDERS.name], [], "parity", engine=engine, **chosen)
    with connect() as connection:
        rows = {name: connection.execute(f"select * from build.{name}".encode()).fetchall() for name in COMPUTED}
        types = connection.execute(
            """
            select attrelid::regclass::text as name, attname, atttypid::regtype::text as type from pg_attribute
            where attrelid::regclass::text = any(%s) and attnum > 0 order by attrelid::regclass::text, attnum
            """,
            [[f"build.{name}" for name in COMPUTED]],
        ).fetchall()
    return rows | {"types": types}


def assert_both_make_the_same(loads: Loads, sets: Sequence[DataSet] = (), **chosen: Any) -> None:
    """Build pending or chosen days on both, publish the engine's build, and compare it with the oracle."""
    expected, found = built_on(POSTGRES, **chosen), built_on(SPARK, **chosen)
    assert found.pop("types") == expected.pop("types")
    for model, rows in expected.items():
        assert_same_rows(model, rows, found[model], sets)
    steps.publish([ORDERS.name], [], "parity")
    for mart, by_key in marts_of(loads.admitted).items():
        right = [{KEYS[mart]: key, **row} for key, row in by_key.items()]
        assert_same_rows(mart, right, rows_of(mart), sets)


def assert_same_rows(model: str, expected: Rows, found: Rows, sets: Sequence[DataSet]) -> None:
    """Assert that both have the same rows, cents included. The failure names the different data sets."""
    shared = set.intersection(*(set(rows[0]) for rows in (expected, found) if rows)) if expected or found else set()
    wanted, made = (
        Counter((set_of(row, len(sets)), str([(name, row[name]) for name in sorted(shared)])) for row in rows)
        for rows in (expected, found)
    )
    wrong = sorted({number for number, _ in [*(wanted - made), *(made - wanted)]})
    if wrong:
        first = wrong[0]
        missing, surplus = ([row for number, row in rows if number == first] for rows in (wanted - made, made - wanted))
        nights = sets[first].nights if sets else ""
        pytest.fail(f"{model}, data sets {wrong}: {missing} is missing, {surplus} is surplus; first set: {nights}")


def order(order_id: str, customer_id: str, day: date, amount: str, status: str = "shipped") -> Row:
    return {
        "order_id": order_id,
        "customer_id": customer_id,
        "total_amount": amount,
        "order_date": str(day),
        "status": status,
    }


@pytest.mark.slow
def test_an_engine_and_postgres_agree(loads: Loads) -> None:
    loads.admit("orders", FIRST, [order(f"a{n}", "ties", FIRST, "33.33") for n in range(3)])
    loads.admit("orders", SECOND, [order("b", "cancels", SECOND, "5", "cancelled"), order("c", "one", SECOND, "0.05")])
    loads.admit("orders", THIRD, [order(f"d{n}", 'large, "rich"', THIRD, EIGHTEEN_DIGITS) for n in range(3)])
    assert_both_make_the_same(loads)

    # An order moves, a customer's first and last and another's only order go, a day becomes empty, sums have 20 digits.
    loads.admit("orders", FIRST, [order("a1", "ties", FIRST, "0.01"), order("ö,\n1", "", FIRST, "1")])
    loads.admit("orders", SECOND, [])
    loads.admit(
        "orders",
        THIRD,
        [order("a2", "moved", THIRD, "0"), *(order(f"e{n}", "x", THIRD, EIGHTEEN_DIGITS) for n in "abc")],
    )
    assert_both_make_the_same(loads)

    assert_both_make_the_same(loads, full_refresh=True)


@pytest.mark.slow
@pytest.mark.usefixtures("with_further_fields")
def test_optional_fields_and_refunds_agree(loads: Loads) -> None:
    save_settings(shop_config())
    chance = random.Random(10)
    for days in ([FIRST, SECOND], [FIRST, THIRD]):
        for day in days:
            rows = [order(f"{day}-{n}", f"c{n % 7}", day, f"{n}.05") | further_fields(chance) for n in range(40)]
            texts = [
                {
                    name: value if value is None or isinstance(value, str) else json.dumps(value)
                    for name, value in row.items()
                }
                for row in rows
            ]
            loads.admit("orders", day, texts)
        assert_both_make_the_same(loads)
    assert {row["refunded_amount"] > 0 for row in rows_of("fct_orders")} == {True, False}
    assert_both_make_the_same(loads, full_refresh=True)


@pytest.mark.slow
def test_former_orders_are_exported_once(loads: Loads) -> None:
    """Its former day's sales and its former customer's first order both come from the same other order."""
    loads.admit("orders", FIRST, [order("moves", "c", FIRST, "1"), order("stays", "c", FIRST, "2")])
    assert_both_make_the_same(loads)
    loads.admit("orders", SECOND, [order("moves", "c", SECOND, "1")])
    assert_both_make_the_same(loads)


@pytest.mark.slow
@pytest.mark.usefixtures("any_engine")
def test_an_engine_and_postgres_agree_on_any_history(loads: Loads) -> None:
    sets = generated(SETS)
    assert len(sets) == SETS
    seen = marts_of({})
    for night in range(NIGHTS):
        for data_set in sets:
            for day, rows in data_set.loads(night):
                loads.admit("orders", day, rows)
        before, seen = seen, marts_of(loads.admitted)
        assert_both_make_the_same(loads, sets)
    happened = exercised(before, seen, loads.admitted)
    assert all(happened.values()), happened
    assert_both_make_the_same(loads, sets, day_range=first_two_dates(sets))
    assert_both_make_the_same(loads, sets, full_refresh=True)


@pytest.mark.slow
def test_both_agree_on_orders_by_last_update(loads: Loads, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Their dates are any up to the day, and the engine gets the sales of these dates."""
    config = tmp_path / "shop.toml"
    text = (PROJECT_ROOT / "ingestion" / "shop.toml").read_text()
    config.write_text(text.replace("max_bad_rate = 0.05", 'max_bad_rate = 0.05\nday_is = "updated"'))
    monkeypatch.setenv("SHOP_CONFIG", str(config))
    settings.cache_clear()
    save_settings(shop_config())
    long_ago = str(FIRST - timedelta(100))
    for seed in (1, 2):
        for (dataset, day), rows in updates(seed).items():
            loads.admit(
                dataset, day, [order("alone", "c1", FIRST, "1") | {"order_date": long_ago}, *rows][day > FIRST :]
            )
        assert_both_make_the_same(loads)
    # the sales of that date include an order that this build does not affect
    loads.admit("orders", THIRD, [order("late", "c2", THIRD, "2") | {"order_date": long_ago}])
    assert_both_make_the_same(loads)
    assert any(row["logical_date"] > row["order_date"] for row in rows_of("fct_orders"))
