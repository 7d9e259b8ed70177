"""The rows of one load as CSV files for COPY, counted and fingerprinted while they are written."""

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

# A shop that makes up a field name per row must not fill the memory, or the receipt.
MAX_UNDECLARED_NAMES = 100

ROWS_OF_A_FILE = 400_000  # from which on a page's rows go to the next one; each costs a run of dlt
OUR_TEXTS = ("_extra", "_escaped")


@dataclass(frozen=True)
class CsvFile:
    """A file that is written, with so many rows."""

    path: Path
    row_count: int


OnFull = Callable[[CsvFile], None]


def columns_of(fields: Sequence[str]) -> dict[str, pa.DataType]:
    """The columns of a day's files in order, with their Arrow types."""
    ours = {"_load_id": pa.string(), "_day": pa.date32(), "_row_number": pa.int32()}
    return ours | dict.fromkeys((*fields, *OUR_TEXTS), pa.string())


class DayFile:
    """A CSV file of the load's rows in the order of the API, page by page; `with` closes it.

    Strings are quoted and null is empty without quotes, so that '' and null stay apart in COPY.
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
        """`sources` are where the `fields` come from, in the same order.

        `on_full` takes over what is written after ROWS_OF_A_FILE; the rows that follow are another file's.
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
        """End the file. More than once is harmless."""
        self._writer.close()

    def write(self, items: Sequence[Any]) -> None:
        """Append a page of parsed JSON items. Raises RecursionError if a value nests too deep to be written."""
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
        """The file that nobody has taken over."""
        return CsvFile(self._path, self.row_count - self._rows_before)

    @property
    def undeclared_fields(self) -> tuple[str, ...]:
        """Names of undeclared fields that came, sorted; at most 100 of them."""
        return tuple(sorted(map(storable, self._undeclared))[:MAX_UNDECLARED_NAMES])

    def fingerprint(self) -> str:
        """sha256 over every declared text, _extra and _escaped in API order, however the rows were paged."""
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
    """Feed a column into its two hashes, so that neither page boundaries nor '' against null can be confused."""
    lengths.update(pc.binary_length(column).fill_null(-1).buffers()[1])
    if (characters := column.buffers()[2]) is not None:
        texts.update(characters)
