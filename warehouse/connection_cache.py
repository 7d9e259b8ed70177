"""Connections that are kept open and reused within a block, for many short uses of Postgres.

Connecting costs some milliseconds on both sides. Between two uses the state of the session (locks, settings, temporary
tables, role) is discarded.

This is not psycopg_pool, which connects and resets in other threads: an unreachable server is a timeout without its
cause, a lock outlives the block that took it, and Ctrl-C during a connect loses the connection.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg

Connection = psycopg.Connection[dict[str, Any]]

# `discard all` would also discard the prepared statements, which psycopg expects to exist
AS_NEW = "reset role; reset all; discard temp; select pg_advisory_unlock_all()"

# by connection string and options
_idle: "ContextVar[dict[str, list[Connection]] | None]" = ContextVar("idle", default=None)


@contextmanager
def cached_connections() -> Iterator[None]:
    """Keep connections that close in this block, for reuse by the next one with the same parameters, until its end."""
    if _idle.get() is not None:
        yield
        return
    kept: dict[str, list[Connection]] = {}
    token = _idle.set(kept)
    try:
        yield
    finally:
        _idle.reset(token)
        for connections in kept.values():
            for connection in connections:
                connection.close()


def take(parameters: str) -> Connection | None:
    """Return a kept connection that still works, in autocommit mode; None if there is none."""
    waiting = (_idle.get() or {}).get(parameters)
    while waiting:
        connection = waiting.pop()
        try:
            connection.execute("select")
        except psycopg.Error:
            connection.close()
        else:
            return connection
    return None


def give_back(parameters: str, connection: Connection) -> None:
    """Keep a connection whose transaction has ended, if the current block keeps connections; otherwise close it."""
    kept = _idle.get()
    if kept is None or connection.closed:
        connection.close()
        return
    try:
        connection.autocommit = True
        connection.execute(AS_NEW)
    except psycopg.Error:
        connection.close()
    else:
        kept.setdefault(parameters, []).append(connection)
