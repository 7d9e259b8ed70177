"""Files of a day into raw by dlt: in a thread while the shop is still read, and what is left when it has been."""

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
    """Append the rows of files, which have these columns, to raw. Raises WarehouseError unless all of them arrive."""
    with prepared_table(dataset, columns):
        landed = load_files(dataset, columns, files)
    if landed != (given := sum(file.row_count for file in files)):
        raise WarehouseError(
            f"{landed} rows landed in {RAW}.{dataset} of {given} that the shop gave", "Run the same command again."
        )


@contextmanager
def loads_meanwhile(dataset: str, day: date, load_id: str, columns: Mapping[str, pa.DataType]) -> Iterator[OnFull]:
    """What loads a file in a thread, after those before it, while the block goes on; its end waits for the last one.

    Both processors work then: ours on the next pages of the shop, Postgres' on the rows before them. An error of a load
    is raised by the next one, or by the end of the block. After an error, whosever, nothing of the load is left in raw.
    """
    thread, loads = ThreadPoolExecutor(1, "loads"), list[Future[None]]()

    def begin(file: CsvFile) -> None:
        raise_errors()
        # with the role and the kept connections of who calls
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
