"""dbt in this process: the same commands as people type, quietly, with errors that name the node."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from monitoring import lineage
from pipeline_errors import ModelError
from pipeline_settings import PROJECT_ROOT, settings
from transformation.dbt_errors import failure_of, raise_if_disk, raise_if_interrupted
from transformation.dbt_import import import_dbt
from transformation.pipelines import PIPELINES
from warehouse.connection import bounded_waits, connect, role_option

Progress = Callable[[str, int, int], None]  # name of a finished node, its number, how many there are
EventListener = Callable[[Any], None]  # dbt's own events (EventMsg)

PROJECT = PROJECT_ROOT / "dbt_project"
PUBLISH_REMEDY = "Its pipeline stays as it was. Correct it and run the same command again."


def build(
    tags: Sequence[str],
    *,
    full_refresh: bool = False,
    day_range: tuple[date, date] | None = None,
    on_progress: Progress | None = None,
    on_event: EventListener | None = None,
    selection: Sequence[str] = (),
    variables: Sequence[str] = (),
) -> int:
    """Build and test the models with these tags without publishing them; returns how many nodes ran.

    `selection`: options of dbt that choose nodes, in the place of the tags; `variables`: further vars, `name: value`.

    Raises ModelError naming the first node that failed, WarehouseError if Postgres is the cause.
    """
    variables = ["publish: false", *variables]
    if day_range:
        variables += [f"from: {day_range[0].isoformat()}", f"to: {day_range[1].isoformat()}"]
    arguments = ["build", "--exclude-resource-type", "unit_test", "--vars", "{" + ", ".join(variables) + "}"]
    arguments += selection or ["--select", *(f"tag:{tag}" for tag in tags)]
    if full_refresh:
        arguments.append("--full-refresh")
    listeners = [progress_listener(on_progress)] if on_progress else []
    return len(invoke(arguments, [*listeners, on_event] if on_event else listeners).results)


def publish(pipelines: Sequence[str]) -> None:
    """Publish what the last build of these pipelines made ready, one transaction each.

    dbt is not started: each build leaves its pipeline a function in the warehouse, which a bare `dbt build` calls too.

    Raises ModelError if a build is not green or was based on marts that have changed since, WarehouseError if Postgres
    is the cause.
    """
    for name in [pipeline.name for pipeline in PIPELINES if pipeline.name in pipelines]:
        try:
            with connect() as connection:
                row = connection.execute(f"select blocker from build.publish_{name}()".encode()).fetchone()
        except psycopg.errors.UndefinedFunction:
            raise ModelError(f"{name} is not published: no build of it has ended", PUBLISH_REMEDY) from None
        except psycopg.Error as error:
            raise ModelError(f"{name} is not published: {error.diag.message_primary}", PUBLISH_REMEDY) from None
        if row and row["blocker"]:
            raise ModelError(f"{name} is not published: {row['blocker']}", PUBLISH_REMEDY)


def snapshot(names: Sequence[str]) -> None:
    """Bring these snapshots up to what readers see. Raises ModelError, or WarehouseError if Postgres is the cause."""
    invoke(["snapshot", "--select", *names])


def run_on_engine(tag: str, variables: Sequence[str], on_progress: Progress | None = None) -> None:
    """Run the models with this tag in the process's Spark session. Raises ModelError naming the first that failed."""
    arguments = ["run", "--target", "spark", "--select", f"tag:{tag}", "--vars", "{" + ", ".join(variables) + "}"]
    # names are others with each build, and the project is parsed again
    invoke(arguments, [progress_listener(on_progress)] if on_progress else [], state="dbt-on-engine")


def nodes_of(tags: Sequence[str]) -> list[Any]:
    """The models with one of these tags, and the data tests on them."""
    nodes = _manifest().nodes.values()
    models = [node for node in nodes if node.resource_type == "model" and set(tags) & set(node.tags)]
    ids = {node.unique_id for node in models}
    return models + [node for node in nodes if node.resource_type == "test" and ids & set(node.depends_on.nodes)]


def build_staging() -> None:
    """Create the staging and quarantine views again, and load the seeds."""
    invoke(["build", "--select", "tag:staging", "--resource-type", "model", "seed"])


def forget_project() -> None:
    """Parse the project again next time: for another database or changed files in the same process."""
    _manifest.cache_clear()


def _settle_environment() -> None:
    """profiles.yml reads the environment alone: it gets a password that came from a file, and nothing of any `.env`.

    dbt would take the variables of a `.env` that lies around where the command is run, against our settings.
    """
    os.environ.setdefault("PYTHON_DOTENV_DISABLED", "true")
    if password := settings().pgpassword:
        os.environ["PGPASSWORD"] = password.get_secret_value()


def invoke(
    arguments: list[str],
    listeners: Sequence[EventListener] = (),
    *,
    state: str = "dbt",
    project: Path | None = None,
    manifest: Any = None,
) -> Any:
    """Run a dbt command; returns what dbt does.

    One that is no part of a run has a `state` of its own, a folder in DAYBREAK_HOME, and reads the project anew unless
    `manifest` is at hand. Raises as `build` does.
    """
    import_dbt()
    from dbt.cli.main import dbtRunner

    _settle_environment()
    runner = dbtRunner(_manifest() if state == "dbt" else manifest, list(listeners))
    with _options_in_force():
        result = runner.invoke([*arguments, *_common_options(state, project)])
    if arguments[0] == "build" and state == "dbt":
        lineage.send(lambda: _lineage(result))
    if not result.success:
        raise_if_interrupted(result.exception)
        raise failure_of(arguments[0], result)
    return result.result


@contextmanager
def _options_in_force() -> Iterator[None]:
    """dbt's connections have the bounded waits, and the role of the block from their beginning on, as ours do.

    libpq takes them from PGOPTIONS. dbt's own setting sends `set role` in the first transaction, and a rollback of that
    would give the role back.
    """
    before = os.environ.get("PGOPTIONS")
    os.environ["PGOPTIONS"] = f"{before or ''} {bounded_waits()} {role_option()}".strip()
    try:
        yield
    finally:
        if before is None:
            del os.environ["PGOPTIONS"]
        else:
            os.environ["PGOPTIONS"] = before


def _lineage(result: Any) -> Sequence[Any]:
    from transformation.dbt_lineage import build_events

    return build_events(_manifest(), result.result) if result.result else []


@cache
def _manifest() -> Any:
    """The parsed project, once per process: parsing takes longer than a small build. Our vars matter to SQL alone."""
    import_dbt()
    from dbt.cli.main import dbtRunner

    _settle_environment()
    result = dbtRunner().invoke(["parse", *_common_options()])
    if not result.success:
        raise_if_disk(result.exception)
        raise ModelError(f"dbt cannot read the project: {result.exception}", "Correct it; dbt parse shows the place.")
    return result.result


def _state_of_connection() -> str:
    """The folder of the project as it was parsed for the connection in force.

    dbt parses everything again, for five seconds and more, if host, port, user or database are not those of the last
    parse: whoever works with two warehouses in turn would have that in each run.
    """
    connection = [os.environ.get(name) for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSSLMODE")]
    return f"dbt/{hashlib.sha256(repr(connection).encode()).hexdigest()[:12]}"


def _common_options(folder: str = "dbt", project: Path | None = None) -> list[str]:
    state = str(settings().daybreak_home / (_state_of_connection() if folder == "dbt" else folder))
    paths = ["--project-dir", str(project or PROJECT), "--profiles-dir", str(PROJECT_ROOT)]
    return [
        *paths,
        "--target-path",
        state,
        "--log-path",
        state,
        "--log-level",
        "none",
        "--no-version-check",
        "--quiet",
        "--no-write-json",  # its results tell the row that Postgres refused, and nobody reads them
    ]


def progress_listener(on_progress: Progress) -> EventListener:
    """Tell of each node of a build that has ended."""

    def on_event(event: Any) -> None:
        if event.info.name == "LogModelResult":
            on_progress(event.data.node_info.node_name, event.data.index, event.data.total)

    return on_event
