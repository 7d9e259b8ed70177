"""All benchmarks, on servers of their own: `make bench`. Prints tables of ratios; figures go to .daybreak/bench.json.

Takes about half an hour.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks import landing
from local import servers
from pipeline_settings import settings


def main() -> None:
    """Start the embedded servers in a place of their own, run each benchmark, and take all away again."""
    results = settings().daybreak_home / "bench.json"
    for variable in [name for name in os.environ if name.startswith(("PG", "REDIS_URL", "DAYBREAK_", "SHOP_"))]:
        del os.environ[variable]
    with tempfile.TemporaryDirectory(prefix="daybreak-bench-") as home:
        Path(home).chmod(0o711)  # root's Postgres runs as another account, which must be able to walk through
        os.environ["DAYBREAK_HOME"] = home
        settings.cache_clear()
        servers.ensure()
        try:
            landings = landing.run()
            Console().print(landing.table(landings))
            results.parent.mkdir(parents=True, exist_ok=True)
            results.write_text(json.dumps({"landing": [asdict(one) for one in landings]}, indent=1))
            subprocess.run([sys.executable, str(Path(__file__).with_name("history.py"))], check=True)
        finally:
            servers.down()


if __name__ == "__main__":
    main()
