"""Advisory locks: one run per dataset and day, one build per pipeline. They end with their connection.

So a run that was cut off from Postgres, or slept too long, loses its day without noticing, and another may have it by
the time it wakes up. Therefore each holder of a day gets a number, its fencing token, and what it writes that counts
for the day is refused once there is a higher one (M. Kleppmann, Designing Data-Intensive Applications, chapter 8).
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from datetime import date
from typing import TypeVar

import psycopg
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from pipeline_errors import DayBusyError, LockedError
from warehouse.connection import Connection, connect

logger = logging.getLogger(__name__)

T = TypeVar("T")

POLL_SECONDS = 0.1

NEXT_HOLDER = """
    insert into ops.fencing_tokens as fences (dataset, day, token) values (%s, %s, 1)
    on conflict (dataset, day) do update set token = fences.token + 1
    returning token
"""

_tokens: ContextVar[Mapping[tuple[str, date], int] | None] = ContextVar("tokens", default=None)  # of days held here


@contextmanager
def day_lock(dataset: str, day: date) -> Iterator[None]:
    """Hold a dataset's day, or raise DayBusyError at once if another run holds it."""
    with day_locks(dataset, [day]):
        yield


@contextmanager
def day_locks(dataset: str, days: Sequence[date]) -> Iterator[Sequence[date]]:
    """Hold the first of these days, up to one that another run holds; yields them.

    Raises DayBusyError at once if that is the very first.
    """
    with connect(autocommit=True) as connection, ExitStack() as held:
        tokens = dict(_tokens.get() or {})
        for number, day in enumerate(days):
            if not _try_lock(connection, name := f"day {dataset} {day}"):
                days = days[:number]
                break
            held.callback(_unlock, connection, name)
            row = connection.execute(NEXT_HOLDER, [dataset, day]).fetchone()
            assert row is not None
            tokens[dataset, day] = row["token"]
        if not days:
            raise DayBusyError(f"{dataset} of {day} is being worked on by another run", "Wait for it to end.")
        before = _tokens.set(tokens)
        try:
            yield days
        finally:
            _tokens.reset(before)


def require_day(connection: Connection, dataset: str, day: date) -> None:
    """See to it that nobody takes the day over before this transaction ends.

    Raises DayBusyError if somebody has. Where the day is not held by day_lock there is nothing to be taken over.
    """
    token = (_tokens.get() or {}).get((dataset, day))
    if token is None:
        return
    row = connection.execute(
        "select token from ops.fencing_tokens where dataset = %s and day = %s for share", [dataset, day]
    ).fetchone()
    if row is None or row["token"] != token:
        raise DayBusyError(
            f"{dataset} of {day} was taken over by another run while this one was cut off from Postgres",
            "Nothing that came after counts; the other run goes on.",
        )


@contextmanager
def pipeline_lock(pipeline: str, wait_seconds: float) -> Iterator[None]:
    """Hold a pipeline's build, waiting up to `wait_seconds` for another build of it; then raise DayBusyError."""
    deadline = time.monotonic() + wait_seconds
    with connect(autocommit=True) as connection:
        name = f"build {pipeline}"
        while not _try_lock(connection, name):
            if time.monotonic() > deadline:
                raise DayBusyError(f"{pipeline} is being built by another run", "Wait for it to end.")
            time.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            _unlock(connection, name)


def once_more(locked: Callable[[], T]) -> T:
    """The result of a call, tried again once if others held what it needed: by then a reader's query has ended."""
    trying = Retrying(
        retry=retry_if_exception_type(LockedError),
        stop=stop_after_attempt(2),
        wait=wait_random(1, 3),
        before_sleep=lambda state: logger.warning("Once more: %s", state.outcome and state.outcome.exception()),
        reraise=True,
    )
    return trying(locked)


def _try_lock(connection: Connection, name: str) -> bool:
    row = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0)) as held", [name]).fetchone()
    return bool(row and row["held"])


def _unlock(connection: Connection, name: str) -> None:
    """Let go at once: Postgres may notice a closed connection late, and the next run would find the day busy."""
    with suppress(psycopg.OperationalError):  # a connection that is lost holds nothing
        connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", [name])
