"""The time limit of a step: when it expires, the connections to Postgres, Redis and the engine are cut.

Postgres ends slow statements, and keepalives notice a dead peer (warehouse/connection.py). That leaves a server that
hangs while its kernel still answers. psycopg2 (under dbt, dlt and Great Expectations) and the Spark Connect client wait
for it in C, where neither signals nor exceptions arrive. Only shutting the connection down ends that wait.
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

CUT_AGAIN_SECONDS = 1.0  # for connections opened meanwhile


@contextmanager
def time_limit() -> Iterator[None]:
    """Limit the block to STEP_TIMEOUT_MINUTES. Raises WarehouseError if the block failed after that time."""
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
            "Find out what blocks Postgres or the engine, or raise STEP_TIMEOUT_MINUTES. Run the same command again.",
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
    """Shut down the process's connections to warehouse, cache and engine, whichever library opened them."""
    ports = {where.pgport}
    if where.redis_url:
        ports.add(urlsplit(where.redis_url.get_secret_value()).port or 6379)
    if engine := os.environ.get("SPARK_REMOTE"):  # of the current session
        ports.add(urlsplit(engine).port or 15002)
    for number in map(int, os.listdir("/dev/fd")):
        with suppress(OSError):  # closed meanwhile, or not a connection
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                with socket.socket(fileno=os.dup(number)) as connection:
                    if _leads_to(connection.getpeername(), ports):
                        connection.shutdown(socket.SHUT_RDWR)


def _leads_to(peer: object, ports: set[int]) -> bool:
    """Return whether the peer is one of these ports: (host, port, …) for TCP, or the path of a Unix socket.

    The second kind is Postgres' or the embedded engine's.
    """
    if isinstance(peer, tuple):
        return peer[1] in ports
    return str(peer).endswith("/engine.sock") or str(peer).rpartition(".s.PGSQL.")[2] in map(str, ports)
