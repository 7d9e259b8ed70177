"""`daybreak`, killed before or after a step: `python killed_run.py before publish run 2026-03-01`."""

import os
import signal
import sys
from typing import Any

from orchestration import steps
from orchestration.cli import app


def kill_at(moment: str, name: str) -> None:
    """Have this process killed when the step is reached, or when it has ended."""
    step = getattr(steps, name)

    def killed(*arguments: Any, **named: Any) -> None:
        if moment == "after":
            step(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(steps, name, killed)


if __name__ == "__main__":
    kill_at(*sys.argv[1:3])
    sys.argv[1:3] = []
    app()
