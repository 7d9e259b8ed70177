"""A shop from CSV files: orders.csv, reviews.csv and order_items.csv of a directory, gzipped or not, served by day.

Every value is text and an empty field is null, so that the pipeline sees exactly the content of the file. All columns
are served, including undeclared ones. Rows are held in memory as JSON, about 200 bytes each.
"""

import csv
import gzip
import logging
import threading
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import TextIO

from local.demo_shop.shop_contract import DATASETS, read_day
from pipeline_errors import ConfigurationError

log = logging.getLogger(__name__)

# The csv module's limit of 128 KB is too low for reviews.
_MAX_FIELD_CHARACTERS = 1 << 30
_quoted = cache(encode_basestring_ascii)
_DAY_CHARACTERS = len("YYYY-MM-DD")


@dataclass(frozen=True)
class _CsvFile:
    path: Path
    key_column: str
    """The column with a row's day, or with the order of an item."""


class CsvShop:
    """A `Shop` with the CSV files of a directory.

    The day of a row is the first ten characters of `day_column` (orders) or `review_date` (reviews). Rows without a
    readable day are not served, and their number is logged. Rows keep the order of the file. reviews.csv and
    order_items.csv may be absent. The rows of order_items.csv become the list `items` of their order, unless orders.csv
    has a column of that name. Files are read on first use.
    Raises ConfigurationError, here or on first use, if a file is missing, damaged, or lacks its date column.
    """

    def __init__(self, directory: Path, day_column: str = "order_date") -> None:
        if not directory.is_dir():
            raise ConfigurationError(f"There is no directory {directory}", "Name one that holds orders.csv.")
        orders, reviews = _find(directory, "orders"), _find(directory, "reviews")
        if orders is None:
            raise ConfigurationError(
                f"{directory} holds neither orders.csv nor orders.csv.gz", "Put the shop's orders there."
            )
        self._files = {"orders": _CsvFile(orders, day_column)}
        if reviews is not None:
            self._files["reviews"] = _CsvFile(reviews, "review_date")
        if items := _find(directory, "order_items"):
            self._files["items"] = _CsvFile(items, "order_id")
        for file in self._files.values():
            with _opened(file.path) as lines:
                _read_header(csv.reader(lines), file)
        self._days: dict[str, dict[date, list[bytes]]] = {}
        self._lock = threading.Lock()

    def rows(self, dataset: str, day: date) -> Sequence[bytes]:
        """Return the rows of the day, each a JSON object of strings and nulls."""
        if dataset not in DATASETS or dataset not in self._files:
            return []
        with self._lock:
            if dataset not in self._days:
                items = _items(self._files["items"]) if dataset == "orders" and "items" in self._files else None
                self._days[dataset] = _load(self._files[dataset], items)
        return self._days[dataset].get(day, [])

    def days(self, dataset: str = "orders") -> list[date]:
        """Return the days that have rows, in order."""
        self.rows(dataset, date.min)
        return sorted(self._days.get(dataset, {}))


def _find(directory: Path, name: str) -> Path | None:
    candidates = (directory / f"{name}.csv", directory / f"{name}.csv.gz")
    return next((path for path in candidates if path.is_file()), None)


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    # Bytes that are not UTF-8 become lone surrogates. The pipeline rejects such a row with a reason.
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
            yield lines
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}", "Write the file again.") from None


def _read_header(reader: Iterator[list[str]], file: _CsvFile) -> list[str]:
    header = next(reader, [])
    if file.key_column not in header:
        found = ", ".join(header) or "nothing"
        raise ConfigurationError(
            f"{file.path} has no column {file.key_column}, its header names {found}",
            "Name the column that holds the day of a row, or the order of an item.",
        )
    if len(set(header)) < len(header):
        raise ConfigurationError(f"{file.path} names a column twice in its header", "Give each column its own name.")
    return header


def _rows(file: _CsvFile) -> Iterator[dict[str, str]]:
    csv.field_size_limit(_MAX_FIELD_CHARACTERS)
    with _opened(file.path) as lines:
        reader = csv.reader(lines, strict=True)
        header = _read_header(reader, file)
        for values in reader:
            if len(values) == len(header):
                yield dict(zip(header, values, strict=True))
            elif values:  # not a blank line
                raise _ragged(file, reader.line_num, len(values), len(header))


def _fields(row: dict[str, str]) -> list[str]:
    return [f"{_quoted(name)}: {encode_basestring_ascii(value) if value else 'null'}" for name, value in row.items()]


def _items(file: _CsvFile) -> dict[str, str]:
    """Return the items of each order as a JSON list."""
    items: dict[str, list[str]] = defaultdict(list)
    for row in _rows(file):
        items[row[file.key_column]].append(f"{{{', '.join(_fields(row))}}}")
    return {order: f"[{', '.join(listed)}]" for order, listed in items.items()}


def _load(file: _CsvFile, items: dict[str, str] | None = None) -> dict[date, list[bytes]]:
    day_of = cache(read_day)
    days: dict[date, list[bytes]] = defaultdict(list)
    without_day = 0
    for row in _rows(file):
        day = day_of(row[file.key_column][:_DAY_CHARACTERS])
        if day is None:
            without_day += 1
            continue
        fields = _fields(row)
        if items and "items" not in row and (listed := items.get(row.get("order_id", ""))):
            fields.append(f'"items": {listed}')
        days[day].append(f"{{{', '.join(fields)}}}".encode("ascii"))
    if without_day:
        log.warning("%s: %d rows are never served, their %s is not a date", file.path, without_day, file.key_column)
    return dict(days)


def _ragged(file: _CsvFile, line: int, values: int, columns: int) -> ConfigurationError:
    return ConfigurationError(
        f"{file.path}: the row that ends on line {line} has {values} values, but the header has {columns}",
        "Quote values that hold commas, quotes or line breaks.",
    )
