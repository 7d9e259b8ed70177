"""A deadline that holds against a server which drips one byte a second: at its end, open connections are cut."""

import socket
import threading
import time
from contextlib import suppress
from typing import Any, Self

from requests.adapters import HTTPAdapter


class Deadline:
    """The moment by which something must have been read. `with` starts the clock and stops watching at the end.

    Timeouts of sockets count from byte to byte, so none of them bounds the whole.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def remaining(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self._end - time.monotonic())

    def is_over(self) -> bool:
        """Whether it has passed."""
        return self.remaining() == 0

    def watch(self, connection: socket.socket) -> None:
        """Cut this connection when the deadline passes."""
        with self._lock:
            self._sockets.append(connection)
        if self.is_over():
            self._cut()

    def _cut(self) -> None:
        with self._lock:
            for connection in self._sockets:
                with suppress(OSError):  # it may be closed already
                    # The plain socket's method: the one of TLS would change its state under the reading thread.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)


class DeadlineAdapter(HTTPAdapter):
    """The adapter of `requests` with every connection under a deadline, TLS or not, headers and body."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """The pool of connections that `requests` asks for, with the deadline watching them."""
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        if "ConnectionCls" not in vars(pool):
            pool.ConnectionCls = _watched(pool.ConnectionCls, self._deadline)
        return pool


def _watched(connection_class: type[Any], deadline: Deadline) -> type[Any]:
    class WatchedConnection(connection_class):  # type: ignore[misc]
        def connect(self) -> None:
            super().connect()
            deadline.watch(self.sock)

    return WatchedConnection
