"""A day of orders written by hand in one transaction, for comparison with Daybreak's day.

It does not judge rows by the rules of Daybreak, but must publish the same rows for the landed day.
Products are not compared: the benchmark's orders have no items, so that product_months is empty.
"""

import time
from datetime import date
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # comes with dbt

from benchmarks.databases import contents
from pipeline_settings import PROJECT_ROOT
from warehouse.connection import connect

STATEMENTS = Path(__file__).with_name("orders_by_hand.sql")

# The compared relations: the marts of orders, and the superseded orders that return when a later day drops one.
COMPARED = (
    "marts.fct_orders",
    "marts.customer_ltv",
    "marts.customer_months",
    "marts.cohort_months",
    "marts.daily_sales",
    "ops.int_orders_superseded",
)


def by_hand(day: date, load_id: str) -> tuple[float, list[tuple[object, ...]]]:
    """Run the day by hand and roll it back. Return its seconds, and the contents that readers would see."""
    project = yaml.safe_load((PROJECT_ROOT / "dbt_project" / "dbt_project.yml").read_text())
    values = {"day": day, "load": load_id, **project["vars"]}
    with connect() as connection:
        started = time.perf_counter()
        for statement in STATEMENTS.read_text().split(";\n"):
            if statement.strip():
                connection.execute(statement.encode(), values if "%(" in statement else None)
        seconds = time.perf_counter() - started
        found = contents(connection, COMPARED)
        connection.rollback()
    with connect(autocommit=True) as connection:
        connection.execute(
            "vacuum marts.fct_orders, marts.customer_order_totals, marts.customer_months, marts.cohort_months"
        )
    return seconds, found
