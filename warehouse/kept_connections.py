"""Connections that stay open between one use and the next, while much is asked of Postgres in short turns.

A connection costs some milliseconds on both sides. Between two uses it is as good as new: what a session may hold
(locks, settings, temporary tables, its role) is discarded.

No psycopg_pool, which connects and resets in threads of its own: a server that cannot be reached is a timeout there,
without its cause; a lock outlives the block that took it; Ctrl-C while a connection is made loses it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg

Connection = psycopg.Connection[dict[str, Any]]

# `discard all` would take the prepared statements too, which psycopg believes to be there
AS_NEW = "reset role; reset all; discard temp; select pg_advisory_unlock_all()"

# by what they were made with
_idle: "ContextVar[dict[str, list[Connection]] | None]" = ContextVar("idle", default=None)


@contextmanager
def kept_connections() -> Iterator[None]:
    """Connections that end in this block are kept for the next that is made alike, until the end of the block."""
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


def take(made_with: str) -> Connection | None:
    """A kept connection that still works, in autocommit mode; none if there is none."""
    waiting = (_idle.get() or {}).get(made_with)
    while waiting:
        connection = waiting.pop()
        try:
            connection.execute("select")
        except psycopg.Error:
            connection.close()
        else:
            return connection
    return None


def give_back(made_with: str, connection: Connection) -> None:
    """Keep a connection whose transaction is over, if we are in a block that does; close it otherwise."""
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
        kept.setdefault(made_with, []).append(connection)
