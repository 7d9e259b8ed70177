"""The transform step as an Airflow task: one dbt build. The node tasks show its progress.

A retried or cleared build runs again as a whole. A red node fails the task without a retry, because the same rows would
fail again. Errors of Postgres or the engine are retried.
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
    """The transform step on the engine in SPARK_REMOTE, or in Postgres if that is not set.

    The task is deferred while the engine computes: Airflow keeps the job's id, and `EngineJob` waits for its end.
    """

    def __init__(self, *, pipeline: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline

    def execute(self, context: Context) -> None:
        """Submit the job and defer. If the engine does not answer, the task fails and is retried."""
        with final_errors():
            on_engine = settings().spark_remote is not None
        if not on_engine:
            _build(self.pipeline, context)
            return
        from engine import engine_steps

        day, run_id = logical_day(context), context["run_id"]
        with _hold_build(self.pipeline, run_id) as listen:
            job = engine_steps.submit(self.pipeline, day, run_id, on_event=listen)
        self.log.info("Submitted %s", job)
        self.defer(trigger=EngineJob([job, self.pipeline, day.isoformat(), run_id]), method_name="collect")

    def collect(self, context: Context, event: dict[str, Any]) -> None:
        """Copy the engine's result to the warehouse. Raises the job's error if it failed."""
        from engine import engine_steps

        with final_errors():
            raise_if_failed(event)
        day, run_id = logical_day(context), context["run_id"]
        with _hold_build(self.pipeline, run_id, resumes=True) as listen:
            engine_steps.collect(event["job"], self.pipeline, day, run_id, on_event=listen)


def _build(pipeline: str, context: Context) -> None:
    with _hold_build(pipeline, context["run_id"]) as listen:
        steps.transform([pipeline], [logical_day(context)], context["run_id"], on_event=listen)


@contextmanager
def _hold_build(pipeline: str, run_id: str, *, resumes: bool = False) -> "Iterator[EventListener]":
    """Hold the pipeline's build lock. Yield the listener that records the result of each node."""
    with (
        final_errors(ModelError),
        progress_of(pipeline, run_id, resumes=resumes) as progress,
        pipeline_lock(pipeline, steps.BUILD_WAIT_SECONDS),
    ):
        yield recorder(progress)


def recorder(progress: ProgressWriter) -> "EventListener":
    """Return a listener that records the result of each node.

    A node task that turned red stays red, but an error of Postgres may disappear on retry. So after the first such
    error only green nodes are recorded; the last attempt decides about the others.
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
