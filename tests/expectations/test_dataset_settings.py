"""The settings of shop.toml in the warehouse."""

from decimal import Decimal
from pathlib import Path

import pytest

from expectations.dataset_settings import read_settings, save_settings
from ingestion.declaration.dataset_config import NON_REVENUE_STATUSES
from ingestion.declaration.shop_config import ShopConfig, load_shop_config
from pipeline_errors import ConfigurationError
from pipeline_settings import PROJECT_ROOT, Settings
from tests.expectations.staging import OURS
from warehouse.connection import connect


def with_pattern(pattern: str) -> ShopConfig:
    reviews = OURS.datasets["reviews"].model_copy(update={"product_id_pattern": pattern})
    return OURS.model_copy(update={"datasets": {**OURS.datasets, "reviews": reviews}})


def versions() -> list[str]:
    """Return the row versions of the table, which change with every write."""
    with connect() as connection:
        rows = connection.execute("select xmin::text as version from ops.dataset_settings order by dataset").fetchall()
    return [row["version"] for row in rows]


def test_settings_are_those_of_the_file(warehouse: Settings) -> None:
    save_settings(OURS)
    with connect() as connection:
        orders = read_settings(connection, "orders")
        reviews = read_settings(connection, "reviews")
    assert orders is not None
    assert reviews is not None
    assert orders.max_bad_rate == Decimal("0.05")
    assert orders.amount_unit == 1
    assert orders.product_id_pattern is None
    assert orders.non_revenue_statuses == ["canceled", "cancelled", "refunded", "returned", "unavailable", "failed"]
    assert reviews.max_bad_rate == Decimal("0.1")
    assert reviews.required_fields == ["review_id", "product_id", "customer_id", "rating", "review_text"]
    assert reviews.product_id_pattern == "^[A-Za-z0-9][A-Za-z0-9_-]*$"


def test_a_dataset_may_override_zone_language_and_statuses(warehouse: Settings, tmp_path: Path) -> None:
    """Overrides reach request templates and the warehouse; the other dataset keeps the shop's settings."""
    overrides = {"orders": 'time_zone = "Asia/Tokyo"\nnon_revenue_statuses = ["VOID"]', "reviews": 'language = "pt"'}
    text = (PROJECT_ROOT / "ingestion" / "shop.toml").read_text()
    for dataset, keys in overrides.items():
        text = text.replace(f'path = "api/v1/{dataset}"', f'path = "api/v1/{dataset}"\n{keys}')
    (tmp_path / "shop.toml").write_text(text.replace('{ date = "{day}" }', '{ since = "{start}" }', 1))
    config = load_shop_config(tmp_path / "shop.toml")
    save_settings(config)
    with connect() as connection:
        orders, reviews = (read_settings(connection, dataset) for dataset in ("orders", "reviews"))
    assert orders is not None
    assert reviews is not None
    assert (orders.time_zone, orders.language, orders.non_revenue_statuses) == ("Asia/Tokyo", "en", ["VOID"])
    assert (reviews.time_zone, reviews.language) == ("UTC", "pt")
    assert reviews.non_revenue_statuses == list(NON_REVENUE_STATUSES)


def test_only_a_change_is_written(warehouse: Settings) -> None:
    save_settings(OURS)
    before = versions()
    save_settings(OURS)
    assert versions() == before
    save_settings(with_pattern("^P"))
    orders, reviews = versions()
    assert orders == before[0]
    assert reviews != before[1]


@pytest.mark.parametrize("pattern", ["(?P<shelf>[A-Z])", "P{1,300}"])
def test_a_pattern_only_valid_in_python_is_refused(warehouse: Settings, pattern: str) -> None:
    save_settings(OURS)
    before = versions()
    with pytest.raises(ConfigurationError, match="product_id_pattern"):
        save_settings(with_pattern(pattern))
    assert versions() == before
