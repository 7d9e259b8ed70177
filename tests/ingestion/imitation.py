"""What other shops answer, as far as their manuals say it: a file for each in tests/ingestion/shops."""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

DAY = date(2026, 3, 1)
ORDERS = 7  # on DAY, the first at midnight, the last in the last second; one on the day before and one after
Answer = Callable[[Request], Response]


@dataclass(frozen=True)
class Imitation:
    """Where a shop's orders are asked for, and what it answers there, and at other paths, to whom.

    `environment`: the secrets that it wants; `first_row`: id, customer, amount, date and status of DAY's first order,
    `items` product, quantity and amount of each of its items, where the shop's file tells them.
    """

    path: str
    answer: Answer
    environment: Mapping[str, str]
    first_row: Sequence[str]
    other_paths: Sequence[str] = ()
    items: Sequence[tuple[str | None, float, str]] = ()

    def serve(self, server: HTTPServer) -> None:
        """Answer for the shop."""
        for path in (self.path, *self.other_paths):
            server.expect_request(path).respond_with_handler(self.answer)


def orders(zone: str) -> list[tuple[int, datetime]]:
    """Ids and moments of orders."""
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=ZoneInfo(zone))
    last = midnight + timedelta(days=1, seconds=-1)
    on_the_day = [midnight + timedelta(hours=3 * number) for number in range(ORDERS - 1)]
    return list(enumerate([midnight - timedelta(seconds=1), *on_the_day, last, last + timedelta(seconds=1)], start=1))


def json_response(body: object, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    return Response(json.dumps(body), status, headers, content_type="application/json")


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
