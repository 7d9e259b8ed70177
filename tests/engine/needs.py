"""The requirements of the engine's tests: the extra `spark`, which `make setup` installs, and network namespaces."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from pipeline_settings import PROJECT_ROOT

ENTER = "from engine.embedded_server import enter_namespace; enter_namespace()"


def _reason_to_skip() -> str | None:
    if any(find_spec(name) is None for name in ("pysail", "pyspark", "sqlparams")):
        return "the extra is not installed: pip install 'daybreak[spark]'"
    tried = subprocess.run([sys.executable, "-c", ENTER], cwd=PROJECT_ROOT, capture_output=True, check=False)
    return "this machine refuses network namespaces, without which there is no embedded engine" * bool(tried.returncode)


reason_to_skip = _reason_to_skip()
needs_an_engine = pytest.mark.skipif(bool(reason_to_skip), reason=reason_to_skip or "")
