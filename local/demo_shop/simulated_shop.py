"""A simulated shop with the good and bad days of a real one, for `daybreak demo` and `daybreak shop`.

A day is a pure function of seed, size, day, and of whether the shop has corrected its past, not of the clock or the
order of requests. Any day from `HISTORY_FROM` on can be requested. At the default size and above, one to three
percent of a day's rows are dirty; for smaller shops the share may differ a little.
"""

import json
import random
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from math import exp

from local.demo_shop.review_texts import review_text
from local.demo_shop.simulated_catalogue import HISTORY_FROM, Catalogue, product_id, product_noun
from local.demo_shop.simulated_oddities import (
    ACCEPTED_ORDERS,
    ACCEPTED_REVIEWS,
    LARGE_ORDER,
    REJECTED_ORDERS,
    REJECTED_REVIEWS,
    Fields,
    Oddity,
    apply,
    has_large_order,
    item,
    kinds_of_day,
    stride,
    words_of_day,
)
from pipeline_errors import ConfigurationError

DEMO_FROM = date(2026, 3, 1)
DEMO_TO = date(2026, 4, 14)
REFUSED_DAY = date(2026, 3, 24)
"""A faulty checkout writes amounts with a decimal comma on this day, until the correction: about 12% bad orders."""
DROP_DAY = date(2026, 4, 1)
"""A day with a third of the usual orders, for no known reason."""
HOLIDAY = date(2026, 4, 5)
"""Easter Sunday: few orders and reviews, as expected."""
CORRECTED_DAY = date(2026, 4, 9)
"""The correction changes amounts and statuses of this day, removes one order and adds one."""

DEFAULT_SEED = 7
DEFAULT_ORDERS_PER_DAY = 400
MIN_ORDERS_PER_DAY = 50

_REVIEWS_PER_ORDER = 0.4
_WEEKDAYS = (0.94, 0.92, 0.95, 0.98, 1.06, 1.12, 1.03)
_GROWTH_A_DAY = 0.001
_FAULTY_RATE = 0.10
_DIRTY_RATES = (0.015, 0.025)
_MAX_DIRTY_RATE = 0.03
# The first orders of a day are unchanged, since corrections and the next day's repeated id refer to them.
_UNAFFECTED = 10
_STATUSES = {
    "delivered": 800, "shipped": 90, "processing": 40, "cancelled": 30,
    "refunded": 20, "returned": 10, "unavailable": 5, "failed": 5,
}  # fmt: skip
_FURTHER_ITEM = 0.3
_CACHED_ROWS = 1_500_000

_Order = tuple[str, int, str, str, str, str]


class SimulatedShop:
    """A `Shop` from a seed. `correct()` restates REFUSED_DAY and CORRECTED_DAY.

    Raises ConfigurationError for fewer than MIN_ORDERS_PER_DAY. With a million orders a day, the first request for a
    day takes a few seconds.
    """

    def __init__(self, seed: int = DEFAULT_SEED, orders_per_day: int = DEFAULT_ORDERS_PER_DAY) -> None:
        if orders_per_day < MIN_ORDERS_PER_DAY:
            raise ConfigurationError(
                f"{orders_per_day} orders a day are too few to simulate", f"Ask for {MIN_ORDERS_PER_DAY} or more."
            )
        self.seed = seed
        self.orders_per_day = orders_per_day
        self._is_corrected = False
        self._catalogue = Catalogue(seed, orders_per_day)
        self._makers: dict[str, Callable[[date], list[bytes]]] = {"orders": self._orders, "reviews": self._reviews}
        self._cache: OrderedDict[tuple[str, date], list[bytes]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def is_corrected(self) -> bool:
        """Whether the shop has restated its past."""
        return self._is_corrected

    def correct(self) -> None:
        """Restate the past. Further calls have no effect."""
        with self._lock:
            self._is_corrected = True
            self._cache.clear()

    def rows(self, dataset: str, day: date) -> Sequence[bytes]:
        """Return the day's rows as serialised JSON items, none before HISTORY_FROM."""
        if day < HISTORY_FROM or dataset not in self._makers:
            return []
        key = (dataset, day)
        with self._lock:
            if key not in self._cache:
                self._cache[key] = self._makers[dataset](day)
                while len(self._cache) > 1 and sum(map(len, self._cache.values())) > _CACHED_ROWS:
                    self._cache.popitem(last=False)
            self._cache.move_to_end(key)
            return self._cache[key]

    def _rng(self, *purpose: object) -> random.Random:
        return random.Random("/".join(map(str, (self.seed, self.orders_per_day, *purpose))))

    def _volume(self, dataset: str, day: date) -> int:
        usual = self.orders_per_day * (_REVIEWS_PER_ORDER if dataset == "reviews" else 1)
        trend = 1 + _GROWTH_A_DAY * (day - HISTORY_FROM).days
        event = {HOLIDAY: 0.45, DROP_DAY: 0.35 if dataset == "orders" else 1}.get(day, 1)
        noise = self._rng("volume", dataset, day).uniform(0.97, 1.03)
        return round(usual * _WEEKDAYS[day.weekday()] * trend * event * noise)

    def _orders(self, day: date) -> list[bytes]:
        fields = self._order_columns(day)
        rows = [_order_item(*values) for values in fields]
        named = [_order_fields(*values) for values in fields[:_UNAFFECTED]]
        if day == REFUSED_DAY and not self._is_corrected:
            self._spoil_amounts(day, fields, rows)
        later = self._add_oddities("orders", day, rows, lambda at: _order_fields(*fields[at]))
        if day == CORRECTED_DAY and self._is_corrected:
            _restate(day, named, rows)
        return rows + later

    def _order_columns(self, day: date) -> list[_Order]:
        rng = self._rng("orders", day)
        volume = self._volume("orders", day)
        customers = self._catalogue.customers(day, rng, volume)
        statuses = rng.choices(list(_STATUSES), list(_STATUSES.values()), k=volume)
        gauss, text, prefix = rng.gauss, day.isoformat(), _order_prefix(day)
        amounts = [f"{exp(gauss(4.1, 0.8)):.2f}" for _ in range(volume)]
        ids = [f"{prefix}{number:06d}" for number in range(volume)]
        items = self._items(day, amounts)
        return list(zip(ids, customers, amounts, [text] * volume, statuses, items, strict=True))

    def _items(self, day: date, amounts: list[str]) -> list[str]:
        """Return the items of each order as JSON: one to three products, whose lines add up to the amount."""
        rng = self._rng("items", day)
        pick, chance = self._catalogue.pick_product, rng.random
        sent = []
        for amount in amounts:
            rest, lines = int(amount.replace(".", "")), list[str]()
            while len(lines) < 2 and chance() < _FURTHER_ITEM:
                part = int(rest * chance())
                lines.append(_item_line(pick(rng), 1 + int(2 * chance()), part))
                rest -= part
            sent.append(f"[{', '.join([_item_line(pick(rng), 1, rest), *lines])}]")
        return sent

    def _spoil_amounts(self, day: date, fields: list[_Order], rows: list[bytes]) -> None:
        rng = self._rng("faulty checkout", day)
        for at in rng.sample(range(_UNAFFECTED, len(rows)), round(len(rows) * _FAULTY_RATE)):
            comma = f'"{fields[at][2].replace(".", ",")}"'
            rows[at] = item({**_order_fields(*fields[at]), "total_amount": comma})

    def _reviews(self, day: date) -> list[bytes]:
        rng = self._rng("reviews", day)
        volume, text, prefix = self._volume("reviews", day), day.isoformat(), f"R{day:%Y%m%d}-"
        fields: list[Fields] = []
        for number, customer in enumerate(self._catalogue.customers(day, rng, volume)):
            product = self._catalogue.pick_product(rng)
            rating = self._catalogue.rating(rng, product, customer, day)
            fields.append(
                {
                    "review_id": f'"{prefix}{number:06d}"',
                    "product_id": f'"{product_id(product)}"',
                    "customer_id": f'"{_customer_id(customer)}"',
                    "rating": str(rating),
                    "review_text": json.dumps(review_text(rng, rating, product_noun(product)), ensure_ascii=False),
                    "review_date": f'"{text}"',
                }
            )
        rows = [item(row) for row in fields]
        return rows + self._add_oddities("reviews", day, rows, fields.__getitem__)

    def _add_oddities(
        self, dataset: str, day: date, rows: list[bytes], fields_of: Callable[[int], Fields]
    ) -> list[bytes]:
        rng = self._rng("oddities", dataset, day)
        kinds = [
            *_kinds(REJECTED_ORDERS if dataset == "orders" else REJECTED_REVIEWS, day, len(rows), rng),
            *_kinds(ACCEPTED_ORDERS if dataset == "orders" else ACCEPTED_REVIEWS, day, len(rows), rng),
            *([LARGE_ORDER] if dataset == "orders" and has_large_order(day) else []),
        ]
        words = words_of_day(day, f"{_order_prefix(day - timedelta(days=1))}000000")
        unaffected = _UNAFFECTED if dataset == "orders" else 0
        later: list[bytes] = []
        for at, kind in zip(rng.sample(range(unaffected, len(rows)), len(kinds)), kinds, strict=True):
            rows[at], more = apply(kind, fields_of(at), words)
            later += more
        return later


def _kinds(kinds: Sequence[Oddity], day: date, rows: int, rng: random.Random) -> list[Oddity]:
    # A small day has fewer kinds rather than a higher share of dirt, so that it is not refused for its size.
    least = min(stride(kinds), int(rows * _MAX_DIRTY_RATE))
    return kinds_of_day(kinds, day, max(least, round(rows * rng.uniform(*_DIRTY_RATES))))


def _restate(day: date, sent: list[Fields], rows: list[bytes]) -> None:
    for at in (1, 2, 3):
        rows[at] = item({**sent[at], "total_amount": f"{10 * at + 5}.50"})
    for at in (4, 5):
        rows[at] = item({**sent[at], "status": '"refunded"'})
    rows.append(item({**sent[6], "order_id": f'"{_order_prefix(day)}{len(rows):06d}"', "total_amount": "249.00"}))
    del rows[7]


def _order_prefix(day: date) -> str:
    return f"O{day:%Y%m%d}-"


def _customer_id(customer: int) -> str:
    return f"C{customer + 1:07d}"


def _order_fields(order_id: str, customer: int, amount: str, order_date: str, status: str, items: str) -> Fields:
    return {
        "order_id": f'"{order_id}"',
        "customer_id": f'"{_customer_id(customer)}"',
        "total_amount": amount,
        "order_date": f'"{order_date}"',
        "status": f'"{status}"',
        "items": items,
    }


def _order_item(order_id: str, customer: int, amount: str, order_date: str, status: str, items: str) -> bytes:
    # The same as item(_order_fields(...)), three times as fast: most rows of a large day take this path.
    return (
        f'{{"order_id": "{order_id}", "customer_id": "C{customer + 1:07d}", "total_amount": {amount},'
        f' "order_date": "{order_date}", "status": "{status}", "items": {items}}}'
    ).encode()


def _item_line(product: int, quantity: int, cents: int) -> str:
    return (
        f'{{"product_id": "{product_id(product)}", "quantity": {quantity}, "total": {cents // 100}.{cents % 100:02d}}}'
    )
