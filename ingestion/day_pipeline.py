"""dlt's pipeline for one day of one dataset: the shop's pages into a CSV file, and that file into raw by COPY."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.extract import DltResource

from ingestion.day_file import DayFile
from ingestion.raw_tables import RAW
from pipeline_settings import Settings
from warehouse.connection import SESSION_OPTIONS

# What dlt would do per load beyond loading, and we have no use for. Each directory serves one load, so there is no state
# to restore; the row counts and errors that a trace keeps are in our ledger, where a trace may hold personal data.
for _key, _value in {
    "restore_from_destination": False,
    "enable_runtime_trace": False,
    "runtime.dlthub_telemetry": False,
    "runtime.intercept_signals": False,
    "runtime.log_level": "ERROR",
    "load.delete_completed_jobs": True,
}.items():
    dlt.config[_key] = _value

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
            "query": {"sslmode": warehouse.pgsslmode, "application_name": "daybreak", "options": SESSION_OPTIONS},
        }
    )
    return dlt.pipeline(
        name,
        pipelines_dir=str(directory),
        destination=dlt.destinations.postgres(credentials),
        dataset_name=RAW,
    )


def day_resource(dataset: str, pages: DltResource, file: DayFile) -> DltResource:
    """The resource that writes pages into the file as they come, and gives dlt the file after the last one."""

    @dlt.transformer(name=dataset, data_from=pages, write_disposition="append", columns=_columns(file))
    def rows(page: Any) -> Iterator[Any]:
        file.write(page)
        if not page.paginator.has_next_page:
            file.close()
            if file.row_count:
                yield dlt.mark.with_file_import(str(file.path), "csv", file.row_count)

    return rows


def _columns(file: DayFile) -> list[TColumnSchema]:
    # Not nullable, says the hint, and it is a trick: dlt forces quoted empty strings in nullable columns to NULL, which
    # would lose ''. The tables stand before dlt comes (warehouse/schema.sql), so it creates nothing from this.
    return [
        {"name": name, "data_type": DLT_TYPES[arrow_type], "nullable": False}  # type: ignore[typeddict-item]
        for name, arrow_type in file.columns.items()
    ]
