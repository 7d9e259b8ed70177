"""Imitations of other shops according to their manuals, one file each in tests/ingestion/shops."""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

DAY = date(2026, 3, 1)
ORDERS = 7  # on DAY, the first at midnight, the last in the last second; plus one the day before and one the day after
Answer = Callable[[Request], Response]


@dataclass(frozen=True)
class Imitation:
    """An imitation of a shop: the path of its orders, further paths, and the handler for them.

    `environment`: the credentials it requires. `first_row`: id, customer, amount, date and status of DAY's first order.
    `items`: product, quantity and amount of each item of that order, if the shop's file declares items. `money`: its
    currency, discount, tax, shipping, mark of a test and date of cancellation. `refunds`: id, date and amount of each.
    """

    path: str
    answer: Answer
    environment: Mapping[str, str]
    first_row: Sequence[str]
    other_paths: Sequence[str] = ()
    items: Sequence[tuple[str | None, float, str]] = ()
    money: Sequence[object] = ()
    refunds: Sequence[tuple[str, str | None, str]] = ()

    def serve(self, server: HTTPServer) -> None:
        """Register the handler for all paths."""
        for path in (self.path, *self.other_paths):
            server.expect_request(path).respond_with_handler(self.answer)


def orders(zone: str) -> list[tuple[int, datetime]]:
    """Return the ids and timestamps of orders."""
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=ZoneInfo(zone))
    last = midnight + timedelta(days=1, seconds=-1)
    on_the_day = [midnight + timedelta(hours=3 * number) for number in range(ORDERS - 1)]
    return list(enumerate([midnight - timedelta(seconds=1), *on_the_day, last, last + timedelta(seconds=1)], start=1))


def json_response(body: object, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    return Response(json.dumps(body), status, headers, content_type="application/json")


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
