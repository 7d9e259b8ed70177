"""Publish writes only rows that differ, in place: other rows keep their ctid and xmin."""

import time
from typing import Any

import pytest

from tests.dbt_project.loads import FIRST, SECOND, THIRD, Loads, order, orders, reviews
from tests.dbt_project.readers import assert_marts_are_right
from transformation import dbt_runner
from warehouse.connection import connect

ORDERS, REVIEWS, HEALTH = "ecommerce_order_pipeline", "customer_feedback_pipeline", "customer_health_pipeline"
WITH_ROOM = [
    "cohort_months", "customer_health_totals", "customer_months", "customer_order_totals", "product_months",
    "product_rating_totals",
]  # fmt: skip
Place = tuple[str, str]  # ctid and xmin of a row


def build_and_publish(*pipelines: str, full_refresh: bool = False) -> None:
    names = pipelines or (ORDERS,)
    dbt_runner.build(names, full_refresh=full_refresh)
    dbt_runner.publish(names)


def places(relation: str, key: str) -> dict[Any, Place]:
    """Return the place of each row by its key."""
    with connect() as connection:
        rows = connection.execute(f"select {key} as key, ctid::text, xmin::text from {relation}".encode()).fetchall()
    return {row["key"]: (row["ctid"], row["xmin"]) for row in rows}


def all_places() -> dict[str, dict[Any, Place]]:
    """Return the place of each row of every published table."""
    with connect() as connection:
        found = connection.execute(
            """
            select oid::regclass::text as relation from pg_class
            where relkind = 'r' and (relnamespace = 'marts'::regnamespace or starts_with(relname, 'int_'))
            and relnamespace <> 'build'::regnamespace
            and relname not in ('customer_models', 'customer_predictions')  -- written by a fit
            """
        ).fetchall()
    return {row["relation"]: places(row["relation"], "ctid::text") for row in found}


def rows_published() -> dict[str, int]:
    """Return the rows that the newest publish wrote per mart."""
    with connect() as connection:
        row = connection.execute("select rows_published from ops.publications order by publication_id desc").fetchone()
    assert row is not None
    return dict(row["rows_published"])


@pytest.mark.parametrize("full_refresh", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_replay_writes_no_rows(loads: Loads, *, full_refresh: bool) -> None:
    admit_both_days(loads)
    build_and_publish(ORDERS, REVIEWS, HEALTH)
    before = all_places()
    assert len(before) == 12
    assert {table for table, rows in before.items() if not rows} == {"marts.fct_refunds"}
    admit_both_days(loads)
    build_and_publish(ORDERS, REVIEWS, HEALTH, full_refresh=full_refresh)
    assert all_places() == before
    assert set(rows_published().values()) == {0}
    assert_marts_are_right(loads)


def admit_both_days(loads: Loads) -> None:
    """Admit orders and reviews of two days, one of each on both days: it is superseded on the first."""
    for day in (FIRST, SECOND):
        loads.admit("orders", day, [*orders(day), order(day, 1)])
        loads.admit("reviews", day, [*reviews(day), {**reviews(day)[0], "review_id": "r1"}])


def test_only_changed_rows_are_written(loads: Loads) -> None:
    day = orders(FIRST, 60)
    loads.admit("orders", FIRST, day)
    build_and_publish()
    before = places("marts.fct_orders", "order_id"), places("marts.customer_order_totals", "customer_id")
    loads.admit("orders", FIRST, [{**day[0], "total_amount": "7.77"}, {**day[1], "status": "lost"}, *day[2:]])
    build_and_publish()
    after = places("marts.fct_orders", "order_id"), places("marts.customer_order_totals", "customer_id")
    assert {key for key, place in after[0].items() if place != before[0][key]} == {f"{FIRST}-1", f"{FIRST}-2"}
    # c2's new status counts as revenue like the old one
    assert {key for key, place in after[1].items() if place != before[1][key]} == {"c1"}
    assert rows_published() == {
        "fct_orders": 2, "fct_refunds": 0, "customer_order_totals": 1, "daily_sales": 1, "int_orders_superseded": 0,
        "customer_months": 1, "cohort_months": 1, "product_months": 0,
    }  # fmt: skip
    assert_marts_are_right(loads)


@pytest.mark.slow
def test_missing_rows_are_deleted(loads: Loads) -> None:
    day = [*orders(FIRST), order(FIRST, 9, customer_id="once")]
    loads.admit("orders", FIRST, day)
    loads.admit("orders", SECOND, [order(SECOND, 8, customer_id="only here")])
    build_and_publish()
    loads.admit("orders", FIRST, day[:-1])
    loads.admit("orders", SECOND, [])
    build_and_publish()
    assert set(places("marts.fct_orders", "order_id")) == {row["order_id"] for row in day[:-1]}
    assert set(places("marts.customer_order_totals", "customer_id")) == {"c0", "c1", "c2"}
    assert set(places("marts.daily_sales", "order_date")) == {FIRST}
    assert rows_published() == {
        "fct_orders": 2, "fct_refunds": 0, "customer_order_totals": 2, "daily_sales": 2, "int_orders_superseded": 0,
        "customer_months": 2, "cohort_months": 1, "product_months": 2,
    }  # fmt: skip
    assert_marts_are_right(loads)


@pytest.mark.slow
def test_one_superseded_row_of_an_order_is_deleted_and_the_other_stays(loads: Loads) -> None:
    for day in (FIRST, SECOND, THIRD):
        loads.admit("orders", day, [order(day, 1), order(day, 2)])
    build_and_publish()
    key = "order_id || ' ' || order_date"
    before = places("ops.int_orders_superseded", key)
    assert set(before) == {f"o{number} {day}" for number in (1, 2) for day in (FIRST, SECOND)}
    loads.admit("orders", SECOND, [order(SECOND, 2)])
    build_and_publish()
    del before[f"o1 {SECOND}"]
    assert places("ops.int_orders_superseded", key) == before
    assert_marts_are_right(loads)


def test_totals_are_updated_in_place_without_index_writes(loads: Loads) -> None:
    customers = [order(FIRST, number, customer_id=f"customer {number}") for number in range(600)]
    loads.admit("orders", FIRST, customers)
    build_and_publish()
    again = [{**row, "order_id": f"{row['order_id']} again", "order_date": str(SECOND)} for row in customers[::30]]
    loads.admit("orders", SECOND, again)
    build_and_publish()
    assert updates("marts.customer_order_totals", 20) == (20, 20)


def updates(relation: str, expected: int) -> tuple[int, int]:
    """Return the number of updated rows, and of those updated in place (HOT), once the statistics have them."""
    deadline = time.monotonic() + 30
    while True:
        with connect() as connection:
            row = connection.execute(
                "select n_tup_upd, n_tup_hot_upd from pg_stat_all_tables where relid = %s::regclass", [relation]
            ).fetchone()
        assert row is not None
        if row["n_tup_upd"] >= expected or time.monotonic() > deadline:
            return row["n_tup_upd"], row["n_tup_hot_upd"]
        time.sleep(0.1)


@pytest.mark.slow
def test_existing_tables_get_the_fillfactor(loads: Loads) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    loads.admit("reviews", FIRST, reviews(FIRST))
    build_and_publish(ORDERS, REVIEWS, HEALTH)
    assert tables_with_room() == WITH_ROOM
    with connect() as connection:
        for table in WITH_ROOM:
            connection.execute(f"alter table marts.{table} reset (fillfactor)".encode())
    assert tables_with_room() == []
    dbt_runner.build([ORDERS, REVIEWS, HEALTH])
    assert tables_with_room() == WITH_ROOM


def tables_with_room() -> list[str]:
    """Return the marts with a fillfactor of 90."""
    with connect() as connection:
        rows = connection.execute(
            """
            select relname from pg_class
            where relnamespace = 'marts'::regnamespace and 'fillfactor=90' = any(reloptions) order by relname
            """
        ).fetchall()
    return [row["relname"] for row in rows]
