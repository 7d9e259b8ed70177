"""The products and customers of the simulated shop, and their changes from day to day.

Everything is a function of seed and day, not of the clock.
"""

import math
import random
from bisect import bisect
from datetime import date
from functools import cached_property
from itertools import accumulate

HISTORY_FROM = date(2026, 1, 1)
"""The opening day of the shop. Earlier days have no rows."""

PRODUCTS = 120
QUALITY_DROP_FROM = date(2026, 3, 21)
"""From this day, 25 days before the end of the demo, the products below get worse ratings."""
DROPPING_PRODUCTS = ("P0003", "P0008", "P0020")
UNHAPPY_FROM = date(2026, 3, 25)
"""From this day every 17th customer rates two stars lower, including big spenders."""

_UNHAPPY_EVERY = 17
_DROPPING = {int(product_id[1:]) - 1 for product_id in DROPPING_PRODUCTS}
_NOUNS = (
    "kettle", "lamp", "backpack", "headset", "blanket", "coffee grinder",
    "desk chair", "bike light", "pan", "speaker", "raincoat", "keyboard",
)  # fmt: skip
_CUSTOMERS_PER_DAILY_ORDER = 50
_CUSTOMER_GROWTH_A_DAY = 0.004
# With this head, the first 1% of customers place a seventh of the orders, the first 10% half of them.
_HEAD_SHARE = 0.01


class Catalogue:
    """Products with popularity and quality, and customers with their habits, determined by the seed."""

    def __init__(self, seed: int, orders_per_day: int) -> None:
        self._seed = seed
        self._customers_at_start = orders_per_day * _CUSTOMERS_PER_DAILY_ORDER

    @cached_property
    def _qualities(self) -> list[float]:
        rng = random.Random(f"{self._seed}/qualities")
        drawn = [rng.uniform(3.5, 4.6) for _ in range(PRODUCTS)]
        return [4.6 if product in _DROPPING else quality for product, quality in enumerate(drawn)]

    @cached_property
    def _popularity(self) -> list[float]:
        return list(accumulate(1 / (product + 6) for product in range(PRODUCTS)))

    def pick_product(self, rng: random.Random) -> int:
        """Return the number of a product; low numbers sell more."""
        return bisect(self._popularity, rng.random() * self._popularity[-1], 0, PRODUCTS - 1)

    def customers(self, day: date, rng: random.Random, wanted: int) -> list[int]:
        """Return the numbers of the day's customers: repeat customers far more often than one-time customers."""
        size = self._customers_at_start * (1 + _CUSTOMER_GROWTH_A_DAY * (day - HISTORY_FROM).days)
        head = self._customers_at_start * _HEAD_SHARE
        rate, pick, exp = math.log1p(size / head), rng.random, math.exp
        return [int(head * (exp(rate * pick()) - 1)) for _ in range(wanted)]

    def rating(self, rng: random.Random, product: int, customer: int, day: date) -> int:
        """Return the stars, 1 to 5, of this customer for this product on this day."""
        return max(1, min(5, round(rng.gauss(self._quality(product, day) - _grudge(customer, day), 0.9))))

    def _quality(self, product: int, day: date) -> float:
        quality = self._qualities[product] + 0.15 * math.sin((day - HISTORY_FROM).days / 25 + product)
        return quality - 1.9 if product in _DROPPING and day >= QUALITY_DROP_FROM else quality


def product_id(product: int) -> str:
    """Return `P0001` for product 0."""
    return f"P{product + 1:04d}"


def product_noun(product: int) -> str:
    """Return the product's noun for a review."""
    return _NOUNS[product % len(_NOUNS)]


def _grudge(customer: int, day: date) -> float:
    return 2.0 if customer % _UNHAPPY_EVERY == 0 and day >= UNHAPPY_FROM else 0.0
