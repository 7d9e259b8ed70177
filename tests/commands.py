"""Commands in tests: a failure shows the command's last line and the path of its whole output."""

import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pipeline_settings import PROJECT_ROOT


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path = PROJECT_ROOT,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    stdin: str | None = None,
) -> str:
    """Run a command and return its standard output. Fail the test if the command fails."""
    return completed(command, cwd=cwd, env=env, timeout=timeout, stdin=stdin).stdout


def completed(
    command: Sequence[str | Path],
    *,
    cwd: Path = PROJECT_ROOT,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    stdin: str | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run a command as `run` does, and return standard error too."""
    ended = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        timeout=timeout,
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if ended.returncode:
        pytest.fail(failure(command, ended.returncode, ended.stdout + ended.stderr), pytrace=False)
    return ended


def failure(command: Sequence[str | Path], exit_code: int, output: str) -> str:
    """Return the last message of a failed command, and the file with its whole output."""
    with tempfile.NamedTemporaryFile("w", prefix="daybreak-failed-", suffix=".log", delete=False) as log:
        log.write(output)
    words = shlex.join(map(str, command))
    return f"{last_line(output)}\n{words[:200]} ended with {exit_code}. Its output: {log.name}"


def last_line(output: str) -> str:
    """Return the last line that is not empty."""
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no output")
