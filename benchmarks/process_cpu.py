"""CPU of a process and its descendants."""

from contextlib import suppress

import psutil  # type: ignore[import-untyped]


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process, of the children that it has waited for, and of its living descendants."""
    process = psutil.Process(pid)
    used = 0.0
    for each in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # it has just ended, and its parent counts it
            used += sum(each.cpu_times()[:4])
    return used
