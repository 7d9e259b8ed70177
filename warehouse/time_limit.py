"""The time limit of a step: when it is over, its connections to Postgres, Redis and the engine are cut.

Postgres ends a statement that takes too long, and a dead peer is noticed (warehouse/connection.py). What is left is a
server that neither works nor answers while its kernel does. psycopg2, under dbt, dlt and Great Expectations, waits for
it in C, as does the client of Spark Connect: no signal and no exception reaches that. Only the end of the connection
does, so we end it.
"""

import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from pipeline_errors import WarehouseError
from pipeline_settings import Settings, settings

CUT_AGAIN_SECONDS = 1.0  # for connections that were opened since


@contextmanager
def time_limit() -> Iterator[None]:
    """Let the block take STEP_TIMEOUT_MINUTES. Raises WarehouseError if it failed because they were over."""
    minutes = settings().step_timeout_minutes
    is_over, has_ended = threading.Event(), threading.Event()
    watching = threading.Thread(target=_watch, args=[settings(), is_over, has_ended], name="time limit", daemon=True)
    watching.start()
    try:
        yield
    except Exception as failure:
        if not is_over.is_set():
            raise
        raise WarehouseError(
            f"given up after {minutes:g} minutes: {failure}",
            "See what holds up Postgres or the engine, or raise STEP_TIMEOUT_MINUTES. Run the same command again.",
        ) from failure
    finally:
        has_ended.set()


def _watch(where: Settings, is_over: threading.Event, has_ended: threading.Event) -> None:
    if has_ended.wait(where.step_timeout_minutes * 60):
        return
    is_over.set()
    _cut(where)
    while not has_ended.wait(CUT_AGAIN_SECONDS):
        _cut(where)


def _cut(where: Settings) -> None:
    """End this process' connections to the warehouse, the cache and the engine, whichever library opened them."""
    ports = {where.pgport}
    if where.redis_url:
        ports.add(urlsplit(where.redis_url.get_secret_value()).port or 6379)
    if engine := os.environ.get("SPARK_REMOTE"):  # that of the session in use, which may be the embedded one's
        ports.add(urlsplit(engine).port or 15002)
    for number in map(int, os.listdir("/dev/fd")):
        with suppress(OSError):  # closed meanwhile, or no connection
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                with socket.socket(fileno=os.dup(number)) as connection:
                    if _leads_to(connection.getpeername(), ports):
                        connection.shutdown(socket.SHUT_RDWR)


def _leads_to(peer: object, ports: set[int]) -> bool:
    """Whether the other end is one of these: (host, port, …) of TCP, or the path of Postgres' own socket."""
    if isinstance(peer, tuple):
        return peer[1] in ports
    return str(peer).rpartition(".s.PGSQL.")[2] in map(str, ports)
