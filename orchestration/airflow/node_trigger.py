"""The trigger that shows a dbt node's result while its build runs. It needs no worker and no pool slot.

All nodes of a run share one poll per second: of the build task's state (Airflow) and of the progress (the warehouse).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.triggers.base import BaseEventTrigger, TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent
from asgiref.sync import sync_to_async

from monitoring.runs.build_progress import NodeResult, Progress, read_progress
from orchestration.airflow.connections import take_connections
from pipeline_errors import DaybreakError
from warehouse.connection import connect

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # between two polls while the build runs
WAIT_SECONDS = 3.0  # between two polls before it runs
LONGEST_OUTAGE_SECONDS = 300.0  # how long to retry a warehouse that does not answer after the build

AT_WORK = {"running", "deferred"}
ENDED = {"success", "failed"}
NEVER = {"skipped", "upstream_failed", "removed"}

REMEDY = "Correct it, then clear the run's failed tasks: the build runs again as a whole."


@dataclass(frozen=True)
class Look:
    """The result of one poll.

    `state`: waiting, running, over, none (there is no build), or unknown (the build is over, but the warehouse does not
    answer).
    """

    state: str
    nodes: Mapping[str, NodeResult]


def build_state(states: Mapping[str, str | None], build_tasks: Sequence[str]) -> str:
    """Return the state of a run's build from the states of its candidate tasks."""
    task_states = {states.get(task) for task in build_tasks}
    if task_states <= NEVER:
        return "none"
    if task_states & AT_WORK:
        return "running"
    return "over" if task_states <= ENDED | NEVER else "waiting"


class NodeEnd(BaseEventTrigger):
    """Ends a task with the result of its dbt nodes: a model and its tests, or a test of several models.

    Green when all are green. Red when one is red; the task's log has its name and dbt's message. Skipped if dbt skipped
    the model, or if an upstream task failed and there is no build. A cleared task shows the run's last build.
    """

    def __init__(self, dag_id: str, run_id: str, build_tasks: list[str], nodes: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dag_id, self.run_id, self.build_tasks, self.nodes = dag_id, run_id, build_tasks, nodes

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments that Airflow stores."""
        return f"{NodeEnd.__module__}.{NodeEnd.__name__}", {
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "build_tasks": self.build_tasks,
            "nodes": self.nodes,
        }

    def shared_stream_key(self) -> Hashable:
        """Return the key of the run: all its nodes share one stream."""
        return (NodeEnd.__name__, self.dag_id, self.run_id)

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[Look]:
        """Poll until all nodes of the run have ended. Retry during an outage, up to LONGEST_OUTAGE_SECONDS."""
        dag_id, run_id, build_tasks = kwargs["dag_id"], kwargs["run_id"], kwargs["build_tasks"]
        await sync_to_async(take_connections)()
        unanswered = 0.0
        while True:
            look = Look("waiting", {})
            try:
                look = await sync_to_async(_look)(dag_id, run_id, build_tasks)
            except Exception as error:
                logger.warning("Could not poll the build of %s: %s", run_id, error)
            if look.state == "unknown":
                unanswered += WAIT_SECONDS
                look = look if unanswered > LONGEST_OUTAGE_SECONDS else Look("waiting", {})
            yield look
            await asyncio.sleep(LOOK_SECONDS if look.state == "running" else WAIT_SECONDS)

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Look]) -> AsyncIterator[TriggerEvent]:
        """Yield the one event that ends the task."""
        async for look in shared_stream:
            if event := self._event(look):
                yield event
                return

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll for this task alone, for a triggerer without shared streams."""
        async for event in self.filter_shared_stream(self.open_shared_stream(self.serialize()[1])):
            yield event

    def _event(self, look: Look) -> TriggerEvent | None:
        """Return the event that ends the task; None while the nodes run."""
        known = {node: look.nodes[node] for node in self.nodes if node in look.nodes}
        red = {node: result for node, result in known.items() if not result.is_green}
        if look.state == "none":
            self.log.warning("There is no build: an upstream task did not succeed.")
            return TaskSkippedEvent()
        if known.get(self.nodes[0], NodeResult("success")).status == "skipped":
            self.log.warning("dbt skipped it: an upstream node is red.")
            return TaskSkippedEvent()
        for node, result in red.items():
            self.log.error("%s is %s: %s. %s", node.split(".")[2], result.status, result.message.rstrip("."), REMEDY)
        if red:
            return TaskFailedEvent()
        if len(known) == len(self.nodes):
            return TaskSuccessEvent()
        if look.state in ("over", "unknown"):
            missing = next(node for node in self.nodes if node not in known)
            self.log.error("%s did not run: see the log of the build. %s", missing.split(".")[2], REMEDY)
            return TaskFailedEvent()
        return None


def _look(dag_id: str, run_id: str, build_tasks: list[str]) -> Look:
    states = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=build_tasks, run_ids=[run_id])
    state = build_state(states.get(run_id, {}), build_tasks)
    if state not in ("running", "over"):
        return Look(state, {})
    try:
        progress = _progress(dag_id, run_id)
    except DaybreakError as error:
        logger.warning("Could not read the progress of the build of %s: %s", run_id, error)
        return Look("running" if state == "running" else "unknown", {})
    if state == "running" and not progress.is_running:
        return Look("running", {})  # the recorded progress is from an earlier attempt
    return Look(state, progress.nodes)


def _progress(dag_id: str, run_id: str) -> Progress:
    with connect() as connection:
        return read_progress(connection, dag_id, run_id)
