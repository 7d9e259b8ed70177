"""A network that can be broken: a proxy in front of a server, which cuts what it is told to cut."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

Heard = Callable[[bytes], None]  # told what a client sends, before it is passed on


class CutError(Exception):
    """Raised by whoever listens, to cut the connection."""


class Proxy:
    """Passes bytes on between clients on 127.0.0.1 and a server. `heard` may raise CutError, or sleep."""

    def __init__(self, host: str, port: int, heard: Heard = lambda _: None) -> None:
        self.heard = heard
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
        """Break every connection that is open."""
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
                    self.heard(piece)
                target.sendall(piece)
        for end in (source, target):
            _break(end)


def _break(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
