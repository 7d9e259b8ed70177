"""A build whose totals change by something else than its orders or reviews is red."""

import pytest

from tests.dbt_project.conftest import Dbt
from tests.dbt_project.loads import FIRST, Loads, order, reviews
from transformation import dbt_runner
from warehouse.connection import connect

PIPELINES = ["ecommerce_order_pipeline", "customer_feedback_pipeline"]
WRONG = [
    ("customer_order_totals__changes", "total_orders = total_orders + 1", "totals_move_with_orders"),
    ("customer_order_totals__changes", "total_spent = total_spent + 0.01", "totals_move_with_orders"),
    ("daily_sales__changes", "orders = orders + 1", "totals_move_with_orders"),
    ("daily_sales__changes", "revenue = revenue + 0.01", "totals_move_with_orders"),
    ("daily_sales__changes", "net_revenue = net_revenue + 0.01", "totals_move_with_orders"),
    ("int_customer_months_affected", "orders = orders + 1", "cohorts_move_with_customers"),
    ("int_customer_months_affected", "revenue = revenue + 0.01", "cohorts_move_with_customers"),
    ("cohort_months__changes", "active_customers = active_customers + 1", "cohorts_move_with_customers"),
    ("cohort_months__changes", "revenue = revenue + 0.01", "cohorts_move_with_customers"),
    ("product_months__changes", "units = units + 1", "products_move_with_orders"),
    ("product_months__changes", "revenue = revenue + 0.01", "products_move_with_orders"),
    ("product_rating_totals__changes", "review_count = review_count + 1", "totals_move_with_reviews"),
    ("product_rating_totals__changes", "rating_1 = rating_1 + 1", "totals_move_with_reviews"),
    ("product_rating_totals__changes", "sentiment_positive = sentiment_positive + 1", "totals_move_with_reviews"),
    ("product_rating_totals__changes", "sentiment_by_text = sentiment_by_text + 1", "totals_move_with_reviews"),
]


@pytest.mark.slow
def test_wrong_totals_are_red(loads: Loads, dbt: Dbt) -> None:
    loads.admit("orders", FIRST, [order(FIRST, number) for number in range(1, 7)])
    loads.admit("reviews", FIRST, reviews(FIRST))
    dbt_runner.build(PIPELINES)
    tests = sorted({f"assert_{test}" for _, _, test in WRONG})
    assert dbt("test", "--select", *tests).succeeded
    for table, wrong, test in WRONG:
        with connect() as connection:
            connection.execute(f"update build.{table} set {wrong}".encode())
        assert not dbt("test", "--select", f"assert_{test}").succeeded, (table, wrong)
        with connect() as connection:
            connection.execute(f"update build.{table} set {wrong.replace('+', '-')}".encode())
    assert dbt("test", "--select", *tests).succeeded
