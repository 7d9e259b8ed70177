"""The one Cosmos configuration: a pipeline's dbt models and tests as a group of Airflow tasks, one per node.

One `dbt build` runs them all: the transform step. Then each node's task shows how its node fared, and fails if the node
did. A node's task that is cleared runs its node alone. Publishing is a task of its own: it looks up in the warehouse
whether every node is green, whoever ran it.
"""

from typing import Any

from airflow.sdk import Context, TriggerRule
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, TestBehavior, TestIndirectSelection
from cosmos.operators.watcher import DbtProducerWatcherOperator

from orchestration import steps
from orchestration.airflow_tasks import final_errors
from orchestration.schedules import logical_day
from pipeline_errors import ModelError
from pipeline_settings import PROJECT_ROOT
from warehouse.locks import pipeline_lock

PROJECT = PROJECT_ROOT / "dbt_project"
BUILD_TASK, BUILT_TASK = "dbt_producer_watcher", "dbt_producer_watcher_done"  # Cosmos's names for them


class DbtBuild(DbtProducerWatcherOperator):
    """The transform step, telling Cosmos how each node fares. Retried or cleared, it builds again as a whole.

    Cosmos's own producer skips a second attempt and leaves each node to the node's task, in a process each.
    """

    pipeline: str

    def execute(self, context: Context, **kwargs: Any) -> None:
        """Build and test the pipeline's models. A red node fails the task for good; what ails Postgres is retried."""
        from google.protobuf.json_format import MessageToJson

        tell, untold = self._make_parse_callable(), list[Exception]()
        # without a project directory Cosmos does not push each model's SQL to XCom, which is for receipts
        details = {"context": context, "project_dir": None}

        def listen(event: Any) -> None:
            try:
                tell(MessageToJson(event, preserving_proto_field_name=True), details)
            except Exception as error:  # raised here it would turn dbt's nodes red
                untold.append(error)

        with final_errors(ModelError), pipeline_lock(self.pipeline, steps.BUILD_WAIT_SECONDS):
            steps.transform([self.pipeline], [logical_day(context)], context["run_id"], on_event=listen)
        if untold:
            raise untold[0]


def dbt_tasks(group_id: str, pipeline: str, pool: str) -> DbtTaskGroup:
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
            invocation_mode=InvocationMode.DBT_RUNNER,
            test_indirect_selection=TestIndirectSelection.BUILDABLE,
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            select=[f"tag:{pipeline}"],
            test_behavior=TestBehavior.AFTER_EACH,
            emit_datasets=False,
        ),
        # a node's task waits for nothing when it runs: the build is over by then
        operator_args={"vars": {"publish": False}, "deferrable": False, "retries": 0, "pool": pool},
    )
    _run_nodes_after_build(group, pipeline)
    return group


def _run_nodes_after_build(group: DbtTaskGroup, pipeline: str) -> None:
    """Start the nodes' tasks when the build has ended, green or red: before that they would read the last attempt's."""
    build, built = (group.children[f"{group.group_id}.{name}"] for name in (BUILD_TASK, BUILT_TASK))
    build.__class__ = DbtBuild  # Cosmos has no setting for the operator's class
    build.pipeline, build.retries = pipeline, build.dag.default_args["retries"]
    built.trigger_rule = TriggerRule.NONE_SKIPPED
    for child in list(group.children.values()):
        if child not in (build, built) and not child.upstream_task_ids:
            build >> child
            for root in getattr(child, "roots", [child]):
                root.trigger_rule = TriggerRule.NONE_SKIPPED
