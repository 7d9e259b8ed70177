"""All benchmarks, on separate servers: `make bench`, or `python -m benchmarks landing days …` for some of them.

It prints tables of ratios. The figures of each part go to .daybreak/bench.json at its end, and those of other parts
stay there: after an interruption, run the missing parts by name. All parts take an hour and a half.
"""

import json
import os
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import airflow, backfill, days, engine, fixed_cost, history, landing
from local import servers
from local.postgres import USER, Postgres
from pipeline_settings import settings

PARTS: dict[str, Any] = {
    "fixed_cost": fixed_cost,
    "landing": landing,
    "days": days,
    "history": history,
    "engine": engine,
    "airflow": airflow,
    "backfill": backfill,
}


def main(parts: list[str]) -> None:
    """Start embedded servers in a temporary directory, run each benchmark, and remove everything."""
    if unknown := set(parts) - set(PARTS):
        raise SystemExit(f"There is no {', '.join(sorted(unknown))}, only {', '.join(PARTS)}.")
    results = settings().daybreak_home / "bench.json"
    for variable in [name for name in os.environ if name.startswith(("PG", "REDIS_URL", "DAYBREAK_", "SHOP_"))]:
        del os.environ[variable]
    with tempfile.TemporaryDirectory(prefix="daybreak-bench-") as home:
        Path(home).chmod(0o711)  # the account of root's Postgres must be able to enter it
        os.environ["DAYBREAK_HOME"] = home
        settings.cache_clear()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # to stop the servers
        servers.ensure()
        servers.down()
        superuser = Postgres(Path(home) / "servers")
        superuser.execute_as_superuser([f"grant pg_checkpoint to {USER}", "create extension pg_prewarm"], "template1")
        servers.ensure()
        try:
            for number, part in enumerate(chosen := parts or list(PARTS), start=1):
                print(f"{part}, part {number} of {len(chosen)}", file=sys.stderr, flush=True)
                _run(part, results)
        finally:
            servers.down()


def _run(part: str, results: Path) -> None:
    found = PARTS[part].run()
    Console().print(PARTS[part].table(found))
    figures = json.loads(results.read_text()) if results.exists() else {}
    figures[part] = [asdict(one) for one in found] if isinstance(found, list) else asdict(found)
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
