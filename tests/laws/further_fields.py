"""Orders with every optional field: currency, parts of the total, marks of orders that are no sales, refunds."""

import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline_settings import PROJECT_ROOT

OURS = (PROJECT_ROOT / "ingestion" / "shop.toml").read_text()
FIRST = date(2026, 2, 28)

FURTHER = [
    "currency", "exchange_rate", "discount_amount", "tax_amount", "shipping_amount", "is_test", "cancelled_at",
    "refunds",
]  # fmt: skip
REFUNDS = (
    'refunds = { id = "id", amount = "amount", date = "at", tax = "vat", shipping = "freight", currency = "code" }'
)


@pytest.fixture
def with_further_fields(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shop.toml of a shop in euros that declares every optional field of an order."""
    config = tmp_path / "shop.toml"
    names = ", ".join(f'"{name}"' for name in FURTHER)
    text = OURS.replace('"status", "items"]', f'"status", "items", {names}]').replace(
        "max_bad_rate = 0.05", "max_bad_rate = 1"
    )
    text = text.replace(
        'required = ["order_id", "customer_id",', f'{REFUNDS}\nno_customer = ["0"]\nrequired = ["order_id",', 1
    )
    config.write_text(f'currency = "EUR"\n{text}')
    monkeypatch.setenv("SHOP_CONFIG", str(config))


def further_fields(chance: random.Random) -> dict[str, Any]:
    """Draw optional fields as shops send them, and some that no order can have."""
    drawn: dict[str, Any] = {
        "currency": chance.choice([None, "", "EUR", " eur", "USD", "EUR"]),
        "exchange_rate": chance.choice([None, "1.2", "0.85", "1", "x", 0, " "]),
        "discount_amount": chance.choice([None, "0", "-1.005", 3.5, "12.345", "", "1e3"]),
        "tax_amount": chance.choice([None, "1.59600", 2, "x" if chance.random() < 0.1 else "7"]),
        "shipping_amount": chance.choice([None, "4.99", 0, "1e400" if chance.random() < 0.1 else "5"]),
        "is_test": chance.choice([None, False, 0, "0", "false", "No", True, "maybe"]),
        "cancelled_at": chance.choice([None, "", "0000-00-00 00:00:00", str(FIRST), "soon", f"{FIRST}T23:00:00Z"]),
    }
    drawn["refunds"] = [drawn_refund(chance) for _ in range(chance.choice([0, 1, 1, 2, 3]))]
    # mostly a few of them at a time, so that most orders are accepted
    return {name: drawn[name] for name in chance.sample(FURTHER, chance.choice([0, 1, 2, 2, 3, 8]))}


def drawn_refund(chance: random.Random, around: date = FIRST) -> dict[str, Any]:
    """Draw a refund, some of which no order can have; its date may be before the order, or on a day to come."""
    refund = {
        "id": chance.choice(["r1", "r2", 3, None, ""]),
        "amount": chance.choice(["5.00", -2.5, "0", 1, "999.999", "12.345"]),
        "at": str(around + timedelta(chance.randrange(-2, 40))),
        "vat": chance.choice(["0.50", 0]),
        "freight": chance.choice([None, "1.00", 0, 0]),
        "code": chance.choice([None, "eur", " "]),
    }
    if chance.random() < 0.1:
        refund |= chance.choice([{"code": "CHF"}, {"amount": "x"}, {"at": None}, {"vat": "some"}, {"amount": None}])
    return refund
