"""The rows of one load as a CSV file for COPY, counted and fingerprinted while they are written."""

from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ingestion.item_source import Source
from ingestion.json_text import storable
from ingestion.page_columns import Column, page_columns
from ingestion.row_sample import RowSample

# A shop that makes up a field name per row must not fill the memory, or the receipt.
MAX_UNDECLARED_NAMES = 100


class DayFile:
    """A CSV file of the load's rows in the order of the API, page by page; `with` closes it.

    Strings are quoted and null is empty without quotes, so that '' and null stay apart in COPY.
    """

    def __init__(self, path: Path, load_id: str, day: date, fields: Sequence[str], sources: Sequence[Source]) -> None:
        """`sources` are where the `fields` come from, in the same order."""
        self.path = path
        self.row_count = 0
        self.sample = RowSample()
        self._load_id, self._day = pa.scalar(load_id), pa.scalar(day)
        self._fields, self._sources = tuple(fields), tuple(sources)
        texts = (*fields, "_extra", "_escaped")
        self._schema = pa.schema(
            [("_load_id", pa.string()), ("_day", pa.date32()), ("_row_number", pa.int32())]
            + [(name, pa.string()) for name in texts]
        )
        self._hashes = [(sha256(), sha256()) for _ in texts]
        self._undeclared: set[str] = set()
        self._writer = pyarrow.csv.CSVWriter(path, self._schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the file. More than once is harmless."""
        self._writer.close()

    def write(self, items: Sequence[Any]) -> None:
        """Append a page of parsed JSON items. Raises RecursionError if a value nests too deep to be written."""
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
    def columns(self) -> dict[str, pa.DataType]:
        """The file's columns in order, with their Arrow types."""
        return {field.name: field.type for field in self._schema}

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


def _hash_column(column: Column, lengths: Any, texts: Any) -> None:
    """Feed a column into its two hashes, so that neither page boundaries nor '' against null can be confused."""
    lengths.update(pc.binary_length(column).fill_null(-1).buffers()[1])
    if (characters := column.buffers()[2]) is not None:
        texts.update(characters)
