"""The filter for rows of one logical day, for shops whose API cannot filter by day."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.declaration.field_path import values_of
from ingestion.values.dates import date_reader
from ingestion.values.json_text import field_text


class RowsOfDay:
    """Keeps the rows of a day, page by page, and counts the skipped rows of other days.

    A row with an unreadable day is kept for the gate to judge. Without `skip_other_days` in shop.toml, all rows are
    kept.
    """

    def __init__(self, declared: DatasetConfig, day: date) -> None:
        self.skipped = 0
        self._day = day
        self._source = dict(zip(declared.fields, declared.sources(), strict=True)).get(declared.skip_other_days or "")
        self._read = date_reader(declared.date_format, declared.time_zone)

    def keep(self, items: Sequence[Any]) -> Sequence[Any]:
        """Return the items of a page that are of the day, or whose day is unreadable."""
        if self._source is None:
            return items
        dates = values_of([item if type(item) is dict else {} for item in items], self._source)
        of_day = [item for item, value in zip(items, dates, strict=True) if self._may_be_of_day(field_text(value))]
        self.skipped += len(items) - len(of_day)
        return of_day

    def _may_be_of_day(self, text: str | None) -> bool:
        return text is None or self._read(text) in (self._day, None)
