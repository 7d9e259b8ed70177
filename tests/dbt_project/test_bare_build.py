"""`dbt build` by hand: it publishes exactly the pending days, if all nodes are green."""

import shutil
from pathlib import Path

import pytest

from pipeline_settings import PROJECT_ROOT, Settings
from tests.dbt_project.conftest import Dbt
from tests.dbt_project.loads import FIRST, SECOND, THIRD, Loads, order, orders, reviews
from tests.dbt_project.readers import assert_marts_are_right, contents, pending, publications, relations
from tests.laws.conftest import rows_of
from warehouse.connection import connect

ORDERS, REVIEWS, HEALTH = "ecommerce_order_pipeline", "customer_feedback_pipeline", "customer_health_pipeline"


@pytest.mark.fault(26)
def test_a_build_publishes_pending_days_without_replacing_the_marts(dbt: Dbt, loads: Loads) -> None:
    for day in (FIRST, SECOND):
        loads.admit("orders", day, orders(day))
        loads.admit("reviews", day, reviews(day))
    assert dbt("build").succeeded
    assert publications() == [ORDERS, REVIEWS, HEALTH]
    assert pending() == []
    assert_marts_are_right(loads)

    # readers create views and get grants
    with connect() as connection:
        connection.execute(
            """
            create schema readers;
            create view readers.best as select * from marts.customer_ltv order by lifetime_value desc;
            create view readers.today as select * from marts.fct_orders;
            grant select on marts.fct_orders, marts.customer_ltv, marts.product_metrics to public;
            """
        )
    settled = relations()

    # without pending days nothing is published
    assert dbt("build").succeeded
    assert publications() == [ORDERS, REVIEWS, HEALTH]

    # one new day, one corrected day
    loads.admit("orders", SECOND, orders(SECOND)[:-1])
    loads.admit("orders", THIRD, orders(THIRD))
    assert dbt("build").succeeded
    assert publications()[3:] == [ORDERS, HEALTH]
    assert_marts_are_right(loads)

    # published days again
    seen = contents()
    again = dbt("build", "--select", f"tag:{ORDERS}", "--vars", f"{{from: {FIRST}, to: {SECOND}}}")
    assert f"{ORDERS} published 2 day(s) up to {SECOND}" in again.output
    assert contents() == seen

    # a full refresh replaces the contents, not the tables
    assert dbt("build", "--full-refresh", unit_tests=True).succeeded
    assert publications()[-3:] == [ORDERS, REVIEWS, HEALTH]
    assert contents() == seen
    assert relations() == settled


def test_each_run_first_creates_missing_tables_columns_and_indexes(dbt: Dbt, warehouse: Settings) -> None:
    assert dbt("run", "--select", "stg_shop__orders").succeeded
    assert "fct_orders" in relations()
    with connect() as connection:
        connection.execute("alter table marts.fct_orders drop column items")
        connection.execute("drop table ops.int_orders_superseded")
    assert dbt("run", "--select", "stg_shop__orders").succeeded
    with connect() as connection:
        added = connection.execute(
            "select 1 from pg_attribute where attrelid = 'marts.fct_orders'::regclass and attname = 'items'"
        ).fetchone()
        indexes = connection.execute(
            "select indexdef from pg_indexes where tablename = 'int_orders_superseded'"
        ).fetchall()
    assert added
    assert [row["indexdef"].partition("USING ")[2] for row in indexes] == [
        "btree (order_id, logical_date)",
        "btree (logical_date)",
    ]


@pytest.mark.fault(27)
def test_a_partial_build_publishes_nothing_until_the_rest_is_built(dbt: Dbt, loads: Loads) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    first = dbt("run", "--select", "int_order_days")
    assert first.succeeded
    assert "has not run in this build" in first.output
    assert dbt("run", "--select", "int_orders_accepted").succeeded
    assert publications() == []
    assert pending() == [f"orders {FIRST}"]
    models = dbt("run", "--select", f"tag:{ORDERS}", "--exclude", "int_order_days")
    assert models.succeeded
    assert f"{ORDERS} is not published" in models.output  # no test has run yet
    assert dbt("test", "--select", f"tag:{ORDERS}").succeeded
    assert publications() == [ORDERS]
    assert_marts_are_right(loads)


@pytest.mark.fault(27)
def test_a_red_test_publishes_nothing_and_a_retry_does(dbt: Dbt, loads: Loads) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    loads.admit("reviews", FIRST, reviews(FIRST))
    assert dbt("build").succeeded
    seen = contents()

    load_id = loads.admit("orders", SECOND, orders(SECOND))
    loads.admit("reviews", SECOND, reviews(SECOND))
    _set_gate_count(load_id, accepted=5)
    assert not dbt("build", keeps_results=True).succeeded
    assert publications()[3:] == [REVIEWS]  # tests of another pipeline do not block it
    assert pending() == [f"orders {SECOND}"]
    assert contents()["fct_orders"] == seen["fct_orders"]
    assert contents()["customer_ltv"] == seen["customer_ltv"]
    assert contents()["customer_health"] == seen["customer_health"]

    _set_gate_count(load_id, accepted=6)
    assert dbt("retry").succeeded
    assert publications()[4:] == [ORDERS, HEALTH]
    assert pending() == []
    assert_marts_are_right(loads)


@pytest.mark.slow
@pytest.mark.fault(26)
def test_a_users_view_on_a_mart_shows_the_published_rows(
    dbt: Dbt, dbt_process: Dbt, loads: Loads, tmp_path: Path
) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(PROJECT_ROOT / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs"))
    mine = project / "models" / "mine" / "large_orders.sql"
    mine.parent.mkdir()
    mine.write_text("{{ config(materialized='view') }} select order_id from {{ ref('fct_orders') }} where is_large")
    loads.admit("orders", FIRST, [*orders(FIRST), order(FIRST, 1, total_amount="50000.01")])
    assert dbt_process("build", "--select", f"tag:{ORDERS}", "large_orders", project=project).succeeded
    with connect() as connection:
        assert connection.execute("select * from build.large_orders").fetchall() == [{"order_id": "o1"}]
    loads.admit("orders", SECOND, [order(SECOND, 1)])
    assert dbt("build", "--select", f"tag:{ORDERS}").succeeded
    with connect() as connection:
        assert connection.execute("select * from build.large_orders").fetchall() == []


@pytest.mark.parametrize("day", ["x'::text", "2026-03-01' or true --", "yesterday"])
@pytest.mark.fault(46)
def test_an_invalid_date_in_a_var_is_refused(dbt: Dbt, loads: Loads, day: str) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    result = dbt("build", "--select", f"tag:{ORDERS}", "--vars", f'{{from: "{day}", to: {FIRST}}}')
    assert not result.succeeded
    assert "vars from and to must be dates" in result.output
    assert publications() == []


@pytest.mark.fault(16)
def test_an_order_moves_to_its_latest_day_and_back(dbt: Dbt, loads: Loads) -> None:
    for day in (FIRST, SECOND, THIRD):
        loads.admit("orders", day, [order(day, 1, customer_id=f"c-{day}"), *orders(day)])
    assert dbt("build", "--select", f"tag:{ORDERS}").succeeded
    assert_marts_are_right(loads)
    loads.admit("orders", THIRD, [])
    assert dbt("build", "--select", f"tag:{ORDERS}").succeeded
    assert_marts_are_right(loads)
    assert {row["order_date"] for row in rows_of("fct_orders") if row["order_id"] == "o1"} == {SECOND}


def _set_gate_count(load_id: str, accepted: int) -> None:
    """Set the gate's number of accepted rows, which a data test compares with the build."""
    with connect() as connection:
        connection.execute(
            "update ops.gate_results set accepted = %s, row_count = %s where load_id = %s",
            [accepted, accepted, load_id],
        )
