"""CPU of the embedded Postgres, which is part of the cost of landing."""

import os
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]


def postgres_cpu_seconds() -> float | None:
    """Return the CPU seconds of the server below BENCH_HOME and all its sessions; None if it is not embedded."""
    pid_file = Path(os.environ.get("BENCH_HOME", "")) / "servers" / "postgres" / "data" / "postmaster.pid"
    if not pid_file.exists():
        return None
    server = psutil.Process(int(pid_file.read_text().splitlines()[0]))
    used = server.cpu_times()
    seconds = used.user + used.system + used.children_user + used.children_system
    for session in server.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has just ended
            seconds += sum(session.cpu_times()[:2])
    return float(seconds)
