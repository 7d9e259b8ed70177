"""CSV files for COPY with the rows of one load, counted and fingerprinted while they are written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ingestion.declaration.field_path import Source
from ingestion.landing.page_columns import Column, page_columns
from ingestion.landing.row_sample import RowSample
from ingestion.values.json_text import storable

# A shop with a different field name per row must not fill the memory, or the receipt.
MAX_UNDECLARED_NAMES = 100

ROWS_OF_A_FILE = 400_000  # after these, the next page starts a new file; each file costs a run of dlt
OUR_TEXTS = ("_extra", "_escaped")


@dataclass(frozen=True)
class CsvFile:
    """A finished file and its number of rows."""

    path: Path
    row_count: int


OnFull = Callable[[CsvFile], None]


def columns_of(fields: Sequence[str]) -> dict[str, pa.DataType]:
    """Return the columns of a day's files in order, with their Arrow types."""
    ours = {"_load_id": pa.string(), "_day": pa.date32(), "_row_number": pa.int32()}
    return ours | dict.fromkeys((*fields, *OUR_TEXTS), pa.string())


class DayFile:
    """A CSV file of the load's rows in the order of the API, page by page. `with` closes it.

    Strings are quoted and null is empty without quotes, so that COPY can distinguish '' from null.
    """

    def __init__(
        self,
        path: Path,
        load_id: str,
        day: date,
        fields: Sequence[str],
        sources: Sequence[Source],
        on_full: OnFull | None = None,
    ) -> None:
        """`sources` are the sources of the `fields`, in the same order.

        `on_full` is called with each file that reaches ROWS_OF_A_FILE. The rows after it go to a new file.
        """
        self.row_count = 0
        self.sample = RowSample()
        self._load_id, self._day = pa.scalar(load_id), pa.scalar(day)
        self._fields, self._sources = tuple(fields), tuple(sources)
        self._schema = pa.schema(columns_of(fields))
        self._hashes = [(sha256(), sha256()) for _ in (*fields, *OUR_TEXTS)]
        self._undeclared: set[str] = set()
        self._on_full = on_full
        self._first_path, self._files = path, 0
        self._begin_file()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Can be called more than once."""
        self._writer.close()

    def write(self, items: Sequence[Any]) -> None:
        """Append a page of parsed JSON items. Raises RecursionError if a value nests too deep."""
        if self._on_full and items and self.last.row_count >= ROWS_OF_A_FILE:
            self.close()
            self._on_full(self.last)
            self._begin_file()
        page = page_columns(items, self._fields, self._sources)
        texts = [*page.fields, page.extra, page.escaped]
        for column, hashes in zip(texts, self._hashes, strict=True):
            _hash_column(column, *hashes)
        numbers = pa.array(range(self.row_count + 1, self.row_count + len(items) + 1), pa.int32())
        constants = [pa.repeat(value, len(items)) for value in (self._load_id, self._day)]
        self._writer.write(pa.table([*constants, numbers, *texts], schema=self._schema))
        self.row_count += len(items)
        self.sample.add(items)
        if len(self._undeclared) < MAX_UNDECLARED_NAMES:
            self._undeclared |= page.undeclared

    @property
    def last(self) -> CsvFile:
        """The last file, which was not given to `on_full`."""
        return CsvFile(self._path, self.row_count - self._rows_before)

    @property
    def undeclared_fields(self) -> tuple[str, ...]:
        """The names of the undeclared fields in the rows, sorted, at most 100."""
        return tuple(sorted(map(storable, self._undeclared))[:MAX_UNDECLARED_NAMES])

    def fingerprint(self) -> str:
        """Return the sha256 of all declared values, _extra and _escaped in API order, independent of the page size."""
        whole = sha256(",".join(self._schema.names).encode())
        for lengths, texts in self._hashes:
            whole.update(lengths.digest() + texts.digest())
        return whole.hexdigest()

    def _begin_file(self) -> None:
        self._files += 1
        self._path = self._first_path.with_stem(f"{self._first_path.stem}-{self._files}")
        self._rows_before = self.row_count
        self._writer = pyarrow.csv.CSVWriter(self._path, self._schema)


def _hash_column(column: Column, lengths: Any, texts: Any) -> None:
    """Feed a column into its two hashes, which ignore page boundaries and distinguish '' from null."""
    lengths.update(pc.binary_length(column).fill_null(-1).buffers()[1])
    if (characters := column.buffers()[2]) is not None:
        texts.update(characters)
