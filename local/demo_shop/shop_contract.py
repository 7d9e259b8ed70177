"""What a shop is to the demo's server: the rows of a day. And the smallest shop there is, a dictionary of lists."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Protocol, runtime_checkable

DATASETS = ("orders", "reviews")

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Shop(Protocol):
    """What the server serves: the rows of a day, in the shop's order."""

    def rows(self, dataset: str, day: date) -> Sequence[bytes]:
        """Each row as one serialised JSON item; empty for a day without rows. May be asked by several threads."""
        ...


@runtime_checkable
class CorrectableShop(Protocol):
    """A shop that can restate days it has already told."""

    def correct(self) -> None:
        """From now on answer with the corrected past."""
        ...


class ListedShop:
    """A shop that serves the lists it is given: `ListedShop({("orders", day): [{...}, b'{"total_amount": 1e400}']})`.

    An item that is bytes is served as it is; anything else goes through `json.dumps`.
    """

    def __init__(self, items: Mapping[tuple[str, date], Iterable[object]] | None = None) -> None:
        self._rows: dict[tuple[str, date], list[bytes]] = {}
        for (dataset, day), listed in (items or {}).items():
            self.put(dataset, day, listed)

    def put(self, dataset: str, day: date, items: Iterable[object]) -> None:
        """Replace what the shop says of this day."""
        serialised = [item if isinstance(item, bytes) else json.dumps(item).encode() for item in items]
        self._rows[dataset, day] = serialised

    def rows(self, dataset: str, day: date) -> Sequence[bytes]:
        """The items of the day, serialised."""
        return self._rows.get((dataset, day), [])


def read_day(text: str) -> date | None:
    """The day that `YYYY-MM-DD` names, or None. Stricter than `date.fromisoformat`, which takes `2026-W10-1` too."""
    if not _DAY.fullmatch(text):
        return None
    with suppress(ValueError):
        return date.fromisoformat(text)
    return None
