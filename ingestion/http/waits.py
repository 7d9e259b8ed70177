"""The time to wait before another attempt, as shops write it."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ingestion.values.formats import number_value
from ingestion.values.json_text import get_path
from pipeline_errors import ShopError

# Headers with the end of a limit, apart from Retry-After, without "X-".
RESETS = (
    "retry-after", "ratelimit-reset-after", "ratelimit-reset", "rate-limit-reset", "ratelimit-reset-time",
    "rate-limit-reset-after", "ratelimit-retry-after", "reset-after",
)  # fmt: skip
RESETS_MS = ("retry-after-ms", "rate-limit-time-reset-ms", "ratelimit-reset-ms")
SECONDS = re.compile(r"([0-9]+(?:[.][0-9]+)?)\s*(?:s|sec|seconds?)?", re.IGNORECASE)
DRAFT = re.compile(r"\b(?:reset|t)=([0-9]+)")  # `RateLimit: limit=100, remaining=0, reset=5`
FIRST_MOMENT = 1_000_000_000  # a larger number of seconds is a Unix time
LONGEST = 10**9  # seconds


class TransientShopError(ShopError):
    """A failure that a retry may fix."""

    def __init__(self, cause: str, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(cause, remedy)
        self.retry_after = retry_after


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait by Retry-After, else by one of the usual reset headers; None if there are none."""
    plain = {name.lower().removeprefix("x-"): value for name, value in headers.items()}
    now = _moment(plain.get("date", "")) or datetime.now(UTC).timestamp()  # the shop's own clock, which may be wrong
    for name in RESETS:
        if (seconds := _seconds(plain.get(name, ""), now)) is not None:
            return seconds
    for name in RESETS_MS:
        if (value := number_value(plain.get(name, ""))) is not None and 0 <= value < LONGEST:
            return float(value) / 1000
    match = DRAFT.search(plain.get("ratelimit", ""))
    return float(match[1]) if match else None


def wait_of_cost(body: Any) -> float | None:
    """Return the seconds until Shopify's GraphQL has refilled the cost of the query; None if it does not say."""
    cost = ("extensions", "cost")
    places = (("requestedQueryCost",), ("throttleStatus", "currentlyAvailable"), ("throttleStatus", "restoreRate"))
    texts = [get_path(body, (*cost, *place)) for place in places]
    asked, left, rate = (number_value(text) if isinstance(text, str) else None for text in texts)
    if asked is None or left is None or not rate or asked <= left:
        return None
    return math.ceil((asked - left) / rate)


def _seconds(text: str, now: float) -> float | None:
    """Parse seconds, a Unix time or a date into seconds to wait; None if it is none of them, or past."""
    if match := SECONDS.fullmatch(text.strip()):
        value = float(match[1])
        if value < FIRST_MOMENT:
            return value or None
        moment: float | None = value / 1000 if value >= FIRST_MOMENT * 1000 else value
    else:
        moment = _moment(text)
    # A date that is past says nothing about the limit, which holds still.
    return moment - now if moment is not None and moment > now else None


def _moment(text: str) -> float | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, TypeError):
            continue
    return None
