"""The import of Great Expectations, which must not find PySpark beside it.

GX imports PySpark wherever it is installed, and that looks for a Spark of this machine: the client of Spark Connect has
none, and ends the process.
"""

import importlib
import sys
from functools import cache


@cache
def import_gx() -> None:
    """Import Great Expectations as if there were no PySpark, before anything else does. It takes seconds."""
    found = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "pyspark"}
    sys.modules["pyspark"] = None  # type: ignore[assignment]  # Python's own sign for a module that must not be imported
    try:
        importlib.import_module("great_expectations")
    finally:
        del sys.modules["pyspark"]
        sys.modules.update(found)
