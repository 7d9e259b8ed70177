"""A shop, a warehouse, and the comparison of its marts with the oracle."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import redis

from ingestion.declaration.shop_config import shop_config
from local.demo_shop.shop_contract import Shop
from local.demo_shop.shop_server import ShopServer
from orchestration.day_run import run_days
from orchestration.outcome import RunOutcome
from pipeline_settings import Settings, settings
from tests.laws import oracle
from transformation.pipelines import PIPELINES, Pipeline
from warehouse.connection import connect

KEYS = {
    "fct_orders": "order_id",
    "fct_order_items": "order_id, item_number",
    "fct_refunds": "order_id, refund_id",
    "daily_sales": "order_date",
    "customer_ltv": "customer_id",
    "customer_months": "order_month, customer_id",
    "customer_cohorts": "cohort_month, months_since_first",
    "product_months": "order_month, product_id",
    "fct_reviews": "review_id",
    "product_metrics": "product_id",
    "product_performance": "product_id",
    "customer_health": "customer_id",
}
# Columns that the oracle does not compute: items and refunds of orders are compared in tables of their own; sentiment
# and the customer models have tests of their own.
NOT_IN_ORACLE = {
    "fct_orders": {"items", "refunds"},
    "fct_order_items": {"customer_id"},
    "customer_ltv": {
        "recency_score", "frequency_score", "monetary_score", "rfm_segment", "probability_alive", "predicted_on",
        "expected_orders_next_365_days", "expected_revenue_next_365_days",
    },
    "fct_reviews": {"logical_date", "sentiment", "sentiment_method"},
    "product_metrics": {
        "sentiment_positive", "sentiment_neutral", "sentiment_negative", "sentiment_by_text", "sentiment_by_rating",
    },
}  # fmt: skip


class World:
    """A shop and a warehouse, with a record of the shop's rows at each admission of a day."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.admitted: dict[tuple[str, date], list[dict[str, Any]]] = {}

    def run(self, days: list[date], pipelines: list[str] | None = None) -> RunOutcome:
        """Run the days, and compare each load's counts and decision with the oracle."""
        names = pipelines or [pipeline.name for pipeline in PIPELINES]
        outcome = run_days(days, names)
        assert outcome.exit_code in {0, 5}, [str(error) for error in outcome.errors]
        for result in outcome.days:
            judged, is_admitted = self.admit(result.dataset, result.day)
            assert (result.state == "refused") == (not is_admitted), (result, judged)
            if result.figures:
                counted = tuple(result.figures[name] for name in ("accepted", "rejected", "identical_copies"))
                assert counted == (len(judged.accepted), judged.rejected, judged.copies)
        return outcome

    def admit(self, dataset: str, day: date) -> tuple[oracle.Judged, bool]:
        """Let the oracle judge the shop's current rows of a day, and record them unless the gate must refuse them."""
        config = shop_config().dataset(dataset)
        judged = oracle.judge(
            dataset,
            day,
            self.shop.rows(dataset, day),
            set(config.required),
            non_revenue=config.non_revenue_statuses,
            is_day_of_update=config.day_is == "updated",
            item_keys={name: str(path[-1]) for name, path in config.items or () if path},
            refund_keys={name: str(path[-1]) for name, path in config.refunds or () if path},
            declared=config.fields,
            currency=shop_config().currency,
            no_customer=config.no_customer,
        )
        is_admitted = not judged.is_refused_above(Decimal(str(config.max_bad_rate)))
        if is_admitted:
            self.admitted[dataset, day] = judged.accepted
        return judged, is_admitted

    def assert_marts_are_right(self, pipelines: Sequence[Pipeline] = PIPELINES) -> None:
        """Assert that every mart equals the oracle's result for the admitted loads."""
        right = oracle.marts(self.admitted)
        for mart in (mart for pipeline in pipelines for mart in pipeline.marts):
            expected = right[mart]
            found = {key_of(mart, row): row for row in rows_of(mart)}
            assert found.keys() == expected.keys(), mart
            assert unknown_columns(mart, found, expected) == set(), mart
            for key, row in expected.items():
                assert {column: found[key][column] for column in row if column in found[key]} == {
                    column: value for column, value in row.items() if column in found[key]
                }, (mart, key)


def unknown_columns(mart: str, found: dict[Any, dict[str, Any]], expected: dict[Any, dict[str, Any]]) -> set[str]:
    """Return the columns of a mart that the oracle should compute and does not."""
    if not found:
        return set()
    computed = {column for row in expected.values() for column in row}
    return next(iter(found.values())).keys() - computed - set(KEYS[mart].split(", ")) - NOT_IN_ORACLE.get(mart, set())


def key_of(mart: str, row: dict[str, Any]) -> Any:
    """Return the key of a mart's row: a value, or a tuple of several."""
    values = tuple(row[column] for column in KEYS[mart].split(", "))
    return values if len(values) > 1 else values[0]


def rows_of(mart: str) -> list[dict[str, Any]]:
    """Return all rows of a mart."""
    with connect() as connection:
        return connection.execute(f"select * from marts.{mart} order by {KEYS[mart]}").fetchall()


def empty_warehouse() -> None:
    """Remove all loads and their results; the schemas, views and settings stay."""
    with connect() as connection:
        tables = connection.execute(
            """
            select format('%I.%I', schemaname, tablename) as name from pg_tables
            where schemaname in ('raw', 'marts', 'ops', 'staging')
                and tablename not in ('dataset_settings', 'calendar_events') and tablename not like '\\_dlt%'
            """
        ).fetchall()
        connection.execute("truncate " + ", ".join(row["name"] for row in tables) + " cascade")


@pytest.fixture
def world(
    warehouse: Settings, cache: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Shop], World]]:
    """Serve a shop, and return the world that loads it."""
    running: list[ShopServer] = []

    def make(shop: Shop) -> World:
        server = ShopServer(shop)
        server.start()
        running.append(server)
        monkeypatch.setenv("SHOP_API_URL", server.url)
        settings.cache_clear()
        return World(shop)

    yield make
    for server in running:
        server.stop()
