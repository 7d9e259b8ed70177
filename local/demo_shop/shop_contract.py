"""The interface of shops for the demo's server: the rows of a day. Also the smallest shop, a dictionary of lists."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Protocol, runtime_checkable

DATASETS = ("orders", "reviews")

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Shop(Protocol):
    """A source of the rows of a day, in the shop's order."""

    def rows(self, dataset: str, day: date) -> Sequence[bytes]:
        """Return each row as one serialised JSON item, in any thread; empty for a day without rows."""
        ...


@runtime_checkable
class CorrectableShop(Protocol):
    """A shop that can restate days that it has already served."""

    def correct(self) -> None:
        """Serve the corrected past from now on."""
        ...


class ListedShop:
    """A shop with given lists: `ListedShop({("orders", day): [{...}, b'{"total_amount": 1e400}']})`.

    Items of bytes are served unchanged; other items are serialised by `json.dumps`.
    """

    def __init__(self, items: Mapping[tuple[str, date], Iterable[object]] | None = None) -> None:
        self._rows: dict[tuple[str, date], list[bytes]] = {}
        for (dataset, day), listed in (items or {}).items():
            self.put(dataset, day, listed)

    def put(self, dataset: str, day: date, items: Iterable[object]) -> None:
        """Replace the rows of this day."""
        serialised = [item if isinstance(item, bytes) else json.dumps(item).encode() for item in items]
        self._rows[dataset, day] = serialised

    def rows(self, dataset: str, day: date) -> Sequence[bytes]:
        """Return the serialised items of the day."""
        return self._rows.get((dataset, day), [])


def read_day(text: str) -> date | None:
    """Parse `YYYY-MM-DD`, or return None. Unlike `date.fromisoformat`, this does not accept `2026-W10-1`."""
    if not _DAY.fullmatch(text):
        return None
    with suppress(ValueError):
        return date.fromisoformat(text)
    return None
