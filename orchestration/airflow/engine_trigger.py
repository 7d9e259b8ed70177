"""Waiting for an engine in Airflow's triggerer, where many wait at the cost of one."""

import asyncio
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from orchestration.airflow.connections import take_connections
from pipeline_errors import ConfigurationError, ModelError, WarehouseError
from pipeline_settings import PROJECT_ROOT

POLL_SECONDS = 0.5
ERRORS = {error.exit_code: error for error in (ConfigurationError, WarehouseError, ModelError)}


class EngineJob(BaseTrigger):
    """Has a submitted job computed, in a process of its own, and tells its end.

    `arguments`: those of `engine.engine_steps`, the job's id first. A triggerer that dies alone leaves the
    process at work, and the next one's process waits for it instead of computing a second time.
    """

    def __init__(self, arguments: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What Airflow keeps of it."""
        return f"{EngineJob.__module__}.{EngineJob.__name__}", {"arguments": self.arguments}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the job, the exit code, and the error's line."""
        await sync_to_async(take_connections)()
        command = [sys.executable, "-m", "engine.engine_steps", *self.arguments]
        with tempfile.TemporaryFile() as output:
            self._process = subprocess.Popen(  # noqa: S603  # our own program; what Airflow keeps is its arguments
                command, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL, stderr=output
            )
            while (exit_code := self._process.poll()) is None:
                await asyncio.sleep(POLL_SECONDS)
            output.seek(0)
            lines = output.read().decode(errors="replace").strip().splitlines()
        yield TriggerEvent(  # type: ignore[no-untyped-call]
            {"job": self.arguments[0], "exit_code": exit_code, "error": lines[-1] if lines else ""}
        )

    async def on_kill(self) -> None:
        """Somebody has cleared or marked the task: nobody waits for the job any more."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            await sync_to_async(self._process.wait)()


def raise_if_failed(event: dict[str, Any]) -> None:
    """Raise the error of a job that has failed, of its own family; WarehouseError if its process was ended."""
    exit_code, error = event["exit_code"], event["error"]
    if exit_code == -signal.SIGALRM:
        raise WarehouseError("The engine has not ended in time", "If nothing holds it up, raise STEP_TIMEOUT_MINUTES.")
    if exit_code:
        raise ERRORS.get(exit_code, WarehouseError)(error or f"The engine's job ended with {exit_code}")
