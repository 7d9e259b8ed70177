"""A night under Airflow compared with `daybreak run` of a day: `python -m benchmarks.airflow [orders]`.

Days of both pipelines alternate: one under a real Airflow, as `make airflow` starts it, the next by `daybreak run DAY`
as a process. The figures are medians of several of each, after a warm-up. The breakdown of a task's time comes from
Airflow's metadata and `ops.step_runs`. Needs a server for new databases (PGHOST …) and Redis.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import psycopg
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table

from benchmarks.databases import use_new_database
from benchmarks.days import FIRST
from benchmarks.fixed_cost import DAYBREAK
from benchmarks.process_cpu import cpu_seconds
from benchmarks.shop import shop
from local.airflow import Airflow, running_airflow
from pipeline_settings import PROJECT_ROOT, settings
from transformation.pipelines import PIPELINES
from warehouse.connection import connect

ORDERS = 10_000
NIGHTS = 3
IDLE_SECONDS = 30.0
QUIET_SECONDS = 3.0  # without a queued or running run
LONGEST_SECONDS = 900.0

# The step of a task, by prefix of the task's name. Other tasks have none.
STEPS = {
    "check_api_health": "wait_for_shop",
    "extract_": "extract_load",
    "validate_": "gate",
    "score_sentiment": "score_sentiment",
    "publish": "publish",
    "update_cache": "update_cache",
    "generate_metrics": "measure",
    "monitor_and_alert": "measure",
}
BUILD = "dbt build"
BUILDS = {"standard_processing", "high_volume_processing", "calculate_product_metrics", "calculate_customer_health"}
TASKS = """
    select task.dag_id, task.run_id, task.task_id, task.scheduled_dttm, task.start_date, task.end_date
    from task_instance as task inner join dag_run as run on task.dag_id = run.dag_id and task.run_id = run.run_id
    where run.partition_key = %s and task.state = 'success' and task.operator not in ('EmptyOperator', 'NodeTask')
    order by task.start_date
"""
RUNS = "select state, queued_at, end_date from dag_run where partition_key = %s"


@dataclass(frozen=True)
class TaskCost:
    """The time of one kind of task: medians over its runs, in seconds.

    `waiting`: for a slot and a process; `starting`: from the process to the step (imports, the DAG's file); `working`:
    the step as logged; `ending`: the rest. A task without a step works from its start to its end.
    """

    task: str
    count: float  # a night
    waiting: float
    starting: float
    working: float
    ending: float

    @property
    def seconds(self) -> float:
        """From its due time to its end."""
        return self.waiting + self.starting + self.working + self.ending


@dataclass(frozen=True)
class Night:
    """Medians of nights under Airflow and of days by the command line. CPU excludes the servers."""

    orders: int
    nights: int
    airflow_seconds: float
    airflow_cpu_seconds: float
    command_seconds: float
    command_cpu_seconds: float
    idle_cpu_share: float  # of one processor, while idle
    tasks: list[TaskCost]


def run(orders: int = ORDERS, nights: int = NIGHTS) -> Night:
    """Run nights and commands alternately, each with another day."""
    use_new_database("bench_airflow")
    days = [FIRST + timedelta(days=number) for number in range(2 * (nights + 1))]
    by_airflow, by_command, tasks = [], [], list[dict[str, Any]]()
    with shop([(orders, days)]) as url:
        os.environ["SHOP_API_URL"] = f"{url}/{orders}"
        settings.cache_clear()
        with running_airflow({"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False"}) as airflow:
            _wait_for_dags(airflow)
            for night, command in zip(days[::2], days[1::2], strict=True):
                by_airflow.append(_night(airflow, night))
                by_command.append(_command(command))
                tasks += _tasks(airflow, night) if len(by_airflow) > 1 else []
                print(f"{by_airflow[-1][0]:.1f} s, {by_command[-1][0]:.1f} s", file=sys.stderr, flush=True)
            idle = _idle(airflow)
    return Night(orders, nights, *_medians(by_airflow[1:]), *_medians(by_command[1:]), idle, _costs(tasks, nights))


def _medians(figures: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(seconds for seconds, _ in figures), statistics.median(cpu for _, cpu in figures)


def _wait_for_dags(airflow: Airflow) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while airflow.api("/dags")["total_entries"] < len(PIPELINES):
        if time.monotonic() > deadline:
            raise SystemExit(f"Airflow has read no DAGs: {airflow.api('/importErrors')}")
        time.sleep(1)


def _night(airflow: Airflow, day: date) -> tuple[float, float]:
    """Return the seconds from the start of the first run to the end of the last, customer_health's, and their CPU."""
    used, deadline = _cpu_of(airflow), time.monotonic() + LONGEST_SECONDS
    for pipeline in (pipeline.name for pipeline in PIPELINES if pipeline.dataset):
        airflow.api(f"/dags/{pipeline}/dagRuns", {"logical_date": None, "partition_key": day.isoformat()})
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < QUIET_SECONDS:
        runs = _metadata(airflow, RUNS, day.isoformat())
        if len(runs) < len(PIPELINES) or any(run["state"] in ("queued", "running") for run in runs):
            quiet_since = time.monotonic()
        if time.monotonic() > deadline or any(run["state"] == "failed" for run in runs):
            raise SystemExit(f"The night of {day} did not end well: {runs}")
        time.sleep(0.5)
    seconds = max(run["end_date"] for run in runs) - min(run["queued_at"] for run in runs)
    return seconds.total_seconds(), _cpu_of(airflow) - used


def _command(day: date) -> tuple[float, float]:
    started = time.perf_counter()
    with subprocess.Popen([DAYBREAK, "run", day.isoformat()], stdout=subprocess.DEVNULL, cwd=PROJECT_ROOT) as process:
        used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(used[1])
    if process.returncode:
        raise SystemExit(f"daybreak run {day} ended with {process.returncode}")
    return time.perf_counter() - started, used[2].ru_utime + used[2].ru_stime


def _idle(airflow: Airflow) -> float:
    used, started = _cpu_of(airflow), time.perf_counter()
    time.sleep(IDLE_SECONDS)
    return (_cpu_of(airflow) - used) / (time.perf_counter() - started)


def _cpu_of(airflow: Airflow) -> float:
    return sum(cpu_seconds(service.process.pid) for service in airflow.services.values() if service.process)


def _metadata(airflow: Airflow, query: str, day: str) -> list[dict[str, Any]]:
    uri = airflow.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg", "")
    with psycopg.connect(uri, row_factory=dict_row) as connection:
        return connection.execute(query.encode(), [day]).fetchall()


def _tasks(airflow: Airflow, day: date) -> list[dict[str, Any]]:
    """Return the tasks of a night, each with its step."""
    with connect() as connection:
        steps = connection.execute("select * from ops.step_runs where logical_date = %s", [day]).fetchall()
    by_step = {(step["pipeline"], step["run_id"], step["step"]): step for step in steps}
    tasks = _metadata(airflow, TASKS, day.isoformat())
    return [task | {"step": by_step.get((task["dag_id"], task["run_id"], _step(task["task_id"])))} for task in tasks]


def _step(task_id: str) -> str | None:
    if task_id in BUILDS:
        return "transform"
    return next((step for task, step in STEPS.items() if task_id.startswith(task)), None)


def _kind(task_id: str) -> str:
    return BUILD if task_id in BUILDS else task_id


def _costs(tasks: Iterable[dict[str, Any]], nights: int) -> list[TaskCost]:
    by_kind: dict[str, list[tuple[float, ...]]] = {}
    for task in tasks:
        step = task["step"] or {"started_at": task["start_date"], "finished_at": task["end_date"]}
        moments = [
            task["scheduled_dttm"],
            task["start_date"],
            step["started_at"],
            step["finished_at"],
            task["end_date"],
        ]
        parts = tuple((later - earlier).total_seconds() for earlier, later in pairwise(moments))
        by_kind.setdefault(_kind(task["task_id"]), []).append(parts)
    return [
        TaskCost(kind, len(parts) / nights, *(statistics.median(part) for part in zip(*parts, strict=True)))
        for kind, parts in by_kind.items()
    ]


def table(night: Night) -> Table:
    """Return the kinds of tasks, with their number per night and the shares of their time."""
    time_ratio = night.airflow_seconds / night.command_seconds
    cpu_ratio = night.airflow_cpu_seconds / night.command_cpu_seconds
    shown = Table(
        *("task", "a night", "waiting", "starting", "the step", "ending", "of all"),
        title=f"A night of {night.orders:,} orders under Airflow: {time_ratio:.1f} times `daybreak run`,"
        f" CPU {cpu_ratio:.1f} times; idle {night.idle_cpu_share:.0%} of a processor",
    )
    whole = sum(cost.count * cost.seconds for cost in night.tasks)
    for cost in night.tasks:
        parts = (cost.waiting, cost.starting, cost.working, cost.ending)
        shares = [f"{part / cost.seconds:.0%}" for part in parts]
        shown.add_row(cost.task, f"{cost.count:.0f}", *shares, f"{cost.count * cost.seconds / whole:.0%}")
    return shown


if __name__ == "__main__":
    Console().print(table(run(int(sys.argv[1]) if sys.argv[1:] else ORDERS)))
