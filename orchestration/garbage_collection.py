"""Python's garbage collector, set for a process that imports much, builds one large manifest, and ends."""

import atexit
import gc

YOUNG_OBJECTS = 50_000  # Python's own limit is 700


def collect_rarely() -> None:
    """Let the collector look for cycles seventy times as rarely, and not at all when the process ends.

    Most of what dbt and Great Expectations make lives as long as the process: searching all of it again and again took
    a sixth of a small run's time. Cycles wait longer for their end, some tens of megabytes of them at most.
    """
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)
