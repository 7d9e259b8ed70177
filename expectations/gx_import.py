"""The import of Great Expectations, which must not find PySpark beside it, and need not load what it draws charts with.

GX imports PySpark wherever it is installed, and that looks for a Spark of this machine: the client of Spark Connect has
none, and ends the process. It imports boto3 and botocore alike, for buckets that we do not use, which takes 0.4 s.
Charts and distribution tests, which no suite of ours asks for, are a third of the import: they are loaded when somebody
uses them. Another third are its sources of data, one model of pydantic for each kind of file and database: of these
only what leads to Postgres is loaded, and of its fifty expectations the two that our suites have.
"""

import importlib
import os
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

HIDDEN = ("pyspark", "boto3", "botocore")
UNUSED = ("altair", "scipy.stats")
SOURCES, EXPECTATIONS = "great_expectations.datasource.fluent", "great_expectations.expectations.core"
USED_SOURCES = ("invalid_datasource", "sql_datasource", "postgres_datasource")
USED_EXPECTATIONS = ("expect_column_mean_to_be_between", "expect_column_values_to_be_in_set")  # by our suites


@cache
def import_gx() -> None:
    """Import Great Expectations as if there were no HIDDEN packages, before anything else does. It takes seconds."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"  # read when GX is imported
    for name in UNUSED:
        _load_when_used(name)
    found = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in HIDDEN}
    for name in HIDDEN:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own sign for what must not be imported
    unused = [
        *_modules(SOURCES, "*_datasource.py", USED_SOURCES),
        *_modules(SOURCES, "fabric.py", ()),
        *_modules(EXPECTATIONS, "expect_*.py", USED_EXPECTATIONS),
    ]
    sys.modules.update({name: _NothingInIt(name) for name in unused})
    try:
        importlib.import_module("great_expectations")
    finally:
        for name in (*HIDDEN, *unused):
            del sys.modules[name]
        sys.modules.update(found)


def _modules(package: str, pattern: str, used: tuple[str, ...]) -> list[str]:
    """Modules of a package of GX that are neither used nor imported yet. GX imports them only to name their classes."""
    spec = find_spec("great_expectations")
    places = spec.submodule_search_locations if spec else None
    folder = Path((places or [""])[0], *package.split(".")[1:])
    names = [f"{package}.{file.stem}" for file in folder.glob(pattern) if file.stem not in used]
    return [name for name in names if name not in sys.modules]


class _NothingInIt(ModuleType):
    """Stands for a module of which nothing is used: whatever is asked of it is an empty class."""

    def __getattr__(self, attribute: str) -> object:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return type(attribute, (), {})


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
