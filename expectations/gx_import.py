"""The import of Great Expectations: hides PySpark, and skips parts that Daybreak does not use.

GX imports PySpark if it is installed, which looks for a local Spark: the Spark Connect client has none, and exits the
process. GX also imports boto3 and botocore, for buckets that Daybreak does not use, which takes 0.4 s. Charts and
distribution tests, which no suite here uses, are a third of the import; they load on first use. Another third are GX's
data sources, a pydantic model for each kind of file and database. Only the ones for Postgres are loaded, and of the
fifty expectations only the two that the suites here use.
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
    """Import Great Expectations without the HIDDEN packages, before other code imports it. Takes seconds."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"  # read when GX is imported
    for name in UNUSED:
        _defer_import(name)
    found = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in HIDDEN}
    for name in HIDDEN:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's marker for a module that must not be imported
    unused = [
        *_modules(SOURCES, "*_datasource.py", USED_SOURCES),
        *_modules(SOURCES, "fabric.py", ()),
        *_modules(EXPECTATIONS, "expect_*.py", USED_EXPECTATIONS),
    ]
    sys.modules.update({name: _EmptyModule(name) for name in unused})
    try:
        importlib.import_module("great_expectations")
    finally:
        for name in (*HIDDEN, *unused):
            del sys.modules[name]
        sys.modules.update(found)


def _modules(package: str, pattern: str, used: tuple[str, ...]) -> list[str]:
    """Return a GX package's modules that are neither used nor imported yet. GX only names their classes."""
    spec = find_spec("great_expectations")
    places = spec.submodule_search_locations if spec else None
    folder = Path((places or [""])[0], *package.split(".")[1:])
    names = [f"{package}.{file.stem}" for file in folder.glob(pattern) if file.stem not in used]
    return [name for name in names if name not in sys.modules]


class _EmptyModule(ModuleType):
    """A stand-in for an unused module: every attribute is an empty class."""

    def __getattr__(self, attribute: str) -> object:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return type(attribute, (), {})


class _LazyModule(ModuleType):
    """A stand-in for a module until its first use. Python's LazyLoader would load it at the next import already."""

    def __getattr__(self, attribute: str) -> object:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), attribute)


def _defer_import(name: str) -> None:
    if name not in sys.modules and (spec := find_spec(name)):
        sys.modules[name] = module = _LazyModule(name)
        module.__spec__, module.__file__ = spec, spec.origin
