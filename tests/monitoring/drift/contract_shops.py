"""Two shops for changed answers: the simulated one, and one with nested rows, numbers and offsets."""

import json
import random
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from ingestion.declaration.shop_config import ShopConfig, load_shop_config
from ingestion.landing.row_sample import RowSample
from ingestion.values.json_text import parse_json
from local.demo_shop.simulated_shop import SimulatedShop
from monitoring.drift.baseline import Difference
from monitoring.drift.contract import Contract
from monitoring.drift.profile import Profile, profile_of
from pipeline_settings import PROJECT_ROOT

Row = dict[str, Any]
Change = Callable[[Row, int], Any]  # maps a row and its number to its replacement

GONE = object()  # marks a row to be left out

DAYS = [date(2026, 3, 2) + timedelta(days=number) for number in range(8)]
OURS = load_shop_config(PROJECT_ROOT / "ingestion" / "shop.toml")
NESTED = ShopConfig.model_validate(
    {
        "time_zone": "UTC",
        "language": "en",
        "health_path": "health",
        "max_text_bytes": 1000,
        "datasets": {
            "orders": {
                "path": "{day}",
                "data_selector": "$",
                "fields": ["order_id", "customer_id", "total_amount", "order_date", "status"],
                "keys": {"order_id": "id", "customer_id": "customer.id", "order_date": "created_at"},
                "required": ["order_id", "customer_id", "total_amount", "order_date", "status"],
                "max_bad_rate": 0.05,
            },
            "reviews": {
                "path": "{day}",
                "data_selector": "$",
                "fields": ["review_id", "product_id", "customer_id", "rating", "review_text", "review_date"],
                "required": ["review_id", "product_id", "customer_id", "rating"],
                "max_bad_rate": 0.1,
            },
        },
    }
)
WORDS = ("good", "late", "as expected", "would buy again", "broken", "très bien", "Danke! 🙂")


@cache
def _nested(dataset: str, day: date) -> str:
    """Return 150 orders or 60 reviews of a day as JSON."""
    draw = random.Random(f"{dataset} {day}")
    rows: list[Row] = []
    for number in range(150 if dataset == "orders" else 60):
        at = datetime(day.year, day.month, day.day, draw.randrange(24), draw.randrange(60))
        if dataset == "orders":
            row: Row = {
                "id": str(UUID(int=draw.getrandbits(128))),
                "customer": {"id": draw.randrange(1000, 99999), "country": draw.choice(["DE", "FR", "IT"])},
                "total_amount": round(draw.lognormvariate(4, 0.7), 2),
                "created_at": f"{at:%Y-%m-%dT%H:%M:%S}+00:00",
                "status": draw.choices(["paid", "shipped", "Refunded", "cancelled"], [80, 14, 3, 3])[0],
                "channel": draw.choice(["web", "app"]),
            }
        else:
            row = {
                "review_id": day.toordinal() * 1000 + number,
                "product_id": f"{draw.choice(['KET', 'LAM', 'BAG'])}-{draw.randrange(100, 999)}",
                "customer_id": str(draw.randrange(1000, 99999)),
                "rating": draw.choices([1, 2, 3, 4, 5], [8, 6, 12, 30, 44])[0],
                "review_text": None if draw.random() < 0.5 else f"{draw.choice(WORDS)} {draw.randrange(9999)}",
                "review_date": f"{at:%Y-%m-%d %H:%M:%S}",
            }
        rows.append(row)
    return json.dumps(rows)


@cache
def _simulated() -> SimulatedShop:
    return SimulatedShop(orders_per_day=150)


def rows_of(shop: str, dataset: str, day: date) -> list[Any]:
    """Return a shop's rows of a day."""
    if shop == "nested":
        rows: list[Any] = json.loads(_nested(dataset, day))
        return rows
    return [json.loads(row, parse_constant=str) for row in _simulated().rows(dataset, day)]


def profiled(shop: str, dataset: str, day: date, rows: Sequence[Any]) -> Profile:
    """Return the profile of rows as they would land."""
    sample = RowSample()
    sample.add(parse_json(json.dumps(rows).encode()))
    return profile_of(sample.rows, OURS if shop == "simulated" else NESTED, dataset, day)


@cache
def history(shop: str, dataset: str) -> tuple[Profile, ...]:
    """Return the profiles of a week, the newest first."""
    return tuple(profiled(shop, dataset, day, rows_of(shop, dataset, day)) for day in reversed(DAYS[:-1]))


def differences(shop: str, dataset: str, change: Change | None = None, *, days: int = 7) -> list[Difference]:
    """Return the differences of the eighth day, with each row changed, from the given number of days before."""
    day = DAYS[-1]
    rows = rows_of(shop, dataset, day)
    if change:
        changed = [change(row, number) if isinstance(row, dict) else row for number, row in enumerate(rows)]
        rows = [row for row in changed if row is not GONE]
    config = OURS if shop == "simulated" else NESTED
    past = [Profile.from_json(json.loads(json.dumps(one.as_json()))) for one in history(shop, dataset)[:days]]
    contract = Contract(dataset, config.dataset(dataset), past)
    return contract.differences(profiled(shop, dataset, day, rows))
