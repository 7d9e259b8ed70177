"""Sail in a child process whose network nobody else can enter, reached through a Unix socket in a private folder.

Sail listens on TCP without a password. In a network namespace, its port is visible only to the child.
"""

import asyncio
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline_errors import ConfigurationError

REMEDY = "Set SPARK_REMOTE to a server, or leave out --engine spark to build in Postgres."
NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET
GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
SOCKET = ".s.PGSQL.15002"  # a name in which the step's time limit (warehouse/time_limit.py) finds Spark's port
LONGEST_SOCKET_PATH = 100  # bytes; the kernel's limit is 107
KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")  # variables of the child: none holds a secret


@contextmanager
def embedded_server() -> Iterator[Path]:
    """Run Sail for the block and yield the path of its socket. Raises ConfigurationError if namespaces are refused."""
    with (
        TemporaryDirectory(prefix="daybreak-") as short,
        TemporaryDirectory(prefix="daybreak-", dir="/tmp") as fallback,
    ):
        path = Path(short) / SOCKET
        if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
            path = Path(fallback) / SOCKET
        process = _start(path)
        try:
            yield path
        finally:
            process.kill()
            process.communicate()


def _start(path: Path) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(  # noqa: S603 (this file)
        [sys.executable, "-I", __file__, str(path)],
        stdin=subprocess.PIPE,  # its end tells the child that this process has ended
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in KEPT if name in os.environ} | {"RUST_LOG": "off"},
    )
    assert process.stdout is not None
    answer = process.stdout.readline().decode().strip()
    if answer == "ready":
        return process
    process.kill()
    process.communicate()
    cause = answer or "its process ended"
    raise ConfigurationError(f"The embedded Spark server cannot be isolated on this machine: {cause}", REMEDY)


def isolate() -> None:
    """Move this process, which must have one thread, to new user and network namespaces. Raises OSError."""
    user, group = os.geteuid(), os.getegid()
    unshare = getattr(ctypes.CDLL(None, use_errno=True), "unshare", None)
    if unshare is None:
        raise OSError("it has no Linux namespaces")
    if unshare(NEW_USER | NEW_NETWORK) != 0:
        raise OSError(f"namespaces are refused: {os.strerror(ctypes.get_errno())}")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack("16xH14x", fcntl.ioctl(control, GET_FLAGS, request))
        fcntl.ioctl(control, SET_FLAGS, struct.pack("16sH14x", b"lo", flags | UP))


def can_isolate() -> bool:
    """Return whether this machine lets a process of this account isolate itself."""
    command = [sys.executable, "-c", "from engine.embedded_server import isolate; isolate()"]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0  # noqa: S603 (this file)


async def _serve(path: str) -> None:
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    host, port = server.listening_address

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server, from_client = await asyncio.open_connection(host, port)
        await asyncio.gather(_copy(reader, from_client), _copy(to_server, writer))

    await asyncio.start_unix_server(forward, path)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.buffer.read)  # until the parent has ended
    os._exit(0)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while block := await reader.read(1 << 16):
            writer.write(block)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


if __name__ == "__main__":
    try:
        isolate()
    except OSError as error:
        sys.stdout.write(f"{error}\n")
        sys.exit(1)
    asyncio.run(_serve(sys.argv[1]))
