"""Advisory locks: one run per dataset and day, one build per pipeline. A lock ends with its connection.

A run that is cut off from Postgres or paused for too long loses its day without noticing, and another run may take the
day meanwhile. Therefore each holder of a day gets a fencing token, and its writes for the day are refused once a higher
token exists (M. Kleppmann, Designing Data-Intensive Applications, chapter 8).
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
from warehouse.connection import POLL_SECONDS, Connection, connect
from warehouse.session_check import holder_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

NEXT_HOLDER = """
    insert into ops.fencing_tokens as fences (dataset, day, token) values (%s, %s, 1)
    on conflict (dataset, day) do update set token = fences.token + 1
    returning token
"""

_tokens: ContextVar[Mapping[tuple[str, date], int] | None] = ContextVar("tokens", default=None)  # of days held here


@contextmanager
def day_lock(dataset: str, day: date) -> Iterator[None]:
    """Hold a dataset's day; raise DayBusyError immediately if another run holds it."""
    with day_locks(dataset, [day]):
        yield


@contextmanager
def day_locks(dataset: str, days: Sequence[date]) -> Iterator[Sequence[date]]:
    """Hold these days in order, up to the first one that another run holds; yield the held days.

    Raises DayBusyError immediately if another run holds the first day.
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
            raise DayBusyError(f"{dataset} of {day} is being worked on by another run", _holder(connection, name))
        before = _tokens.set(tokens)
        try:
            yield days
        finally:
            _tokens.reset(before)


def require_day(connection: Connection, dataset: str, day: date) -> None:
    """Keep other runs from taking the day over until this transaction ends.

    Raises DayBusyError if one already has. Does nothing if this run does not hold the day by day_lock.
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
            "Nothing that this run wrote since counts; the other run continues.",
        )


@contextmanager
def pipeline_lock(pipeline: str, wait_seconds: float) -> Iterator[None]:
    """Hold a pipeline's build; wait up to `wait_seconds` for another build of it, then raise DayBusyError."""
    deadline = time.monotonic() + wait_seconds
    with connect(autocommit=True) as connection:
        name = f"build {pipeline}"
        while not _try_lock(connection, name):
            if time.monotonic() > deadline:
                raise DayBusyError(f"{pipeline} is being built by another run", _holder(connection, name))
            time.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            _unlock(connection, name)


def once_more(locked: Callable[[], T]) -> T:
    """Call a function, and once more if it raised LockedError: the other session has usually ended by then."""
    trying = Retrying(
        retry=retry_if_exception_type(LockedError),
        stop=stop_after_attempt(2),
        wait=wait_random(1, 3),
        before_sleep=lambda state: logger.warning("Trying once more: %s", state.outcome and state.outcome.exception()),
        reraise=True,
    )
    return trying(locked)


def _try_lock(connection: Connection, name: str) -> bool:
    row = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0)) as held", [name]).fetchone()
    return bool(row and row["held"])


def _holder(connection: Connection, name: str) -> str:
    row = connection.execute("select hashtextextended(%s, 0) as key", [name]).fetchone()
    assert row is not None
    return holder_of(connection, row["key"])


def _unlock(connection: Connection, name: str) -> None:
    """Unlock explicitly: Postgres may notice a closed connection late, and the next run would find the day busy."""
    with suppress(psycopg.OperationalError):  # a lost connection holds no locks
        connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", [name])
