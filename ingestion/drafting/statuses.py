"""The statuses of orders in a response, for people who decide which of them bring revenue."""

from collections import Counter
from collections.abc import Collection, Iterable


def statuses_seen(statuses: Iterable[str], non_revenue: Collection[str]) -> str:
    """Return the statuses with their counts, the most frequent first: `paid 18, refunded 2 (no revenue)`."""
    return ", ".join(
        f"{status} {count}{' (no revenue)' if status in non_revenue else ''}"
        for status, count in Counter(statuses).most_common()
    )
