"""The trigger that waits for the engine in Airflow's triggerer, without a worker slot."""

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
    """Runs a submitted job in a separate process, and yields an event when it ends.

    `arguments`: for `engine.engine_steps`, the job's id first. If only the triggerer dies, the process continues; the
    next triggerer's process waits for it instead of computing twice.
    """

    def __init__(self, arguments: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments that Airflow stores."""
        return f"{EngineJob.__module__}.{EngineJob.__name__}", {"arguments": self.arguments}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: job id, exit code and error line."""
        await sync_to_async(take_connections)()
        command = [sys.executable, "-m", "engine.engine_steps", *self.arguments]
        with tempfile.TemporaryFile() as output:
            self._process = subprocess.Popen(  # noqa: S603  # our program, with the arguments that Airflow stored
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
        """Stop the job's process: the task was cleared or marked, so the result is not needed."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            await sync_to_async(self._process.wait)()


def raise_if_failed(event: dict[str, Any]) -> None:
    """Raise the error of a failed job by its exit code; WarehouseError if its process was killed."""
    exit_code, error = event["exit_code"], event["error"]
    if exit_code == -signal.SIGALRM:
        raise WarehouseError("The engine did not finish in time", "If nothing blocks it, raise STEP_TIMEOUT_MINUTES.")
    if exit_code:
        raise ERRORS.get(exit_code, WarehouseError)(error or f"The engine's job exited with {exit_code}")
