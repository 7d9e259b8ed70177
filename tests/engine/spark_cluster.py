"""Spark as in production: a master, two workers and a Connect server, each a process on 127.0.0.1.

Spark comes from the wheel `pyspark` of the client's version. It stays in .daybreak between runs, 450 MB, since no
program of Daybreak needs it.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import pytest

from local.state import free_port
from pipeline_settings import PROJECT_ROOT

HOST = "127.0.0.1"
WORKERS = 2
START_SECONDS = 300.0  # a busy machine takes two minutes
MASTER, WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"
CONNECT_SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"


class SparkCluster:
    """A cluster whose files and logs are below `home`."""

    def __init__(self, spark_home: Path, home: Path) -> None:
        self.port = free_port()
        self.url = f"sc://{HOST}:{self.port}"
        self._spark_home, self._home = spark_home, home
        self._master_port = free_port()
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start everything and wait until it answers."""
        web = ["--host", HOST, "--webui-port", "0"]
        self._daemons.append(self._run("master", "spark-class", MASTER, *web, "--port", str(self._master_port)))
        wait_for_port(self._master_port, self._daemons[0])
        for number in range(WORKERS):
            name = f"worker-{number}"
            size = ["--cores", "1", "--memory", "1g", "--work-dir", str(self._home / name)]
            self._daemons.append(self._run(name, "spark-class", WORKER, *web, *size, self._master))
        self.start_connect_server()

    def start_connect_server(self) -> None:
        """Start the Connect server, which requests executors from the master."""
        options = {
            "spark.connect.grpc.binding.address": HOST,
            "spark.connect.grpc.binding.port": self.port,
            "spark.driver.host": HOST,
            "spark.executor.memory": "768m",
            "spark.sql.shuffle.partitions": 4,
            "spark.sql.warehouse.dir": self._home / "warehouse",
            "spark.ui.enabled": "false",
        }
        given = [part for name, value in options.items() for part in ("--conf", f"{name}={value}")]
        self._server = self._run(
            "connect", "spark-submit", "--class", CONNECT_SERVER, "--master", self._master, *given
        )  # fmt: skip
        wait_for_port(self.port, self._server)

    def kill_connect_server(self) -> None:
        """Kill the Connect server, as a power cut would."""
        assert self._server is not None
        _kill(self._server)

    def stop(self) -> None:
        """End everything, including executors."""
        for process in [self._server, *reversed(self._daemons)]:
            if process:
                _kill(process)

    def log(self, name: str) -> str:
        """Return the output of a process."""
        return (self._home / f"{name}.log").read_text()

    @property
    def _master(self) -> str:
        return f"spark://{HOST}:{self._master_port}"

    def _run(self, name: str, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_"))}
        environment = kept | {
            "SPARK_HOME": str(self._spark_home),
            "SPARK_LOCAL_IP": HOST,
            "SPARK_LOCAL_DIRS": str(self._home / "scratch"),
            # spark-submit treats the Connect server as a daemon, and ignores other settings for its memory.
            "SPARK_DAEMON_MEMORY": "1g" if name == "connect" else "256m",
            "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
        }
        with (self._home / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [str(self._spark_home / "bin" / program), *arguments],
                cwd=self._home, env=environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a process listens on the port."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args!r} has ended"
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.2)
    raise AssertionError(f"{process.args!r} does not listen on {port}")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children, which are one process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def installed_spark() -> Path:
    """Return the folder of Spark, installed on first use. Skips the test if that fails."""
    if not shutil.which("java"):
        pytest.skip("Spark needs java, 17 or 21")
    place = PROJECT_ROOT / ".daybreak" / f"spark-{version('pyspark-client')}"
    complete = place / ".complete"
    if not complete.exists():
        uv, python = Path(sys.executable).with_name("uv"), place / "bin" / "python"
        _install(str(uv), "venv", "--clear", "--quiet", "--python", sys.executable, str(place))
        wheel = f"pyspark=={version('pyspark-client')}"
        _install(str(uv), "pip", "install", "--quiet", "--python", str(python), wheel)
        complete.touch()
    (spark_home,) = place.glob("lib/python*/site-packages/pyspark")
    return spark_home


def _install(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"Spark cannot be installed: {getattr(error, 'stderr', '') or error}")
