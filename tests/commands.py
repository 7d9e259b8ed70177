"""Commands that tests start: a failure shows the command's own last line and the place of everything else it wrote."""

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
    """Run a command and return its standard output. The test fails if the command does."""
    return completed(command, cwd=cwd, env=env, timeout=timeout, stdin=stdin).stdout


def completed(
    command: Sequence[str | Path],
    *,
    cwd: Path = PROJECT_ROOT,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    stdin: str | None = None,
) -> "subprocess.CompletedProcess[str]":
    """As `run`, with standard error."""
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
    """What a failed command said last, and the file that holds all of it."""
    with tempfile.NamedTemporaryFile("w", prefix="daybreak-failed-", suffix=".log", delete=False) as log:
        log.write(output)
    words = shlex.join(map(str, command))
    return f"{last_line(output)}\n{words[:200]} ended with {exit_code}. Its output: {log.name}"


def last_line(output: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no output")
