"""Embedded Sail for one session, closed to other users of the machine.

Sail has no password, and whoever reaches it can read and write files as its user. So it runs in a process of its own,
in a network namespace without any other program, and with no secret in its environment. The only way in is a Unix
socket in a private folder. The process ends with the one that started it.
"""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline_errors import ConfigurationError

SOCKET = "engine.sock"
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # sched.h; Python has them since 3.12
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # net/if.h
PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ", "PYTHONPATH", "SSL_CERT_FILE")
BLOCK_BYTES = 1 << 16
ELSEWHERE = "Set SPARK_REMOTE to a Spark server, or leave out --engine spark, which builds in Postgres."


@contextmanager
def embedded_server() -> Iterator[Path]:
    """Run Sail for the block, and yield its Unix socket.

    Raises ConfigurationError if this machine cannot close it to other users.
    """
    # not in DAYBREAK_HOME: the path of a socket is limited to 107 bytes
    with tempfile.TemporaryDirectory(prefix="daybreak-engine-") as folder:
        place = Path(folder, SOCKET)
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {"RUST_LOG": "off"}
        child = subprocess.Popen(  # noqa: S603 - this module
            [sys.executable, "-m", __spec__.name, str(place)],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=Path(__file__).parent.parent,
        )  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            answer = child.stdout.readline().strip()
            if answer != "ready":
                cause = answer or "it did not start"
                raise ConfigurationError(
                    f"The embedded Spark server cannot be closed to other users of this machine: {cause}", ELSEWHERE
                )
            yield place
        finally:
            child.kill()
            child.wait()
            child.stdin.close()
            child.stdout.close()


def enter_namespace() -> None:
    """Move this process, which has one thread, to a network of its own with a loopback interface.

    Raises OSError if the system or the container does not allow it, or is not Linux.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        _unshare(CLONE_NEWNET)  # for root
    except PermissionError:
        _unshare(CLONE_NEWUSER | CLONE_NEWNET)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def _unshare(flags: int) -> None:
    if not sys.platform.startswith("linux"):
        raise OSError(f"{sys.platform} has no network namespaces")
    if ctypes.CDLL(None, use_errno=True).unshare(flags):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _serve(place: str) -> None:
    """Serve Sail on the Unix socket until standard input ends, which it does with the starting process."""
    try:
        enter_namespace()
    except OSError as error:
        _answer(str(error.strerror or error))
        return
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        listener.listen()
        threading.Thread(target=_accept, args=[listener, server.listening_address], daemon=True).start()
        _answer("ready")
        sys.stdin.read()
    os._exit(0)


def _answer(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _accept(listener: socket.socket, address: tuple[str, int]) -> None:
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(address)
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=_forward, args=[source, target], daemon=True).start()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # either side has ended
        while block := source.recv(BLOCK_BYTES):
            target.sendall(block)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    _serve(sys.argv[1])
