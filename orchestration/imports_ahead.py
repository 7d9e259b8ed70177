"""What gate and build will need, imported in a thread while the shop lets us wait. No step relies on it.

Great Expectations and dbt take seconds to import, as long as all the rest of a small day. While a shop thinks about its
answer there is nothing else to do. Python runs one thread at a time: a shop that answers at once lets us gain nothing,
and what is imported then would have been a moment later.

Two threads that import may each wait for a module that the other is in the middle of. Python then hands out one that is
half done. So they never meet: what landing loads in its course and GX or dbt would load as well is loaded before the
thread starts (a test finds out whether anything is left), and the thread has ended before the next step begins.
"""

import importlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from expectations.gx_import import import_gx
from orchestration import dbt_import

logger = logging.getLogger(__name__)

SHARED = ("ingestion.landing", "pandas", "sqlalchemy")  # the last two are loaded by landing in its course, and by GX
OF_GX = ("sqlalchemy.orm", "jinja2", "marshmallow", "jsonschema")
# One after the other, as small as they can be had: after each the thread looks whether it shall end.
PARTS: tuple[Callable[[], object], ...] = (
    *(partial(importlib.import_module, name) for name in OF_GX),
    import_gx,
    dbt_import.prepare_for_dbt,
    *(partial(importlib.import_module, name) for name in dbt_import.PARTS),
)


@contextmanager
def imports_ahead(*, are_needed: bool) -> Iterator[None]:
    """Import while the block waits, if the run will need it; at its end what is being imported is finished, no more."""
    if not are_needed:
        yield
        return
    for name in SHARED:
        importlib.import_module(name)
    is_over = threading.Event()
    importing = threading.Thread(target=_import, args=[is_over], name="imports ahead")
    importing.start()
    try:
        yield
    finally:
        is_over.set()
        importing.join()


def _import(is_over: threading.Event) -> None:
    for part in PARTS:
        if is_over.is_set():
            return
        try:
            part()
        except Exception as failure:  # the step that needs it meets it again, and can tell whose it is
            logger.debug("not imported ahead: %s", failure)
            return
