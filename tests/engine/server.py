"""A Spark Connect server in a separate process, as in production, but with Sail."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def server(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start a Spark Connect server in a separate process."""
    command = [sys.executable, "-m", "pysail", "spark", "server", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    try:
        while b"on 127.0.0.1" not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(0.5)
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
