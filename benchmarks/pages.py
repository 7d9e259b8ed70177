"""Shared parts of contenders: the landed day, its schema, and a loop over the shop's pages."""

import os
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any
from urllib.parse import urljoin

DAY = date(1901, 1, 1)
SCHEMA = "bench"


def pages(get: Callable[[str], Any]) -> Iterator[Any]:
    """Yield the parsed pages of the day from the shop at SHOP_API_URL."""
    url: str | None = f"{os.environ['SHOP_API_URL']}/api/v1/orders?date={DAY}&limit=5000"
    while url:
        body = get(url)
        yield body
        url = urljoin(url, body["next"]) if body["next"] else None
