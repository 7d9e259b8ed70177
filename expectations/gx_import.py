"""The import of Great Expectations, which must not find PySpark beside it, and need not load what it draws charts with.

GX imports PySpark wherever it is installed, and that looks for a Spark of this machine: the client of Spark Connect has
none, and ends the process. It imports boto3 and botocore alike, for buckets that we do not use, which takes 0.4 s.
Charts and distribution tests, which no suite of ours asks for, are a third of the import: they are loaded when somebody
uses them.
"""

import importlib
import os
import sys
from functools import cache
from importlib.util import find_spec
from types import ModuleType

HIDDEN = ("pyspark", "boto3", "botocore")
UNUSED = ("altair", "scipy.stats")


@cache
def import_gx() -> None:
    """Import Great Expectations as if there were no HIDDEN packages, before anything else does. It takes seconds."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"  # read when GX is imported
    for name in UNUSED:
        _load_when_used(name)
    found = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in HIDDEN}
    for name in HIDDEN:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own sign for what must not be imported
    try:
        importlib.import_module("great_expectations")
    finally:
        for name in HIDDEN:
            del sys.modules[name]
        sys.modules.update(found)


class _LoadedWhenUsed(ModuleType):
    """Stands for a module until somebody looks into it. Python's LazyLoader loads it at the next import already."""

    def __getattr__(self, attribute: str) -> object:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), attribute)


def _load_when_used(name: str) -> None:
    if name not in sys.modules and (spec := find_spec(name)):
        sys.modules[name] = module = _LoadedWhenUsed(name)
        module.__spec__, module.__file__ = spec, spec.origin
