"""What examples/ shows works: a page from Redis, a notebook on the marts."""

import importlib.util
from typing import Any

import pytest
import redis

from orchestration import steps
from pipeline_settings import PROJECT_ROOT
from tests.dbt_project.conftest import Dbt
from tests.dbt_project.loads import FIRST, Loads, orders, reviews
from tests.laws.conftest import rows_of

pytestmark = pytest.mark.integration


def test_a_page_from_redis_and_a_notebook_on_the_marts(dbt: Dbt, loads: Loads, cache: "redis.Redis") -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    loads.admit("reviews", FIRST, reviews(FIRST))
    assert dbt("build").succeeded
    steps.update_cache(FIRST, "a run")
    shop = example("product_page").app.test_client()
    page = shop.get("/product/p1")
    assert page.status_code == 200
    (product,) = [row for row in rows_of("product_metrics") if row["product_id"] == "p1"]
    assert f"{product['average_rating']} of 5 stars from {product['review_count']} reviews, as of {FIRST}" in page.text
    assert shop.get("/product/nobody").status_code == 404

    _, found = example("sales_notebook").app.run()
    assert [row["revenue"] for row in found["week"]] == [row["revenue"] for row in rows_of("daily_sales")]
    assert found["drops"] == []
    with pytest.raises(Exception, match="permission denied"):
        found["read"]("select * from raw.orders")


def example(name: str) -> Any:
    """A file of examples/, as a module."""
    spec = importlib.util.spec_from_file_location(name, PROJECT_ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
