"""The Cosmos configuration: a pipeline's dbt models and tests as a group of Airflow tasks.

The tasks build nothing. The transform step runs one `dbt build` in parallel, and each task turns green, red or skipped
with its node. They start and end in the triggerer. Publishing depends on the build task, which is red if a node is red,
and checks in the warehouse that every node is green. For the reasons see docs/decisions/0019.
"""

from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context, TaskGroup, TriggerRule
from airflow.triggers.base import StartTriggerArgs
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import DbtResourceType, ExecutionMode, LoadMode, TestBehavior
from cosmos.dbt.graph import DbtNode

from orchestration.airflow.node_trigger import NodeEnd
from pipeline_settings import PROJECT_ROOT

PROJECT = PROJECT_ROOT / "dbt_project"
GROUP = "models"


class NodeTask(BaseOperator):
    """Shows the result of dbt nodes in the run's build: a model and its tests, or a test of several models.

    `nodes`: their unique ids, the model first. The task waits from the start of the run, so it shows a red build as
    well as a green one. It has no retries and no failure callback: the build task reports the failure.
    """

    template_fields = ("run_id",)
    start_from_trigger = True

    def __init__(self, *, build_tasks: list[str], **kwargs: Any) -> None:
        super().__init__(
            trigger_rule=TriggerRule.ALWAYS, retries=0, execution_timeout=None, on_failure_callback=None, **kwargs
        )
        self.run_id = "{{ run_id }}"
        self.build_tasks, self.nodes = build_tasks, list[str]()
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{NodeEnd.__module__}.{NodeEnd.__name__}",
            trigger_kwargs={
                "dag_id": self.dag_id,
                "run_id": self.run_id,
                "build_tasks": build_tasks,
                "nodes": self.nodes,
            },
            next_method="execute",
        )

    def execute(self, context: Context) -> None:
        """Defer to the triggerer, if the task did not start there (`airflow tasks test`, for example)."""
        self.defer(trigger=NodeEnd(self.dag_id, self.run_id, self.build_tasks, self.nodes), method_name="execute")


def dbt_tasks(pipeline: str, build_tasks: list[str]) -> DbtTaskGroup:
    """Return a task group of a pipeline's models and tests, from the deployed manifest, with a subgroup per layer.

    `build_tasks`: the candidates for the task that builds them. Place the group downstream of them, so that clearing
    the build clears the group.
    """

    def model_task(*, task_group: TaskGroup, node: DbtNode, **_: Any) -> NodeTask:
        layer = Path(str(node.original_file_path)).parts[1]  # models/marts/orders/fct_orders.sql
        return NodeTask(task_id=node.name, build_tasks=build_tasks, task_group=_folder(task_group, layer))

    # Cosmos 1.15 passes the wrong node to a test's converter; task_id is correct.
    def test_task(*, task_group: TaskGroup, task_id: str, **_: Any) -> NodeTask:
        return NodeTask(task_id=task_id, build_tasks=build_tasks, task_group=_folder(task_group, "tests"))

    converters: dict[Any, Any] = {DbtResourceType.MODEL: model_task, DbtResourceType.TEST: test_task}
    group = DbtTaskGroup(
        group_id=GROUP,
        project_config=ProjectConfig(
            dbt_project_path=PROJECT,
            manifest_path=PROJECT / "target" / "manifest.json",
            install_dbt_deps=False,
        ),
        profile_config=ProfileConfig(
            profile_name="daybreak", target_name="warehouse", profiles_yml_filepath=PROJECT_ROOT / "profiles.yml"
        ),
        execution_config=ExecutionConfig(execution_mode=ExecutionMode.LOCAL),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            select=[f"tag:{pipeline}"],
            test_behavior=TestBehavior.BUILD,
            should_detach_multiple_parents_tests=True,
            node_converters=converters,
            emit_datasets=False,
        ),
    )
    for unique_id, task in group.tasks_map.items():
        tests = group.dbt_graph.tests_per_model.get(unique_id, [])
        task.nodes += [unique_id, *(test for test in tests if test not in group.tasks_map)]
    return group


def _folder(parent: TaskGroup, name: str) -> TaskGroup:
    existing = parent.children.get(f"{parent.group_id}.{name}")
    return existing if isinstance(existing, TaskGroup) else TaskGroup(group_id=name, parent_group=parent)
