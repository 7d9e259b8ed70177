"""Garbage collection for a short process that imports large libraries and builds one large manifest."""

import atexit
import gc

YOUNG_OBJECTS = 50_000  # Python's own limit is 700


def collect_rarely() -> None:
    """Collect seventy times less often, and not at all at exit.

    Most objects of dbt and Great Expectations live as long as the process. Scanning them again and again took a sixth
    of the time of a small run. The cost is at most some tens of megabytes of uncollected cycles.
    """
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)
