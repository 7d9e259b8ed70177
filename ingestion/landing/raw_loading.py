"""Loads of a day's files into raw by dlt, in a thread while the shop is still being read."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from datetime import date

import pyarrow as pa

from ingestion.landing.day_file import CsvFile, OnFull
from ingestion.landing.day_pipeline import load_files
from ingestion.landing.raw_tables import RAW, delete_load, prepared_table
from pipeline_errors import WarehouseError


def load(dataset: str, columns: Mapping[str, pa.DataType], files: Sequence[CsvFile]) -> None:
    """Append the rows of files with these columns to raw. Raises WarehouseError unless all of them arrive."""
    with prepared_table(dataset, columns):
        landed = load_files(dataset, columns, files)
    if landed != (given := sum(file.row_count for file in files)):
        raise WarehouseError(
            f"{landed} of the shop's {given} rows landed in {RAW}.{dataset}", "Run the same command again."
        )


@contextmanager
def load_in_background(dataset: str, day: date, load_id: str, columns: Mapping[str, pa.DataType]) -> Iterator[OnFull]:
    """Yield a function that loads files one after the other in a thread. The block ends when the last one is loaded.

    Parsing of the next pages and COPY of earlier rows overlap. An error of a load is raised by the next call, or at the
    end of the block. After any error, raw has no rows of the load.
    """
    thread, loads = ThreadPoolExecutor(1, "loads"), list[Future[None]]()

    def begin(file: CsvFile) -> None:
        raise_errors()
        # The context holds the caller's role and open connections.
        loads.append(thread.submit(copy_context().run, load, dataset, columns, [file]))

    def raise_errors() -> None:
        for begun in loads:
            if begun.done():
                begun.result()

    try:
        yield begin
        thread.shutdown()
        raise_errors()
    except BaseException:
        thread.shutdown(cancel_futures=True)
        if loads:
            with suppress(WarehouseError):
                delete_load(dataset, day, load_id)
        raise
