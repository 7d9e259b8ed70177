"""Every kind of odd row, recognised by its content, occurs in the simulated shop within 14 days; a large order within
42."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from local.demo_shop.simulated_catalogue import HISTORY_FROM
from local.demo_shop.simulated_shop import DEMO_FROM, DEMO_TO, SimulatedShop

DAYS = [HISTORY_FROM + timedelta(days=number) for number in range((DEMO_TO - HISTORY_FROM).days + 1)]
SHOP = SimulatedShop()
Row = Any


class Literal(str):
    """A number as it was sent."""


@cache
def rows_of(dataset: str, day: date) -> tuple[Row, ...]:
    return tuple(json.loads(row, parse_float=Literal, parse_int=Literal) for row in SHOP.rows(dataset, day))


def having(field: str, wanted: Callable[[Any], bool]) -> Callable[[Sequence[Row], date], bool]:
    return lambda rows, _day: any(isinstance(row, dict) and field in row and wanted(row[field]) for row in rows)


def lacking(field: str) -> Callable[[Sequence[Row], date], bool]:
    return lambda rows, _day: any(isinstance(row, dict) and row and field not in row for row in rows)


def equal(field: str, value: Any) -> Callable[[Sequence[Row], date], bool]:
    return having(field, lambda found: found == value and type(found) is type(value))


def on_day(shift: int) -> Callable[[Sequence[Row], date], bool]:
    return lambda rows, day: equal("order_date", (day + timedelta(days=shift)).isoformat())(rows, day)


def same_id(field: str, distinct: int, count: int) -> Callable[[Sequence[Row], date], bool]:
    def is_there(rows: Sequence[Row], _day: date) -> bool:
        contents: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            if isinstance(row, dict) and row.get(field, "").strip():
                contents[row[field]].append(json.dumps(row))
        return any((len(set(texts)), len(texts)) == (distinct, count) for texts in contents.values())

    return is_there


def blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def is_item(kind: type) -> Callable[[Sequence[Row], date], bool]:
    return lambda rows, _day: any(type(row) is kind for row in rows)


ORDER_KINDS: dict[str, Callable[[Sequence[Row], date], bool]] = {
    "no id": lacking("order_id"),
    "blank id": having("order_id", blank),
    "null customer": equal("customer_id", None),
    "no status": lacking("status"),
    "no date": lacking("order_date"),
    "NUL": having("customer_id", lambda value: "\0" in (value or "")),
    "lone surrogate": having("status", lambda value: "\ud83d" in value),
    "abc": equal("total_amount", "abc"),
    "negative": equal("total_amount", Literal("-1")),
    "three decimals": equal("total_amount", Literal("19.999")),
    "NaN": equal("total_amount", "NaN"),
    "1e400": equal("total_amount", Literal("1e400")),
    "true": equal("total_amount", True),
    "1_000": equal("total_amount", "1_000"),
    "0x10": equal("total_amount", "0x10"),
    "1e2": equal("total_amount", Literal("1e2")),
    "amount as text": equal("total_amount", "129.90"),
    "day before": on_day(-1),
    "day after": on_day(1),
    "unreadable date": equal("order_date", "today"),
    "impossible date": equal("order_date", "2026-02-30"),
    "offset": having("order_date", lambda value: value.endswith("+05:30")),
    "offset to another day": having("order_date", lambda value: value.endswith("-05:00")),
    "identical copy": same_id("order_id", 1, 2),
    "superseded": same_id("order_id", 2, 2),
    "A, B, A": same_id("order_id", 2, 3),
    "text item": is_item(str),
    "null item": is_item(type(None)),
    "undeclared": having("coupon_code", bool),
    "two days": lambda rows, day: any(
        isinstance(row, dict) and row.get("order_id") == rows_of("orders", day - timedelta(days=1))[0]["order_id"]
        for row in (rows if day > DAYS[0] else ())
    ),
}
LARGE_ORDER = having("total_amount", lambda value: type(value) is Literal and 50_000 < Decimal(value) < 10**6)
REVIEW_KINDS: dict[str, Callable[[Sequence[Row], date], bool]] = {
    "no id": lacking("review_id"),
    "no customer": lacking("customer_id"),
    "null product": equal("product_id", None),
    "malformed product": equal("product_id", "#12 / red"),
    "rating 0": equal("rating", Literal("0")),
    "rating 6": equal("rating", Literal("6")),
    "rating 4.5": equal("rating", Literal("4.5")),
    "rating 4.0": equal("rating", Literal("4.0")),
    "rating true": equal("rating", True),
    "rating as text": having("rating", lambda value: type(value) is str and value == "5"),
    "null text": equal("review_text", None),
    "blank text": having("review_text", blank),
    "NUL": having("review_text", lambda value: "\0" in (value or "")),
    "overlong": having("review_text", lambda value: len(value or "") > 1_000_000),
    "no date": lacking("review_date"),
    "unreadable date": equal("review_date", "soon"),
    "identical copy": same_id("review_id", 1, 2),
    "superseded": same_id("review_id", 2, 2),
    "number item": is_item(Literal),
    "list item": is_item(list),
}


@pytest.mark.parametrize(
    ("dataset", "kind", "found"),
    [("orders", *kind) for kind in ORDER_KINDS.items()] + [("reviews", *kind) for kind in REVIEW_KINDS.items()],
)
def test_every_kind_occurs_within_14_days(
    dataset: str, kind: str, found: Callable[[Sequence[Row], date], bool]
) -> None:
    seen = [number for number, day in enumerate(DAYS) if found(rows_of(dataset, day), day)]
    gaps = [later - earlier for earlier, later in zip([-1, *seen], [*seen, len(DAYS)], strict=True)]
    assert max(gaps) <= 14, f"{kind}: {gaps}"


def test_a_large_order_comes_once_in_six_weeks_and_once_in_the_demo() -> None:
    seen = [day for day in DAYS if LARGE_ORDER(rows_of("orders", day), day)]
    assert {later - earlier for earlier, later in pairwise(seen)} == {timedelta(days=42)}
    assert len([day for day in seen if day >= DEMO_FROM]) == 1
