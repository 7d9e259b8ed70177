"""A failed node fails its pipeline, and the pipelines whose nodes were skipped because of it."""

from types import SimpleNamespace
from typing import Any

from transformation.dbt_errors import _by_pipeline
from transformation.pipelines import HEALTH, ORDERS, REVIEWS


def result(name: str, status: str, tag: str | None = None, parents: tuple[str, ...] = ()) -> Any:
    node = SimpleNamespace(
        unique_id=f"node.{name}", name=name, tags=[tag] if tag else [], depends_on_nodes=[f"node.{p}" for p in parents]
    )
    return SimpleNamespace(node=node, status=status, message=f"{name} is wrong. DETAIL: a row")


ORDER_MODEL = result("fct_orders__changes", "success", ORDERS.name)
REVIEW_MODEL = result("fct_reviews__changes", "success", REVIEWS.name)


def test_a_failed_test_fails_the_pipeline_of_its_model() -> None:
    red = result("is_key", "fail", parents=("fct_orders__changes",))
    assert _by_pipeline([ORDER_MODEL, REVIEW_MODEL, red], [red]) == {ORDERS.name: "is_key failed: is_key is wrong."}


def test_a_skipped_pipeline_names_the_failed_node() -> None:
    red = result("fct_orders", "error", ORDERS.name)
    skipped = result("customer_health", "skipped", HEALTH.name)
    assert _by_pipeline([red, REVIEW_MODEL, skipped], [red]) == {
        ORDERS.name: "fct_orders failed: fct_orders is wrong.",
        HEALTH.name: "It was not built, since fct_orders failed",
    }


def test_two_failed_pipelines_have_separate_causes() -> None:
    orders, reviews = result("daily_sales", "error", ORDERS.name), result("fct_reviews", "error", REVIEWS.name)
    assert _by_pipeline([orders, reviews], [orders, reviews]) == {
        ORDERS.name: "daily_sales failed: daily_sales is wrong.",
        REVIEWS.name: "fct_reviews failed: fct_reviews is wrong.",
    }
