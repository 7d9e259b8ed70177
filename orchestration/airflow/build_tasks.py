"""The transform step as Airflow tasks: one dbt build, whose progress the tasks of its nodes show.

Retried or cleared, a build runs again as a whole. A red node fails it for good, since the same rows would fail again;
what ails Postgres or an engine is retried.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context, get_current_context, task

from monitoring.plain_text import without_secrets
from monitoring.runs.build_progress import NodeResult, ProgressWriter, progress_of
from orchestration import steps
from orchestration.airflow.engine_trigger import EngineJob, raise_if_failed
from orchestration.airflow.schedules import logical_day
from orchestration.airflow.task_errors import final_errors
from pipeline_errors import ModelError
from pipeline_settings import settings
from transformation.dbt_errors import kind_of
from warehouse.locks import pipeline_lock

if TYPE_CHECKING:
    from transformation.dbt_runner import EventListener


@task
def build(pipeline: str) -> None:
    """Build and test the pipeline's models in Postgres."""
    _build(pipeline, get_current_context())


class LargeBuild(BaseOperator):
    """The transform step on the engine that SPARK_REMOTE names; in Postgres if it names none.

    No worker is held while the engine computes: the job's id is with Airflow, and `EngineJob` waits for its end.
    """

    def __init__(self, *, pipeline: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline

    def execute(self, context: Context) -> None:
        """Submit the job and wait for it elsewhere. An engine that does not answer fails the task, which is retried."""
        with final_errors():
            on_engine = settings().spark_remote is not None
        if not on_engine:
            _build(self.pipeline, context)
            return
        from engine import engine_steps

        day, run_id = logical_day(context), context["run_id"]
        with _building(self.pipeline, run_id) as listen:
            job = engine_steps.submit(self.pipeline, day, run_id, on_event=listen)
        self.log.info("Submitted %s", job)
        self.defer(trigger=EngineJob([job, self.pipeline, day.isoformat(), run_id]), method_name="collect")

    def collect(self, context: Context, event: dict[str, Any]) -> None:
        """Take over what the engine has made. Raises what kept it from that."""
        from engine import engine_steps

        with final_errors():
            raise_if_failed(event)
        day, run_id = logical_day(context), context["run_id"]
        with _building(self.pipeline, run_id, resumes=True) as listen:
            engine_steps.collect(event["job"], self.pipeline, day, run_id, on_event=listen)


def _build(pipeline: str, context: Context) -> None:
    with _building(pipeline, context["run_id"]) as listen:
        steps.transform([pipeline], [logical_day(context)], context["run_id"], on_event=listen)


@contextmanager
def _building(pipeline: str, run_id: str, *, resumes: bool = False) -> "Iterator[EventListener]":
    """Hold the pipeline's build; yields the listener that records how each node fares."""
    with (
        final_errors(ModelError),
        progress_of(pipeline, run_id, resumes=resumes) as progress,
        pipeline_lock(pipeline, steps.BUILD_WAIT_SECONDS),
    ):
        yield recorder(progress)


def recorder(progress: ProgressWriter) -> "EventListener":
    """A listener that records how each node ended.

    What Postgres did to a node may heal when the build is tried again, and a node's task is red for good. So from the
    first such error on only green nodes are recorded: the end of the last attempt decides about the others.
    """
    is_outage = False

    def listen(event: Any) -> None:
        nonlocal is_outage
        if event.info.name not in ("NodeFinished", "SkippingDetails"):
            return
        node, is_skipped = event.data.node_info, event.info.name == "SkippingDetails"
        message = "" if is_skipped else event.data.run_result.message
        result = NodeResult("skipped" if is_skipped else node.node_status, without_secrets(message))
        is_outage = is_outage or (result.status == "error" and kind_of(message) is not ModelError)
        if result.is_green or not is_outage:
            progress.record(node.unique_id, result)

    return listen
