"""A deadline that closes open connections when it passes, so that it also stops a server that drips single bytes."""

import socket
import threading
import time
from contextlib import suppress
from typing import Any, Self

from requests.adapters import HTTPAdapter


class Deadline:
    """A time limit for a whole read. Entering the `with` block starts the clock, leaving it stops it.

    Socket timeouts restart with each byte, so they do not limit the whole read.
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
        """Return the seconds left, at least 0."""
        return max(0.0, self._end - time.monotonic())

    def is_over(self) -> bool:
        """Return whether the deadline has passed."""
        return self.remaining() == 0

    def watch(self, connection: socket.socket) -> None:
        """Close this connection when the deadline passes."""
        with self._lock:
            self._sockets.append(connection)
        if self.is_over():
            self._cut()

    def _cut(self) -> None:
        with self._lock:
            for connection in self._sockets:
                with suppress(OSError):  # it may be closed already
                    # The plain socket's method: that of a TLS socket would change its state under the reading thread.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)


class DeadlineAdapter(HTTPAdapter):
    """A `requests` adapter that puts every connection under a deadline, with or without TLS, for headers and body."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the connection pool for `requests`, with the deadline watching its connections."""
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
