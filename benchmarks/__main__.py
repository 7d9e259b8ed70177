"""All benchmarks, on servers of their own: `make bench`. Takes about a quarter of an hour."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from local import servers
from pipeline_settings import settings

BENCHMARKS = ("landing.py", "history.py")


def main() -> None:
    """Start the embedded servers in a place of their own, run each benchmark, and take all away again."""
    for variable in [name for name in os.environ if name.startswith(("PG", "REDIS_URL", "DAYBREAK_", "SHOP_"))]:
        del os.environ[variable]
    with tempfile.TemporaryDirectory(prefix="daybreak-bench-") as home:
        Path(home).chmod(0o711)  # root's Postgres runs as another account, which must be able to walk through
        os.environ["DAYBREAK_HOME"] = home
        settings.cache_clear()
        servers.ensure()
        try:
            for name in BENCHMARKS:
                subprocess.run([sys.executable, str(Path(__file__).with_name(name))], check=True)
        finally:
            servers.down()


if __name__ == "__main__":
    main()
