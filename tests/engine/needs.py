"""The requirements of the engine's tests: the extra `spark`, which `make setup` installs, and namespaces."""

from importlib.util import find_spec

import pytest

from engine.embedded_server import can_isolate

_is_missing = any(find_spec(name) is None for name in ("pysail", "pyspark", "sqlparams"))

needs_an_engine = pytest.mark.skipif(
    _is_missing or not can_isolate(),
    reason="the extra is not installed: pip install 'daybreak[spark]'"
    if _is_missing
    else "the embedded engine needs user and network namespaces, which this machine refuses",
)
