"""A network that can fail: a proxy in front of a server that cuts connections on demand."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

OnData = Callable[[bytes], None]  # called with a client's data before it is passed on


class CutError(Exception):
    """Raised by the callback to cut the connection."""


class Proxy:
    """Passes bytes between clients on 127.0.0.1 and a server. `on_data` may raise CutError, or sleep."""

    def __init__(self, host: str, port: int, on_data: OnData = lambda _: None) -> None:
        self.on_data = on_data
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Break every open connection."""
        while self._open:
            _break(self._open.pop())

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._open += [client, server]
                threading.Thread(target=self._pass, args=[client, server, True], daemon=True).start()
                threading.Thread(target=self._pass, args=[server, client, False], daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, is_client: bool) -> None:
        with suppress(OSError, CutError):
            while piece := source.recv(65_536):
                if is_client:
                    self.on_data(piece)
                target.sendall(piece)
        for end in (source, target):
            _break(end)


def _break(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
