"""The statuses of orders in a response, for people who decide which of them bring revenue."""

from collections import Counter
from collections.abc import Collection, Iterable

from ingestion.values.statuses import comparable_status


def statuses_seen(statuses: Iterable[str], non_revenue: Collection[str]) -> str:
    """Return the statuses with their counts, the most frequent first: `paid 18, refunded 2 (no revenue)`."""
    brings_none = set(map(comparable_status, non_revenue))
    return ", ".join(
        f"{status} {count}{' (no revenue)' if comparable_status(status) in brings_none else ''}"
        for status, count in Counter(statuses).most_common()
    )
