"""The one Cosmos configuration: a pipeline's dbt models and tests as a group of Airflow tasks, one per node.

One `dbt build` runs them all: the transform step. Then each node's task shows how its node fared, and is red if it is.
Node tasks run nothing themselves: clearing the build, alone or with what is downstream, builds and tests everything
again. Publishing looks up in the warehouse whether every node is green. Why so: docs/decisions/0007.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context, TriggerRule
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, LoadMode, TestBehavior
from cosmos.operators._watcher import safe_xcom_push
from cosmos.operators._watcher.aggregation import get_tests_status_xcom_key
from cosmos.operators._watcher.state import (
    ProducerTaskState,
    is_dbt_node_status_success,
    is_producer_task_terminated,
)
from cosmos.operators.watcher import DbtProducerWatcherOperator, DbtRunWatcherOperator, DbtTestWatcherOperator

from orchestration import steps
from orchestration.airflow_tasks import final_errors
from orchestration.engine_trigger import EngineJob, raise_if_failed
from orchestration.schedules import DEFAULT_ARGS, NODE_POOL, logical_day
from pipeline_errors import ModelError
from pipeline_settings import PROJECT_ROOT, settings
from warehouse.locks import pipeline_lock

if TYPE_CHECKING:
    from orchestration.dbt_runner import EventListener

PROJECT = PROJECT_ROOT / "dbt_project"
# How a node ends, and why it was skipped. Cosmos stores each event by a request to Airflow's API, while the node waits.
TOLD_TO_COSMOS = {"NodeFinished", "SkippingDetails", "LogSkipBecauseError"}
BUILD_TASK, BUILT_TASK = "dbt_producer_watcher", "dbt_producer_watcher_done"  # Cosmos's names for them


class DbtBuild(DbtProducerWatcherOperator):
    """The transform step, telling Cosmos how each node fares. Retried or cleared, it builds again as a whole."""

    pipeline: str
    own_tests: set[str]  # unique ids of the tests that have a task of their own

    def execute(self, context: Context, **kwargs: Any) -> None:
        """Build and test the pipeline's models. A red node fails the task for good; what ails Postgres is retried."""
        with final_errors(ModelError), self._listening(context) as listen, self._locked():
            steps.transform([self.pipeline], [logical_day(context)], context["run_id"], on_event=listen)

    def _locked(self) -> AbstractContextManager[None]:
        return pipeline_lock(self.pipeline, steps.BUILD_WAIT_SECONDS)

    @contextmanager
    def _listening(self, context: Context) -> "Iterator[EventListener]":
        """A listener that tells Cosmos. What keeps it from that is raised when the block has ended well."""
        from google.protobuf.json_format import MessageToJson

        tell, untold = self._make_parse_callable(), list[Exception]()
        # without a project directory Cosmos does not push each model's SQL to XCom, which is for receipts
        details = {"context": context, "project_dir": None}

        def listen(event: Any) -> None:
            try:
                if event.info.name in TOLD_TO_COSMOS:
                    tell(MessageToJson(event, preserving_proto_field_name=True), details)
                if event.info.name == "LogTestResult" and event.data.node_info.unique_id in self.own_tests:
                    self._tell_test(context, event.data.node_info.unique_id, event.data.status)
            except Exception as error:  # raised here it would turn dbt's nodes red
                untold.append(error)

        yield listen
        if untold:
            raise untold[0]

    def _tell_test(self, context: Context, unique_id: str, status: str) -> None:
        safe_xcom_push(context["ti"], get_tests_status_xcom_key(unique_id), status)


class LargeBuild(DbtBuild):
    """The transform step on the engine that SPARK_REMOTE names; in Postgres if it names none.

    No worker is held while the engine computes: the job's id is with Airflow, and `EngineJob` waits for its end.
    """

    def execute(self, context: Context, **kwargs: Any) -> None:
        """Submit the job and wait for it elsewhere. An engine that does not answer fails the task, which is retried."""
        with final_errors():
            on_engine = settings().spark_remote is not None
        if not on_engine:
            super().execute(context, **kwargs)
            return
        from orchestration import engine_steps

        day, run_id = logical_day(context), context["run_id"]
        with final_errors(ModelError), self._listening(context) as listen, self._locked():
            job = engine_steps.submit(self.pipeline, day, run_id, on_event=listen)
        self.log.info("Submitted %s", job)
        self.defer(trigger=EngineJob([job, self.pipeline, day.isoformat(), run_id]), method_name="collect")

    def collect(self, context: Context, event: dict[str, Any]) -> None:
        """Take over what the engine has made. Raises what kept it from that."""
        from orchestration import engine_steps

        with final_errors(ModelError), self._listening(context) as listen:
            raise_if_failed(event)
            with self._locked():
                engine_steps.collect(
                    event["job"], self.pipeline, logical_day(context), context["run_id"], on_event=listen
                )


class _ShowsNode:
    """A task that waits for the end of the build, of this attempt and not the last one, and then shows its node."""

    def poke(self: Any, context: Context) -> bool:
        """Whether the node is green. Raises AirflowFailException if it is not, AirflowSkipException without a build."""
        build = self._get_producer_task_status(context)
        if not is_producer_task_terminated(build):
            return False
        if build not in (ProducerTaskState.SUCCESS, ProducerTaskState.FAILED):
            raise AirflowSkipException("There was no build: a task before it has failed.")
        status = self._get_node_status(context["ti"], context)
        if is_dbt_node_status_success(status):
            return True
        raise AirflowFailException(
            f"{self.model_unique_id} is {status or 'not built'}: see the log of {self.producer_task_id}. "
            "Clear that task to build again."
        )


class ModelTask(_ShowsNode, DbtRunWatcherOperator):
    """Shows how a model fared."""


class TestTask(_ShowsNode, DbtTestWatcherOperator):
    """Shows how a model's tests fared, or a test of several models."""


def dbt_tasks(group_id: str, pipeline: str, pool: str, build: type[DbtBuild] = DbtBuild) -> DbtTaskGroup:
    """A pipeline's models and tests, from the manifest that deployment made; its build takes a slot of `pool`."""
    group = DbtTaskGroup(
        group_id=group_id,
        project_config=ProjectConfig(
            dbt_project_path=PROJECT,
            manifest_path=PROJECT / "target" / "manifest.json",
            install_dbt_deps=False,
        ),
        profile_config=ProfileConfig(
            profile_name="daybreak", target_name="warehouse", profiles_yml_filepath=PROJECT_ROOT / "profiles.yml"
        ),
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.WATCHER,
            setup_operator_args={"pool": pool, "retries": DEFAULT_ARGS["retries"]},  # without it Cosmos takes 0
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            select=[f"tag:{pipeline}"],
            test_behavior=TestBehavior.AFTER_EACH,
            should_detach_multiple_parents_tests=True,
            emit_datasets=False,
        ),
        operator_args={"deferrable": False, "poke_interval": 2, "pool": NODE_POOL},
    )
    _show_nodes_after_build(group, pipeline, build)
    return group


def _show_nodes_after_build(group: DbtTaskGroup, pipeline: str, operator: type[DbtBuild]) -> None:
    """Put our operators in the place of Cosmos's, which has no setting for them, and the nodes behind the build."""
    build, built = (group.children[f"{group.group_id}.{name}"] for name in (BUILD_TASK, BUILT_TASK))
    nodes = [task for task in group.iter_tasks() if task not in (build, built)]
    for task in nodes:
        task.__class__ = TestTask if task.is_test_sensor else ModelTask
        task.owner = DEFAULT_ARGS["owner"]  # who runs it; Cosmos takes the model's, who answers for its numbers
        if not task.upstream_task_ids:
            build >> task
            task.trigger_rule = TriggerRule.NONE_SKIPPED  # after a red build too, but not in the branch not taken
    built.trigger_rule = TriggerRule.ALL_SUCCESS  # Cosmos's own would be green for a branch not taken
    build.__class__ = operator
    build.pipeline = pipeline
    build.own_tests = {task.model_unique_id for task in nodes if task.model_unique_id.startswith("test.")}
    build.tests_per_model = {
        model: [test for test in tests if test not in build.own_tests] for model, tests in build.tests_per_model.items()
    }
