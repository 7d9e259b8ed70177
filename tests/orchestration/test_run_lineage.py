"""The lineage of a whole run: connected from the shop's API to Redis, in events that match the specification.

openlineage.schema.json is spec/OpenLineage.json 2-0-2 of the OpenLineage project (Apache License 2.0).
"""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from local.demo_shop.shop_contract import ListedShop, Shop
from orchestration.day_run import run_days
from tests.dbt_project.loads import FIRST, SECOND, orders, reviews
from tests.laws.conftest import World, world

__all__ = ["world"]

pytestmark = [pytest.mark.integration, pytest.mark.slow]  # one run, and Great Expectations behind it

PIPELINES = ["ecommerce_order_pipeline", "customer_feedback_pipeline", "customer_health_pipeline"]
SCHEMA = json.loads(Path(__file__).with_name("openlineage.schema.json").read_text())


@pytest.fixture
def events(
    world: Callable[[Shop], World], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[ListedShop, list[date]], list[dict[str, Any]]]:
    """Run these days and return the events."""
    file = tmp_path / "events.jsonl"

    def run(shop: ListedShop, days: list[date]) -> list[dict[str, Any]]:
        world(shop)
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(file))
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
        run_days(days, PIPELINES)
        return [json.loads(line) for line in file.read_text().splitlines()]

    return run


def upstream(events: list[dict[str, Any]], dataset: str) -> set[str]:
    """Return all upstream datasets."""
    parents: dict[str, set[str]] = {}
    for event in events:
        for output in event.get("outputs", []):
            parents.setdefault(output["name"], set()).update(read["name"] for read in event.get("inputs", []))
    found, new = set[str](), {dataset}
    while new:
        found |= new
        new = set[str]().union(*(parents.get(name, set()) for name in new)) - found
    return found


def ended(events: list[dict[str, Any]], job: str) -> list[dict[str, Any]]:
    return [event for event in events if event["job"]["name"] == job and event.get("eventType") not in (None, "START")]


def test_lineage_reaches_from_the_shop_to_redis(
    events: Callable[[ListedShop, list[date]], list[dict[str, Any]]],
) -> None:
    refused = [row | {"total_amount": "-1"} for row in orders(SECOND)]
    shop = ListedShop(
        {("orders", FIRST): orders(FIRST), ("reviews", FIRST): reviews(FIRST), ("orders", SECOND): refused}
    )
    sent = events(shop, [FIRST, SECOND])

    validator = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
    assert [error.message for event in sent for error in validator.iter_errors(event)] == []

    database = "daybreak_test"
    assert "api/v1/orders" in upstream(sent, f"{database}.marts.customer_ltv")
    assert {"api/v1/orders", "api/v1/reviews"} <= upstream(sent, f"{database}.marts.customer_health")
    assert f"{database}.raw.reviews" in upstream(sent, "product:{product_id}:metrics")

    (published,) = ended(sent, "daybreak.ecommerce_order_pipeline.publish")
    facets = {output["name"]: output["outputFacets"] for output in published["outputs"]}
    assert facets[f"{database}.marts.fct_orders"]["outputStatistics"]["rowCount"] == 6

    good, bad = ended(sent, "daybreak.ecommerce_order_pipeline.gate")
    assert (good["eventType"], bad["eventType"]) == ("COMPLETE", "FAIL")
    checks = bad["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert {check["assertion"]: check["actual"] for check in checks if not check["success"]} == {
        "amount_negative": "6",
        "bad_rate": "1.000000",
    }
    (run,) = ended(sent, "daybreak.backfill")
    assert run["eventType"] == "FAIL"
    built = ended(sent, f"{database}.build.daybreak.fct_orders__changes.build.run")
    parents = [event["run"]["facets"]["parent"]["job"]["name"] for event in built]
    assert parents == ["daybreak.ecommerce_order_pipeline.transform"]
    assert "Fine." not in json.dumps(sent)  # the text of every review
