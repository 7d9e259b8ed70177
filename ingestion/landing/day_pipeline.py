"""dlt's pipelines for days of one dataset: a day's pages into a CSV file, and such files into raw by COPY."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.extract import DltResource

from ingestion.http.page_check import PageCheck
from ingestion.landing import dlt_settings
from ingestion.landing.copy_destination import CopyDestination
from ingestion.landing.day_file import CsvFile, DayFile
from ingestion.landing.raw_tables import RAW
from ingestion.readers.rows_of_day import RowsOfDay
from pipeline_settings import Settings, settings
from warehouse.connection import ALIVE, session_options

dlt_settings.apply()

DLT_TYPES = {pa.string(): "text", pa.date32(): "date", pa.int32(): "bigint"}


def warehouse_destination(warehouse: Settings) -> CopyDestination:
    """The warehouse as a destination of dlt's."""
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
    return CopyDestination(credentials)


def load_files(dataset: str, columns: Mapping[str, pa.DataType], files: Sequence[CsvFile]) -> int:
    """Append the rows of files, which have these columns, to raw; returns how many Postgres took.

    The pipeline has nothing behind it, neither state nor packages of an earlier load. It works beside the files.
    """
    dlt_settings.forget_lookups()
    destination = warehouse_destination(settings())
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
    """Pull the pages of a source and write each into the file, but for rows of other days that are to be skipped.

    `check` is what sees each page before dlt does. `until_a_row`: no further page is pulled when the file has a row.
    """

    # A transformer sees a page as a whole, where add_map, or a loop over the resource, would take it row by row.
    @dlt.transformer(name=f"{pages.name}_written")
    def written(page: list[Any]) -> int:
        file.write(rows.kept(page))
        page.clear()
        check.release()
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


def files_resource(dataset: str, columns: Mapping[str, pa.DataType], files: Sequence[CsvFile]) -> DltResource:
    """Finished files with these columns as a resource: dlt takes them as they are, and loads each by COPY."""

    @dlt.resource(name=dataset, write_disposition="append", columns=_columns(columns))
    def rows() -> Iterator[Any]:
        for file in files:
            yield dlt.mark.with_file_import(str(file.path), "csv", file.row_count)

    return rows


def _columns(columns: Mapping[str, pa.DataType]) -> list[TColumnSchema]:
    # Not nullable, says the hint, and it is a trick: dlt forces quoted empty strings in nullable columns to NULL, which
    # would lose ''. The tables stand before dlt comes (warehouse/schema.sql), so it creates nothing from this.
    return [
        {"name": name, "data_type": DLT_TYPES[arrow_type], "nullable": False}  # type: ignore[typeddict-item]
        for name, arrow_type in columns.items()
    ]
