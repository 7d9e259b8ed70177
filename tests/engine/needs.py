"""The requirement of the engine's tests: the extra `spark`, which `make setup` installs."""

from importlib.util import find_spec

import pytest

needs_an_engine = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("pysail", "pyspark", "sqlparams")),
    reason="the extra is not installed: pip install 'daybreak[spark]'",
)
