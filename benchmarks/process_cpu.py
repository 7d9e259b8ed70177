"""What a process and all that it started have used of the processors."""

from contextlib import suppress

import psutil  # type: ignore[import-untyped]


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process, of those that it has waited for, and of those that it has below it now, likewise."""
    process = psutil.Process(pid)
    used = 0.0
    for each in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile, and its parent tells of it
            used += sum(each.cpu_times()[:4])
    return used
