"""What a deployment needs before Airflow starts: `python -m orchestration.airflow.deploy`, as often as you like.

    Airflow's metadata database is migrated, and has the pools of pools.json; its time zone is the shop's
    dbt_project/target/manifest.json is what the project says now: the DAG files read it
    the warehouse has its schemas and staging views

Both halves run at the same time. Airflow is called as a program: its import is slow and changes logging and warnings.
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
    """Do all parts; each says one line when it is done. Raises a DaybreakError of the first that failed."""
    with ThreadPoolExecutor(1) as beside:
        airflow = beside.submit(_run, [migrate_metadata, import_pools], say)
        _run([check_time_zone, write_manifest, prepare_warehouse], say)
        airflow.result()


def check_time_zone() -> str:
    """See that Airflow's nights are the shop's. Raises ConfigurationError."""
    variable, wanted = "AIRFLOW__CORE__DEFAULT_TIMEZONE", shop_config().time_zone
    found = os.environ.get(variable, "utc")  # Airflow's default
    if found.casefold() != wanted.casefold():
        raise ConfigurationError(f"Airflow's time zone is {found}, the shop's is {wanted}", f"Set {variable}={wanted}.")
    return f"Nights are those of {wanted}"


def migrate_metadata() -> str:
    """Create or migrate Airflow's own tables; quick if they are up to date. Raises ConfigurationError."""
    _airflow(
        ["db", "migrate"],
        "Check AIRFLOW__DATABASE__SQL_ALCHEMY_CONN and …_CONN_ASYNC: the database must exist, and be its user's own.",
    )
    return "Airflow's metadata database is up to date"


def import_pools() -> str:
    """Create the pools, or set them to what pools.json says. Raises ConfigurationError."""
    _airflow(["pools", "import", str(POOLS_FILE)], f"Correct {POOLS_FILE.name}.")
    return f"Pools are those of {POOLS_FILE.name}"


def write_manifest(project: Path = PROJECT_ROOT / "dbt_project", manifest: Path = MANIFEST) -> str:
    """Parse the dbt project into its manifest, which is replaced as a whole: a DAG file may be reading it.

    Needs no warehouse. Raises ModelError if the project cannot be parsed.
    """
    from dbt.cli.main import dbtRunner

    os.environ.setdefault("PGHOST", "127.0.0.1")  # profiles.yml asks for a host; parsing connects to none
    drafts = manifest.parent / "deploy"
    options = ["--project-dir", project, "--profiles-dir", PROJECT_ROOT, "--target-path", drafts, "--log-path", drafts]
    result = dbtRunner().invoke(
        ["parse", *map(str, options), "--log-level", "none", "--no-version-check", "--quiet"],
    )
    if not result.success:
        raise ModelError(f"dbt cannot read the project: {result.exception}", "Correct it; dbt parse shows the place.")
    (drafts / "manifest.json").replace(manifest)
    return f"{manifest.relative_to(project.parent)} is written"


def prepare_warehouse() -> str:
    """Schemas, settings and staging views. Raises WarehouseError, ConfigurationError or ModelError."""
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
    said = [line.strip() for line in (finished.stdout + finished.stderr).splitlines() if line.strip()]
    if said and said[-1].endswith("No module named airflow"):
        raise ConfigurationError("Airflow is not installed", "Run `make setup`.")
    raise ConfigurationError(
        f"airflow {' '.join(arguments[:2])} ended with {finished.returncode}: {' / '.join(said[-SHOWN_LINES:])}", remedy
    )


def main() -> int:
    """Deploy, and return the exit code; the error is one line."""
    try:
        deploy(typer.echo)
    except DaybreakError as error:
        typer.echo(f"daybreak: {error}", err=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
