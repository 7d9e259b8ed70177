"""dlt's pipelines for days of one dataset: a day's pages into a CSV file, and such files into raw by COPY."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.extract import DltResource

from ingestion import dlt_settings
from ingestion.day_file import DayFile
from ingestion.page_check import PageCheck
from ingestion.raw_tables import RAW
from ingestion.rows_of_day import RowsOfDay
from pipeline_settings import Settings
from warehouse.connection import ALIVE, session_options

dlt_settings.apply()

DLT_TYPES = {pa.string(): "text", pa.date32(): "date", pa.int32(): "bigint"}


def day_pipeline(name: str, directory: Path, warehouse: Settings) -> dlt.Pipeline:
    """A pipeline into raw with nothing behind it: neither state nor packages of an earlier load."""
    credentials = PostgresCredentials(
        {
            "host": warehouse.pghost,
            "port": warehouse.pgport,
            "database": warehouse.pgdatabase,
            "username": warehouse.pguser,
            # dlt insists on a password; to libpq an empty one is none, so that .pgpass and trust work.
            "password": warehouse.pgpassword.get_secret_value() if warehouse.pgpassword else "",
            "query": {
                "sslmode": warehouse.pgsslmode,
                "application_name": "daybreak",
                "options": session_options(),
                **{name: str(value) for name, value in ALIVE.items()},
            },
        }
    )
    return dlt.pipeline(
        name,
        pipelines_dir=str(directory),
        destination=dlt.destinations.postgres(credentials),
        dataset_name=RAW,
    )


def write_pages(
    pages: DltResource, check: PageCheck, file: DayFile, rows: RowsOfDay, *, until_a_row: bool = False
) -> None:
    """Pull the pages of a source and write each into the file, but for rows of other days that are to be skipped.

    `check` is what sees each page before dlt does. `until_a_row`: no further page is pulled when the file has a row.
    """

    # A transformer sees a page as a whole, where add_map, or a loop over the resource, would take it row by row.
    @dlt.transformer(name=f"{pages.name}_written")
    def written(page: list[Any]) -> int:
        file.write(rows.kept(page))
        page.clear()
        check.let_go()
        gc.collect(0)
        return file.row_count

    with _collections_paused():
        for row_count in pages | written:
            if row_count and until_a_row:
                break


@contextmanager
def _collections_paused() -> Iterator[None]:
    """No cycles are collected unless asked for: the collector would walk each page once more while it is written."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def files_resource(dataset: str, files: Sequence[DayFile]) -> DltResource:
    """Finished files with the same columns as a resource: dlt takes them as they are, and loads each by COPY."""

    @dlt.resource(name=dataset, write_disposition="append", columns=_columns(files[0]))
    def rows() -> Iterator[Any]:
        for file in files:
            yield dlt.mark.with_file_import(str(file.path), "csv", file.row_count)

    return rows


def _columns(file: DayFile) -> list[TColumnSchema]:
    # Not nullable, says the hint, and it is a trick: dlt forces quoted empty strings in nullable columns to NULL, which
    # would lose ''. The tables stand before dlt comes (warehouse/schema.sql), so it creates nothing from this.
    return [
        {"name": name, "data_type": DLT_TYPES[arrow_type], "nullable": False}  # type: ignore[typeddict-item]
        for name, arrow_type in file.columns.items()
    ]
