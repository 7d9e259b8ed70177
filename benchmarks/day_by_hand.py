"""A day of orders as somebody would do it by hand, in one transaction: what the product's day is compared with.

It judges no row by the product's rules, but must publish the same rows of what the benchmark lands.
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

# What is compared: what readers see of orders, and what returns when a later day drops one.
COMPARED = (
    "marts.fct_orders",
    "marts.customer_ltv",
    "marts.customer_months",
    "marts.cohort_months",
    "marts.daily_sales",
    "ops.int_orders_superseded",
)


def by_hand(day: date, load_id: str) -> tuple[float, list[tuple[object, ...]]]:
    """Seconds that the day takes by hand, and what readers would see then; rolled back."""
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
