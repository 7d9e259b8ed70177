"""dbt in this process: the commands of its command line, without output, with errors that name the failed node."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from monitoring import lineage
from pipeline_errors import ModelError, WarehouseError
from pipeline_settings import PROJECT_ROOT, settings
from transformation.dbt_errors import failure_of, raise_if_disk, raise_if_interrupted
from transformation.dbt_import import import_dbt
from transformation.dbt_login import dbt_login
from transformation.parsed_project import folder_of
from transformation.pipelines import PIPELINES
from warehouse.connection import bounded_waits, connect, role_option

Progress = Callable[[str, int, int], None]  # name of a finished node, its number, the number of nodes
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
    """Build and test the models with these tags without publishing them. Return the number of nodes that ran.

    `selection`: dbt options that select nodes instead of the tags; `variables`: further vars, `name: value`.

    Raises ModelError with the first failed node, WarehouseError if Postgres is the cause.
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
    """Publish the last build of these pipelines, one transaction each.

    It does not start dbt: each build creates a publish function in the warehouse, which a bare `dbt build` also calls.

    Raises ModelError if a build failed, or was based on marts that have changed since; WarehouseError if Postgres is
    the cause.
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
    """Update these snapshots from the published marts. Raises ModelError, WarehouseError if Postgres is the cause."""
    invoke(["snapshot", "--select", *names])


def run_on_engine(tag: str, variables: Sequence[str], on_progress: Progress | None = None) -> None:
    """Run the models with this tag in the process's Spark session. Raises ModelError with the first failed model."""
    arguments = ["run", "--target", "spark", "--select", f"tag:{tag}", "--vars", "{" + ", ".join(variables) + "}"]
    # The project is parsed again, since each build has other names.
    invoke(arguments, [progress_listener(on_progress)] if on_progress else [], state="dbt-on-engine")


def nodes_of(tags: Sequence[str]) -> list[Any]:
    """Return the models with one of these tags, and their data tests."""
    nodes = _manifest().nodes.values()
    models = [node for node in nodes if node.resource_type == "model" and set(tags) & set(node.tags)]
    ids = {node.unique_id for node in models}
    return models + [node for node in nodes if node.resource_type == "test" and ids & set(node.depends_on.nodes)]


def build_staging() -> None:
    """Recreate the staging and quarantine views, and load the seeds."""
    invoke(["build", "--select", "tag:staging", "--resource-type", "model", "seed"])


def check_connection() -> None:
    """Open dbt's connection as a build does. Raises WarehouseError if that fails."""
    import_dbt()
    from dbt.cli.main import dbtRunner

    _settle_environment()
    state = str(folder_of("dbt", PROJECT))
    places = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT_ROOT), "--log-path", state]
    with _options_in_force():
        result = dbtRunner().invoke(["debug", "--connection", *places, "--log-level", "none", "--quiet"])
    if not result.success:
        raise WarehouseError(
            f"dbt cannot connect: {result.exception or 'dbt debug failed'}",
            'Run eval "$(daybreak env)" and dbt debug, which shows why.',
        )


def forget_project() -> None:
    """Parse the project again on next use, for another database or changed files in the same process."""
    _manifest.cache_clear()


def _settle_environment() -> None:
    """Set a password that came from a file for profiles.yml, and ignore `.env` files.

    Otherwise dbt would let a `.env` in the current directory override the settings.
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
    """Run a dbt command and return dbt's result.

    A command outside of runs has another `state`, a folder in DAYBREAK_HOME, and parses the project unless it gets a
    `manifest`. Raises the errors of `build`.
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
    """Give dbt's connections our lock timeouts and the login or role of the block, through variables of libpq.

    dbt's role setting sends `set role` in the first transaction, and a rollback would undo it.
    """
    options = f"{os.environ.get('PGOPTIONS', '')} {bounded_waits()} {role_option()}".strip()
    variables = {"PGOPTIONS": options, **dbt_login()}
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _lineage(result: Any) -> Sequence[Any]:
    from transformation.dbt_lineage import build_events

    return build_events(_manifest(), result.result) if result.result else []


@cache
def _manifest() -> Any:
    """Parse the project once per process: parsing takes longer than a small build. Our vars only affect the SQL."""
    import_dbt()
    from dbt.cli.main import dbtRunner

    _settle_environment()
    result = dbtRunner().invoke(["parse", *_common_options()])
    if not result.success:
        raise_if_disk(result.exception)
        raise ModelError(f"dbt cannot read the project: {result.exception}", "Correct it; dbt parse shows the place.")
    return result.result


def _common_options(folder: str = "dbt", project: Path | None = None) -> list[str]:
    project = project or PROJECT
    state = str(folder_of(folder, project))
    paths = ["--project-dir", str(project), "--profiles-dir", str(PROJECT_ROOT)]
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
        "--no-write-json",  # its results quote rows that Postgres refused, and nothing reads them
    ]


def progress_listener(on_progress: Progress) -> EventListener:
    """Return a listener that reports each finished node of a build."""

    def on_event(event: Any) -> None:
        if event.info.name == "LogModelResult":
            on_progress(event.data.node_info.node_name, event.data.index, event.data.total)

    return on_event
