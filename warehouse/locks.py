"""Advisory locks: one run per dataset and day, one build per pipeline. They end with their connection."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from pipeline_errors import DayBusyError
from warehouse.connection import Connection, connect

POLL_SECONDS = 0.1


@contextmanager
def day_lock(dataset: str, day: date) -> Iterator[None]:
    """Hold a dataset's day, or raise DayBusyError at once if another run holds it."""
    with connect(autocommit=True) as connection:
        if not _try_lock(connection, f"day {dataset} {day}"):
            raise DayBusyError(f"{dataset} of {day} is being worked on by another run", "Wait for it to end.")
        yield


@contextmanager
def pipeline_lock(pipeline: str, wait_seconds: float) -> Iterator[None]:
    """Hold a pipeline's build, waiting up to `wait_seconds` for another build of it; then raise DayBusyError."""
    deadline = time.monotonic() + wait_seconds
    with connect(autocommit=True) as connection:
        while not _try_lock(connection, f"build {pipeline}"):
            if time.monotonic() > deadline:
                raise DayBusyError(f"{pipeline} is being built by another run", "Wait for it to end.")
            time.sleep(POLL_SECONDS)
        yield


def _try_lock(connection: Connection, name: str) -> bool:
    row = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0)) as held", [name]).fetchone()
    return bool(row and row["held"])
