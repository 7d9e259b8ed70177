"""A bounded sample of a load's rows, as they were parsed."""

from collections.abc import Sequence
from typing import Any

SAMPLE_ROWS = 600  # at most; half of it at least, of a load that has so many


class RowSample:
    """Every n-th row of a load, however it was paged, so that what changes during the day is seen."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._stride = 1
        self._seen = 0

    def add(self, page: Sequence[Any]) -> None:
        """Take what is to be taken of a page of parsed items."""
        self.rows += page[-self._seen % self._stride :: self._stride]
        self._seen += len(page)
        while len(self.rows) > SAMPLE_ROWS:
            self.rows = self.rows[::2]
            self._stride *= 2
