"""The deploy job, before Airflow starts: `python -m orchestration.airflow.deploy`. It is idempotent.

    migrates Airflow's metadata database, imports pools.json, and compares Airflow's time zone with the shop's
    writes dbt_project/target/manifest.json, which the DAG files read
    creates the warehouse's schemas and staging views

Airflow's part and the rest run in parallel. Airflow runs as a subprocess: its import is slow and changes logging and
warnings.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import typer

from ingestion.declaration.shop_config import shop_config
from orchestration import steps
from pipeline_errors import ConfigurationError, DaybreakError, ModelError
from pipeline_settings import PROJECT_ROOT

POOLS_FILE = PROJECT_ROOT / "orchestration" / "airflow" / "pools.json"
MANIFEST = PROJECT_ROOT / "dbt_project" / "target" / "manifest.json"
SHOWN_LINES = 3  # of a failed command's output

Part = Callable[[], str]


def deploy(say: Callable[[str], None]) -> None:
    """Run all parts; each prints one line when done. Raises the DaybreakError of the first part that failed."""
    with ThreadPoolExecutor(1) as beside:
        airflow = beside.submit(_run, [migrate_metadata, import_pools], say)
        _run([check_time_zone, write_manifest, prepare_warehouse], say)
        airflow.result()


def check_time_zone() -> str:
    """Check that Airflow and the shop have the same time zone. Raises ConfigurationError."""
    variable, expected = "AIRFLOW__CORE__DEFAULT_TIMEZONE", shop_config().time_zone
    actual = os.environ.get(variable, "utc")  # Airflow's default
    if actual.casefold() != expected.casefold():
        raise ConfigurationError(
            f"Airflow's time zone is {actual}, the shop's is {expected}", f"Set {variable}={expected}."
        )
    return f"The time zone is {expected}"


def migrate_metadata() -> str:
    """Create or migrate Airflow's tables; quick if they are up to date. Raises ConfigurationError."""
    _airflow(
        ["db", "migrate"],
        "Check AIRFLOW__DATABASE__SQL_ALCHEMY_CONN and …_CONN_ASYNC: the database must exist, owned by its user.",
    )
    return "Airflow's metadata database is up to date"


def import_pools() -> str:
    """Create or update the pools of pools.json. Raises ConfigurationError."""
    _airflow(["pools", "import", str(POOLS_FILE)], f"Correct {POOLS_FILE.name}.")
    return f"Imported the pools of {POOLS_FILE.name}"


def write_manifest(project: Path = PROJECT_ROOT / "dbt_project", manifest: Path = MANIFEST) -> str:
    """Parse the dbt project and replace its manifest atomically, because a DAG file may be reading it.

    Needs no warehouse. Raises ModelError if dbt cannot parse the project.
    """
    from dbt.cli.main import dbtRunner

    os.environ.setdefault("PGHOST", "127.0.0.1")  # profiles.yml requires a host; parsing does not connect
    drafts = manifest.parent / "deploy"
    options = ["--project-dir", project, "--profiles-dir", PROJECT_ROOT, "--target-path", drafts, "--log-path", drafts]
    result = dbtRunner().invoke(
        ["parse", *map(str, options), "--log-level", "none", "--no-version-check", "--quiet"],
    )
    if not result.success:
        raise ModelError(f"dbt cannot parse the project: {result.exception}", "Correct it; `dbt parse` shows where.")
    (drafts / "manifest.json").replace(manifest)
    return f"Wrote {manifest.relative_to(project.parent)}"


def prepare_warehouse() -> str:
    """Create schemas, settings and staging views. Raises WarehouseError, ConfigurationError or ModelError."""
    steps.prepare()
    return "The warehouse has its schemas and staging views"


def _run(parts: Sequence[Part], say: Callable[[str], None]) -> None:
    for part in parts:
        try:
            say(part())
        except DaybreakError as error:
            error.place(None, part.__name__)
            raise


def _airflow(arguments: list[str], remedy: str) -> None:
    command = [sys.executable, "-m", "airflow", *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if finished.returncode == 0:
        return
    output = [line.strip() for line in (finished.stdout + finished.stderr).splitlines() if line.strip()]
    if output and output[-1].endswith("No module named airflow"):
        raise ConfigurationError("Airflow is not installed", "Run `make setup`.")
    raise ConfigurationError(
        f"airflow {' '.join(arguments[:2])} exited with {finished.returncode}: {' / '.join(output[-SHOWN_LINES:])}",
        remedy,
    )


def main() -> int:
    """Deploy and return the exit code. An error prints one line."""
    try:
        deploy(typer.echo)
    except DaybreakError as error:
        typer.echo(f"daybreak: {error}", err=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
