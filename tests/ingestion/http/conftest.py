"""A shop whose dataset is declared by a few lines."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from werkzeug import Request, Response

from ingestion.landing.land_days import land
from pipeline_errors import ShopError
from tests.ingestion.conftest import IMPATIENT, Shop

TOP = """
time_zone = "UTC"
language = "en"
health_path = "health"
max_text_bytes = 1_000_000
{limits}
{top}
[datasets.orders]
path = "api/v1/orders"
params = {{ date = "{{day}}" }}
fields = ["order_id", "customer_id", "total_amount", "order_date", "status", "items", "refunds"]
required = ["order_id", "customer_id", "total_amount", "order_date", "status"]
keys = {{ order_id = "id", items = "lines", refunds = {{ each_of = "payments.refunds" }} }}
constants = {{ customer_id = "c", total_amount = "1", order_date = "2024-02-29", status = "paid" }}
max_bad_rate = 0.05
{lines}
"""


class DeclaredShop:
    """A shop of `tests.ingestion.conftest` with its dataset of orders."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def declare(self, lines: str, top: str = "", **limits: float) -> None:
        """Declare the dataset by these lines, below the lines `top` for the whole shop."""
        numbers = "\n".join(f"{key} = {value}" for key, value in (IMPATIENT | limits).items())
        selector = "" if "data_selector" in lines else 'data_selector = "orders"\n'
        self.shop.config_file.write_text(TOP.format(limits=numbers, top=top, lines=selector + lines))

    def answer(self, *bodies: object, headers: Sequence[dict[str, str]] = (), status: int = 200) -> None:
        """Send each request the next of these bodies, as JSON; repeat the last one."""
        given = [*headers, *({} for _ in bodies[len(headers) :])]
        texts = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
        answers = [Response(text, status, head) for text, head in zip(texts, given, strict=True)]
        self.shop.serve_in_turn(*answers)

    def by(self, answer: Callable[[Request], Response]) -> None:
        """Answer each request by this function."""
        self.shop.answer = answer

    def rows(self) -> int:
        """Land the day and return its number of rows."""
        return land("orders", self.shop.day).rows

    def refusal(self) -> str:
        """Land the day, expect a ShopError, and return its line."""
        with pytest.raises(ShopError) as error:
            land("orders", self.shop.day)
        assert self.shop.token not in str(error.value)
        return str(error.value)

    @property
    def requests(self) -> int:
        """The number of requests for rows."""
        return len(self.shop.requests)


@pytest.fixture
def declared(shop: Shop) -> DeclaredShop:
    """The shop of this test, to be declared by a few lines."""
    return DeclaredShop(shop)


def ids(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Return rows with the ids o0, o1 and so on."""
    return [{"id": f"o{number}"} for number in range(start, start + count)]
