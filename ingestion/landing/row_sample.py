"""A bounded sample of a load's parsed rows."""

from collections.abc import Sequence
from typing import Any

SAMPLE_ROWS = 600  # the maximum; a large load has at least half as many


class RowSample:
    """Every n-th row of a load, independent of the page size, so that it covers the whole day."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._stride = 1
        self._seen = 0

    def add(self, page: Sequence[Any]) -> None:
        """Sample a page of parsed items."""
        self.rows += page[-self._seen % self._stride :: self._stride]
        self._seen += len(page)
        while len(self.rows) > SAMPLE_ROWS:
            self.rows = self.rows[::2]
            self._stride *= 2
