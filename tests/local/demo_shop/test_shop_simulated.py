"""The simulated shop has its documented properties, according to a small separate reading of the rules of validity."""

import json
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from statistics import mean
from typing import Any

import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from local.demo_shop import simulated_shop as simulated
from local.demo_shop.review_texts import review_text
from local.demo_shop.simulated_catalogue import DROPPING_PRODUCTS, HISTORY_FROM
from local.demo_shop.simulated_shop import SimulatedShop
from pipeline_errors import ConfigurationError

REQUIRED = {
    "orders": ("order_id", "customer_id", "total_amount", "order_date", "status"),
    "reviews": ("review_id", "product_id", "customer_id", "rating", "review_text"),
}
DECLARED = {"orders": REQUIRED["orders"], "reviews": (*REQUIRED["reviews"], "review_date")}
DECIMAL = re.compile(r"\s*[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?\s*")
DAYS = [HISTORY_FROM + timedelta(days=number) for number in range((simulated.DEMO_TO - HISTORY_FROM).days + 1)]
SPECIAL = {simulated.REFUSED_DAY, simulated.DROP_DAY, simulated.HOLIDAY}
Row = Any


@cache
def rows_of(dataset: str, day: date) -> tuple[Row, ...]:
    return parse(SHOP.rows(dataset, day))


def parse(rows: Sequence[bytes]) -> tuple[Row, ...]:
    return tuple(json.loads(row, parse_float=str, parse_int=str) for row in rows)


SHOP = SimulatedShop()


def number(value: Any) -> Decimal | None:
    return Decimal(value.strip()) if isinstance(value, str) and DECIMAL.fullmatch(value) else None


def day_of(value: Any) -> date | None:
    if not isinstance(value, str) or not re.match(r"\d{4}-\d{2}-\d{2}", value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date()


def is_order_right(row: Row, day: date) -> bool:
    amount = number(row["total_amount"])
    plain = amount is not None and 0 <= amount < 10**16 and amount == amount.quantize(Decimal("0.01"))
    listed = row.get("items") or []
    readable = isinstance(listed, list) and all(number(item.get("quantity", "1")) is not None for item in listed)
    return plain and day_of(row["order_date"]) == day and readable


def is_review_right(row: Row) -> bool:
    return number(row["rating"]) in {1, 2, 3, 4, 5} and bool(
        re.search("^[A-Za-z0-9][A-Za-z0-9_-]*$", row["product_id"])
    )


def is_right(dataset: str, row: Row, day: date) -> bool:
    if not isinstance(row, dict):
        return False
    present = all(str(row.get(name) or "").strip() for name in REQUIRED[dataset])
    texts = [str(row.get(name)) for name in DECLARED[dataset]]
    if not present or any(re.search("[\0\ud800-\udfff]", text) or len(text) > 1_000_000 for text in texts):
        return False
    return is_order_right(row, day) if dataset == "orders" else is_review_right(row)


def bad_rate(dataset: str, rows: Sequence[Row], day: date) -> float:
    """Return the rate of rejected rows without identical copies, and the number of superseded rows."""
    versions: dict[str, dict[str, Row]] = defaultdict(dict)  # by id, in the order of last appearance
    for position, row in enumerate(rows):
        content = json.dumps(row, sort_keys=True)
        key = row.get(REQUIRED[dataset][0]) if isinstance(row, dict) else None
        same_id = versions[key if isinstance(key, str) and key.strip() else f"no id {position}"]
        same_id.pop(content, None)
        same_id[content] = row
    kept = sum(len(same_id) for same_id in versions.values())
    accepted = sum(is_right(dataset, list(same_id.values())[-1], day) for same_id in versions.values())
    return (kept - accepted) / kept


@pytest.mark.parametrize("dataset", ["orders", "reviews"])
def test_one_to_three_percent_of_a_normal_day_are_dirty(dataset: str) -> None:
    rates = {day: bad_rate(dataset, rows_of(dataset, day), day) for day in DAYS if day not in SPECIAL}
    assert {day: rate for day, rate in rates.items() if not 0.01 <= rate <= 0.03} == {}


def test_only_the_refused_day_is_above_the_gate() -> None:
    assert 0.10 < bad_rate("orders", rows_of("orders", simulated.REFUSED_DAY), simulated.REFUSED_DAY) < 0.15
    for day in (simulated.DROP_DAY, simulated.HOLIDAY):
        assert bad_rate("orders", rows_of("orders", day), day) < 0.05
        assert bad_rate("reviews", rows_of("reviews", day), day) < 0.05


def test_a_day_depends_on_seed_and_day_only() -> None:
    days = DAYS[50:60]
    shuffled = [(dataset, day) for dataset in ("orders", "reviews") for day in days]
    random.Random(1).shuffle(shuffled)
    other = SimulatedShop()
    answers = {(dataset, day): other.rows(dataset, day) for dataset, day in shuffled}
    assert all(list(SimulatedShop().rows(*key)) == list(rows) for key, rows in answers.items())
    assert SimulatedShop(seed=8).rows("orders", days[0]) != other.rows("orders", days[0])


def test_history_has_a_beginning_and_no_end() -> None:
    assert SHOP.rows("orders", HISTORY_FROM - timedelta(days=1)) == []
    assert len(SHOP.rows("orders", HISTORY_FROM)) > 300
    assert len(SHOP.rows("orders", date(2031, 12, 31))) > 300
    assert SHOP.rows("customers", HISTORY_FROM) == []


def test_special_days_are_in_the_demo_and_differ_from_others() -> None:
    def usual(day: date) -> float:
        return mean(len(SHOP.rows("orders", day - timedelta(weeks=week))) for week in (1, 2, 3, 4))

    special = {*SPECIAL, simulated.CORRECTED_DAY}
    assert len(special) == 4
    assert all(simulated.DEMO_FROM < day <= simulated.DEMO_TO for day in special)
    for day in DAYS[59:]:
        share = len(SHOP.rows("orders", day)) / usual(day)
        expected = {simulated.DROP_DAY: (0.3, 0.4), simulated.HOLIDAY: (0.4, 0.5)}
        after_drop = day - timedelta(weeks=4) <= max(simulated.DROP_DAY, simulated.HOLIDAY) < day
        low, high = expected.get(day, (0.9, 1.4 if after_drop else 1.15))
        assert low < share < high, day


def test_the_correction_heals_the_refused_day_and_restates_one_other() -> None:
    corrected = SimulatedShop()
    corrected.correct()
    corrected.correct()
    assert corrected.is_corrected
    refused = simulated.REFUSED_DAY
    assert 0.01 <= bad_rate("orders", parse(corrected.rows("orders", refused)), refused) <= 0.03
    changed = [day for day in DAYS if corrected.rows("orders", day) != SHOP.rows("orders", day)]
    assert changed == [refused, simulated.CORRECTED_DAY]
    assert all(corrected.rows("reviews", day) == SHOP.rows("reviews", day) for day in changed)

    before = {row["order_id"]: row for row in rows_of("orders", simulated.CORRECTED_DAY)[:10]}
    rows = parse(corrected.rows("orders", simulated.CORRECTED_DAY))
    after = {row["order_id"]: row for row in rows if isinstance(row, dict) and "order_id" in row}
    assert [key for key in before if key not in after] == [list(before)[7]]
    assert sum(before[key]["total_amount"] != after[key]["total_amount"] for key in before if key in after) == 3
    assert sum(before[key]["status"] != after[key]["status"] for key in before if key in after) == 2
    everything = {row.get("order_id") for row in rows_of("orders", simulated.CORRECTED_DAY) if isinstance(row, dict)}
    assert len(set(after) - everything) == 1


def test_the_dropping_products_and_no_others_lose_a_star() -> None:
    ratings: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for number in range((simulated.DEMO_TO - simulated.DEMO_FROM).days + 1):
        day = simulated.DEMO_FROM + timedelta(days=number)
        is_recent = day > simulated.DEMO_TO - timedelta(days=30)
        for row in rows_of("reviews", day):
            if is_right("reviews", row, day):
                ratings[row["product_id"], is_recent].append(int(Decimal(row["rating"])))
    fallen = {
        product
        for product, is_recent in ratings
        if is_recent
        and min(len(ratings[product, True]), len(ratings[product, False])) >= 10
        and mean(ratings[product, True]) < mean(ratings[product, False]) - 1
    }
    assert fallen == set(DROPPING_PRODUCTS)


def test_customers_return_and_some_far_more_often() -> None:
    orders: dict[str, int] = defaultdict(int)
    for day in DAYS[:60]:
        for row in rows_of("orders", day):
            if is_right("orders", row, day):
                orders[row["customer_id"]] += 1
    often = sorted(orders.values(), reverse=True)
    assert often[0] >= 10
    assert sum(often[: len(often) // 10]) > 0.2 * sum(often)
    assert sum(count == 1 for count in often) > 0.4 * len(often)


def test_texts_fit_their_ratings() -> None:
    analyzer, rng = SentimentIntensityAnalyzer(), random.Random(1)
    score = {
        rating: [analyzer.polarity_scores(review_text(rng, rating, "kettle"))["compound"] for _ in range(300)]
        for rating in range(1, 6)
    }
    assert all(mean(compound <= -0.05 for compound in score[rating]) > 0.9 for rating in (1, 2))
    assert mean(abs(compound) < 0.05 for compound in score[3]) > 0.8
    assert all(mean(compound >= 0.05 for compound in score[rating]) > 0.9 for rating in (4, 5))


def test_a_small_shop_is_not_refused_for_its_size() -> None:
    shop = SimulatedShop(orders_per_day=simulated.MIN_ORDERS_PER_DAY)
    days = [day for day in DAYS if day != simulated.REFUSED_DAY]
    assert all(bad_rate("orders", parse(shop.rows("orders", day)), day) <= 0.05 for day in days)
    assert all(bad_rate("reviews", parse(shop.rows("reviews", day)), day) <= 0.10 for day in days)
    with pytest.raises(ConfigurationError, match="too few"):
        SimulatedShop(orders_per_day=simulated.MIN_ORDERS_PER_DAY - 1)
