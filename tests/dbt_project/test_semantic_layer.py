"""The metrics of the semantic layer, queried with mf, equal the counts from the marts' rows."""

import csv
import os
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline_settings import PROJECT_ROOT
from tests.commands import run
from tests.dbt_project.conftest import Dbt
from tests.dbt_project.loads import FIRST, Loads, order, orders, reviews
from tests.laws.conftest import rows_of

WEEK_LATER = FIRST + timedelta(7)


@pytest.mark.slow
def test_every_metric_equals_the_count_from_the_marts(
    dbt: Dbt, dbt_process: Dbt, project: Any, dbt_state: Path, loads: Loads, tmp_path: Path
) -> None:
    loads.admit("orders", FIRST, [*orders(FIRST), order(FIRST, 9, status="returned")])
    loads.admit("orders", WEEK_LATER, orders(WEEK_LATER, 4))
    loads.admit("reviews", FIRST, reviews(FIRST, 8))
    assert dbt("build").succeeded
    assert dbt_process("parse").succeeded  # writes what mf reads
    metrics = sorted(metric.name for metric in project.metrics.values())
    found = _query(metrics, dbt_state, tmp_path)
    for day in (FIRST, WEEK_LATER):
        assert found[day] == {name: _count(name, day) for name in metrics}, day


def _query(metrics: Sequence[str], state: Path, folder: Path) -> dict[date, dict[str, float | None]]:
    """Query metrics with mf. Return them by day."""
    answer = folder / "answer.csv"
    project = folder / "dbt_project"  # mf reads the manifest in the project's `target`
    project.mkdir()
    for name in ("dbt_project.yml", "models", "macros", "seeds", "tests"):
        (project / name).symlink_to(PROJECT_ROOT / "dbt_project" / name)
    (project / "target").symlink_to(state)
    places = {"DBT_PROJECT_DIR": project, "DBT_PROFILES_DIR": PROJECT_ROOT, "DBT_LOG_PATH": folder}
    run(
        [
            Path(sys.executable).with_name("mf"), "query", "--metrics", ",".join(metrics),
            "--group-by", "metric_time__day", "--csv", answer,
        ],
        env=os.environ | {name: str(path) for name, path in places.items()},
        cwd=folder, timeout=120,
    )  # fmt: skip
    with answer.open() as lines:
        return {
            date.fromisoformat(row["metric_time__day"][:10]): {
                name: round(float(row[name]), 6) if row[name] else None for name in metrics
            }
            for row in csv.DictReader(lines)
        }


def _count(metric: str, day: date) -> float | None:
    """Compute a metric of a day from the marts' rows."""
    revenue = [row for row in rows_of("fct_orders") if row["is_revenue"] and row["order_date"] == day]
    before = [row for row in rows_of("fct_orders") if row["is_revenue"] and row["order_date"] == day - timedelta(7)]
    customers = [row for row in rows_of("customer_ltv") if row["first_order_date"] == day]
    sold = [row for row in rows_of("fct_order_items") if row["is_revenue"] and row["order_date"] == day]
    written = [row for row in rows_of("fct_reviews") if row["review_date"] == day]
    active, positive = [row["is_active"] for row in customers], [row["sentiment"] == "positive" for row in written]
    sales = [row for row in rows_of("daily_sales") if row["order_date"] == day]
    value: dict[str, Any] = {
        "revenue": _sum(revenue, "total_amount"),
        "orders": len(revenue) or None,
        "customers": len({row["customer_id"] for row in revenue}),
        "average_order_value": _ratio(_sum(revenue, "total_amount"), len(revenue)),
        "revenue_growth": _ratio(
            _sum(revenue, "total_amount") - _sum(before, "total_amount"), _sum(before, "total_amount")
        ),
        "refund_rate": _ratio(_sum(sales, "refunds"), _sum(revenue, "total_amount")),
        **{name: _sum(sales, name) for name in ("refunds", "orders_refunded", "net_revenue")},
        **{name: sales[0][name] for name in ("gross_sales", "net_sales")},
        "item_revenue": _sum(sold, "amount") if sold else None,
        "units_sold": _sum(sold, "quantity") if sold else None,
        "units_per_order": _ratio(_sum(sold, "quantity"), len(revenue)),
        "new_customers": len(customers) or None,
        "active_customers": sum(active) if customers else None,
        "active_share": _ratio(sum(active), len(customers)),
        "average_lifetime_value": _ratio(_sum(customers, "lifetime_value"), len(customers)),
        "reviews": len(written) or None,
        "positive_reviews": sum(positive) if written else None,
        "positive_share": _ratio(sum(positive), len(written)),
        "average_rating": _ratio(_sum(written, "rating"), len(written)),
    }
    return None if value[metric] is None else round(float(value[metric]), 6)


def _sum(rows: list[dict[str, Any]], column: str) -> Decimal:
    return Decimal(sum(row[column] for row in rows))


def _ratio(numerator: Decimal | int, denominator: Decimal | int) -> Decimal | None:
    return Decimal(numerator) / denominator if denominator else None
