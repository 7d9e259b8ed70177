"""`daybreak` in processes that can be killed: forked from one with all imports done, so that a start costs nothing.

As a program, this is the forking process. It reads a line of JSON for each command and prints the child's pid; on the
line "wait" it prints how that child ended. A child that is still running is killed with it.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NoReturn, Self

from pipeline_settings import PROJECT_ROOT


class ForkedRun:
    """A running `daybreak` command."""

    def __init__(self, forker: "Forker", pid: int, output: Path) -> None:
        self.pid, self._forker, self._output = pid, forker, output

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; the process is not reaped before `wait`, so the pid is still valid."""
        os.kill(self.pid, number)

    def wait(self) -> tuple[int, str]:
        """Return the exit code, negative for a signal, and the output."""
        code = int(self._forker.ask("wait"))
        output = self._output.read_text()
        self._output.unlink()
        return code, output


class Forker:
    """The process that forks. One command at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.kills.forked_runs"],
            cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)

    def start(self, *arguments: str, kill_at: Sequence[str] = (), is_debugged: bool = False) -> ForkedRun:
        """Start a command in the current environment. `kill_at`: ("before" or "after", a step) kills it there.

        `is_debugged`: every library logs at debug level.
        """
        handle, name = tempfile.mkstemp(prefix="daybreak-output-")
        os.close(handle)
        command: dict[str, Any] = {
            "arguments": arguments,
            "environment": dict(os.environ),
            "output": name,
            "kill_at": list(kill_at),
        }
        command["is_debugged"] = is_debugged
        return ForkedRun(self, int(self.ask(json.dumps(command))), Path(name))

    def run(self, *arguments: str, kill_at: Sequence[str] = (), is_debugged: bool = False) -> tuple[int, str]:
        """Run a command; return its exit code and output."""
        return self.start(*arguments, kill_at=kill_at, is_debugged=is_debugged).wait()

    def ask(self, line: str) -> str:
        """Send one line to the process and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(line, file=self._process.stdin, flush=True)
        return self._process.stdout.readline().strip()


def kill_at(moment: str, name: str) -> None:
    """Make this process kill itself when the step starts, or when it has ended."""
    from orchestration import steps

    step = getattr(steps, name)

    def killed(*arguments: Any, **named: Any) -> None:
        if moment == "after":
            step(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(steps, name, killed)


def _import_everything() -> None:
    import serving.product_cache  # noqa: F401
    from expectations.gx_import import import_gx
    from transformation import dbt_runner

    import_gx()
    os.environ.setdefault("PGHOST", "127.0.0.1")
    os.environ.setdefault("PGDATABASE", "daybreak_test")
    dbt_runner._manifest()


def _become(command: dict[str, Any]) -> NoReturn:
    """Become the command, in the child."""
    from cli.main import app
    from pipeline_settings import settings

    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell inherit that it is ignored
    os.environ.clear()
    os.environ.update(command["environment"])
    settings.cache_clear()
    output = os.open(command["output"], os.O_WRONLY | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    if command["kill_at"]:
        kill_at(*command["kill_at"])
    if command["is_debugged"]:
        logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s %(message)s", force=True)
        logging.Logger.setLevel = lambda *_: None  # type: ignore[method-assign] # the command would raise the level again
    try:
        app(command["arguments"])
    except SystemExit as ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else 1)
    os._exit(0)


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Fork requested commands until the input ends."""
    child = 0
    for line in requests:
        if line.strip() == "wait":
            _, status = os.waitpid(child, 0)
            child = 0
            print(os.waitstatus_to_exitcode(status), file=answers, flush=True)
            continue
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
        print(child, file=answers, flush=True)
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    _import_everything()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    serve(sys.stdin, sys.stdout)
