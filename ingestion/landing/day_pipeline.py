"""dlt pipelines for days of one dataset: pages to CSV files, and CSV files to raw by COPY."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema
from dlt.extract import DltResource

from ingestion.http.page_check import PageCheck
from ingestion.landing import dlt_settings
from ingestion.landing.copy_destination import CopyDestination
from ingestion.landing.day_file import CsvFile, DayFile
from ingestion.landing.raw_tables import RAW
from ingestion.readers.rows_of_day import RowsOfDay
from warehouse.connection import tool_parameters

dlt_settings.apply()

DLT_TYPES = {pa.string(): "text", pa.date32(): "date", pa.int32(): "bigint"}


def load_files(dataset: str, columns: Mapping[str, pa.DataType], files: Sequence[CsvFile]) -> int:
    """Append the rows of files with these columns to raw. Return the number of rows that Postgres copied.

    The pipeline starts without state or packages of an earlier load. Its directory is that of the files.
    """
    dlt_settings.forget_lookups()
    destination = CopyDestination(tool_parameters())
    pipeline = dlt.pipeline(
        f"shop_{dataset}",
        pipelines_dir=str(files[0].path.parent),
        destination=destination,
        dataset_name=RAW,
    )
    pipeline.run(files_resource(dataset, columns, files))
    return sum(destination.copied)


def write_pages(
    pages: DltResource, check: PageCheck, file: DayFile, rows: RowsOfDay, *, until_a_row: bool = False
) -> None:
    """Write the pages of a source to the file, without the rows of other days that are to be skipped.

    `check` has checked each page before dlt sees it. `until_a_row`: stop after the first page that adds a row.
    """

    # A transformer gets whole pages. add_map, or a loop over the resource, would go row by row.
    @dlt.transformer(name=f"{pages.name}_written")
    def write(page: list[Any]) -> int:
        file.write(rows.keep(page))
        page.clear()
        check.release()
        gc.collect(0)
        return file.row_count

    with _paused_garbage_collection():
        for row_count in pages | write:
            if row_count and until_a_row:
                break


@contextmanager
def _paused_garbage_collection() -> Iterator[None]:
    """Pause automatic garbage collection, which would walk each page again while it is written."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def files_resource(dataset: str, columns: Mapping[str, pa.DataType], files: Sequence[CsvFile]) -> DltResource:
    """Return finished files with these columns as a resource. dlt loads each unchanged by COPY."""

    @dlt.resource(name=dataset, write_disposition="append", columns=_columns(columns))
    def rows() -> Iterator[Any]:
        for file in files:
            yield dlt.mark.with_file_import(str(file.path), "csv", file.row_count)

    return rows


def _columns(columns: Mapping[str, pa.DataType]) -> list[TColumnSchema]:
    # The "not nullable" hint is a workaround: dlt turns quoted empty strings in nullable columns into NULL, which
    # would lose ''. dlt creates no tables from it, since warehouse/schema.sql has created them.
    return [
        {"name": name, "data_type": DLT_TYPES[arrow_type], "nullable": False}  # type: ignore[typeddict-item]
        for name, arrow_type in columns.items()
    ]
