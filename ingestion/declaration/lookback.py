"""The key lookback_days: which former days a run asks the shop for again, since refunds and edits arrive late."""

from datetime import date, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

MOST_DAYS = 31
LONGEST_AGO = 3_660


def _check_distinct(days: tuple[int, ...]) -> tuple[int, ...]:
    if twice := sorted({number for number in days if days.count(number) > 1}):
        raise ValueError(f"lookback_days lists {', '.join(map(str, twice))} twice")
    return days


LookbackDays = Annotated[
    tuple[Annotated[int, Field(ge=1, le=LONGEST_AGO)], ...],
    Field(max_length=MOST_DAYS, strict=False),
    AfterValidator(_check_distinct),
]


def days_before(day: date, lookback_days: tuple[int, ...]) -> list[date]:
    """Return the days that many days before a day, newest first."""
    return [day - timedelta(days=number) for number in sorted(lookback_days)]
