"""The examples work: a page from Redis, a notebook on the marts."""

import importlib.util
from datetime import date, timedelta
from typing import Any

import pytest
import redis

from orchestration import steps
from pipeline_settings import PROJECT_ROOT
from tests.dbt_project.conftest import Dbt
from tests.dbt_project.loads import FIRST, Loads, orders, reviews
from tests.laws.conftest import rows_of

LATER = FIRST + timedelta(40)


@pytest.mark.slow
def test_a_page_from_redis_and_a_notebook_on_the_marts(dbt: Dbt, loads: Loads, cache: "redis.Redis") -> None:
    for day in (FIRST, LATER):
        loads.admit("orders", day, orders(day))
        # of two products, p1 has lower recent ratings
        loads.admit("reviews", day, [row | {"rating": rating(row["product_id"], day)} for row in reviews(day, 24)])
    assert dbt("build").succeeded
    steps.update_cache(LATER, "a run")
    shop = example("product_page").app.test_client()
    assert shop.get("/product/nobody").status_code == 404
    for product in rows_of("product_metrics"):
        page = shop.get(f"/product/{product['product_id']}")
        assert page.status_code == 200
        assert (
            f"{product['average_rating']} of 5 stars from {product['review_count']} reviews, as of {LATER}" in page.text
        )
        assert ("Recent ratings are lower." in page.text) == (product["product_id"] == "p1")

    _, found = example("sales_notebook").app.run()
    assert [row["order_date"] for row in found["week"]] == [LATER, FIRST]
    assert [row["revenue"] for row in found["week"]] == [row["revenue"] for row in reversed(rows_of("daily_sales"))]
    assert [row["product_id"] for row in found["drops"]] == ["p1"]
    with pytest.raises(Exception, match="permission denied"):
        found["read"]("select * from raw.orders")


def rating(product_id: str, day: date) -> str:
    return "1" if (product_id, day) == ("p1", LATER) else "5"


def example(name: str) -> Any:
    """Load a file of examples/ as a module."""
    spec = importlib.util.spec_from_file_location(name, PROJECT_ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
