"""Print the facts of the DAG files as JSON. A separate program: Airflow's import changes logging and warnings."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pendulum
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Connection

from pipeline_settings import PROJECT_ROOT

DAGS = PROJECT_ROOT / "orchestration" / "dags"
opened: set[str] = set()


def note(event: str, arguments: tuple[Any, ...]) -> None:
    """Record opened files, connections and processes: an audit hook for the parsing of the DAG files."""
    if event == "open" and isinstance(arguments[0], str):
        opened.add(arguments[0])
    if event in ("socket.connect", "subprocess.Popen"):
        opened.add(event)


def ask(connection_id: str) -> None:
    """Record a request for an Airflow connection, in place of Connection.get."""
    opened.add(f"connection {connection_id}")


def main() -> None:
    """Parse all DAG files as the DAG processor does."""
    sys.addaudithook(note)
    Connection.get = ask  # type: ignore[assignment, method-assign]
    bag = DagBag(dag_folder=DAGS)
    files = {path for path in opened if not path.endswith((".py", ".pyc"))}
    dags = {dag_id: facts(dag) for dag_id, dag in bag.dags.items()}
    sys.stdout.write(json.dumps({"errors": bag.import_errors, "opened": sorted(files), "dags": dags}))


def facts(dag: Any) -> dict[str, Any]:
    """Return the facts that the tests check."""
    return {
        "file": Path(dag.fileloc).name,
        "catchup": dag.catchup,
        "start_date": dag.start_date and dag.start_date.isoformat(),
        "max_active_runs": dag.max_active_runs,
        "is_paused_upon_creation": dag.is_paused_upon_creation,
        "timetable": type(dag.timetable).__name__,
        "first_run_by_itself": first_run(dag.timetable),
        "expression": getattr(dag.timetable, "expression", None),
        "doc": dag.doc_md,
        "tags": sorted(dag.tags),
        "params": sorted(dag.params),
        "tasks": {
            task.task_id: {
                "operator": type(task).__name__,
                "upstream": sorted(task.upstream_task_ids),
                "downstream": sorted(task.downstream_task_ids),
                "trigger_rule": str(getattr(task.trigger_rule, "value", task.trigger_rule)),
                "retries": task.retries,
                "retry_delay": task.retry_delay.total_seconds(),
                "grows": bool(task.retry_exponential_backoff),
                "max_retry_delay": task.max_retry_delay and task.max_retry_delay.total_seconds(),
                "execution_timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
                "pool": task.pool,
                "owner": task.owner,
                "outlets": [asset.name for asset in task.outlets],
                "reports_failure": bool(task.on_failure_callback),
                "trigger": asdict(task.start_trigger_args) if task.start_trigger_args else None,
                "mode": getattr(task, "mode", None),
                "poke_interval": getattr(task, "poke_interval", None),
                "timeout": getattr(task, "timeout", None),
            }
            for task in dag.tasks
        },
    }


def first_run(timetable: Any) -> str | None:
    """Return the tick of the first scheduled run, if the DAG is unpaused an hour after the last tick."""
    if not hasattr(timetable, "run_immediately"):
        return None
    from airflow.serialization.decoders import decode_timetable
    from airflow.serialization.encoders import encode_timetable
    from airflow.timetables import trigger

    core: Any = decode_timetable(encode_timetable(timetable))
    last = core._align_to_prev(pendulum.now("UTC"))
    trigger.utcnow = lambda: last.add(hours=1)  # type: ignore[attr-defined]
    return "the last tick" if core._calc_first_run() == last else "the next tick"


if __name__ == "__main__":
    main()
