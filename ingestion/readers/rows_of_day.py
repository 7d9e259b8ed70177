"""The rows of one logical day, out of what a shop tells that cannot be asked for a day alone."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.declaration.field_path import values_of
from ingestion.values.dates import date_reader
from ingestion.values.json_text import field_text


class RowsOfDay:
    """Keeps the rows of a day, page by page, and counts those that are skipped, being of another day.

    A row whose day cannot be told is kept: what is wrong with it is the gate's to say. Without `skip_other_days` in
    shop.toml all rows are kept.
    """

    def __init__(self, declared: DatasetConfig, day: date) -> None:
        self.skipped = 0
        self._day = day
        self._source = dict(zip(declared.fields, declared.sources(), strict=True)).get(declared.skip_other_days or "")
        self._read = date_reader(declared.date_format, declared.time_zone)

    def kept(self, items: Sequence[Any]) -> Sequence[Any]:
        """Those of a page of parsed JSON items that are not known to be of another day."""
        if self._source is None:
            return items
        dates = values_of([item if type(item) is dict else {} for item in items], self._source)
        of_day = [item for item, value in zip(items, dates, strict=True) if self._may_be_of_day(field_text(value))]
        self.skipped += len(items) - len(of_day)
        return of_day

    def _may_be_of_day(self, text: str | None) -> bool:
        return text is None or self._read(text) in (self._day, None)
