"""A failed node fails its pipeline, and the pipelines whose nodes were skipped because of it."""

from types import SimpleNamespace
from typing import Any

from transformation.dbt_errors import _by_pipeline, _message
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


def test_an_error_of_a_contract_names_the_columns_and_not_the_contract() -> None:
    red = result("customer_ltv", "error", ORDERS.name)
    red.message = """Compilation Error in model customer_ltv (models/marts/orders/customers/customer_ltv.sql)
      This model has an enforced contract that failed.
      Please ensure the name, data_type, and number of columns in your contract match the columns in your definition.

      | column_name | definition_type | contract_type | mismatch_reason       |
      | ----------- | --------------- | ------------- | --------------------- |
      | churned     | BOOLEAN         |               | missing in contract   |
      | orders_a_day |                | NUMERIC       | missing in definition |
      | total_orders | BIGINT         | INTEGER       | data type mismatch    |

      > in macro assert_columns_equivalent (macros/relations/column/columns_spec_ddl.sql)"""
    assert _message(red) == (
        "its contract and its SQL differ: churned is missing in the contract; orders_a_day is missing in the SQL; "
        "total_orders is BIGINT in the SQL and INTEGER in the contract"
    )


def test_an_error_of_a_macro_is_its_own_text() -> None:
    red = result("customer_ltv", "error", ORDERS.name)
    red.message = """Compilation Error in model customer_ltv (models/marts/customer_ltv.sql)
      customer_ltv loses is_active
      > in macro require_no_foreign_readers (macros/publish/published_view.sql)
      > called by model customer_ltv (models/marts/customer_ltv.sql)"""
    assert _message(red) == "customer_ltv loses is_active"


def test_two_failed_pipelines_have_separate_causes() -> None:
    orders, reviews = result("daily_sales", "error", ORDERS.name), result("fct_reviews", "error", REVIEWS.name)
    assert _by_pipeline([orders, reviews], [orders, reviews]) == {
        ORDERS.name: "daily_sales failed: daily_sales is wrong.",
        REVIEWS.name: "fct_reviews failed: fct_reviews is wrong.",
    }
