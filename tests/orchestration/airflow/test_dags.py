"""Rules for every DAG file, and the tasks of each of the five DAGs."""

import ast
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline_settings import PROJECT_ROOT
from tests.commands import run

pytestmark = pytest.mark.airflow

DAG_FILES = sorted((PROJECT_ROOT / "orchestration" / "dags").glob("*.py"))
MANIFEST = PROJECT_ROOT / "dbt_project" / "target" / "manifest.json"
ORDERS, REVIEWS, HEALTH = "ecommerce_order_pipeline", "customer_feedback_pipeline", "customer_health_pipeline"
MODELS, MESSAGES = "customer_models", "deliver_messages"


def parse(directory: Path, **variables: str) -> Any:
    """Return the facts of all DAG files, parsed with these variables set."""
    settings = {
        "AIRFLOW_HOME": str(directory / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "PGHOST": "127.0.0.1",
        "PYTHONPATH": str(PROJECT_ROOT),
    }
    facts = Path(__file__).with_name("dag_facts.py")
    command = [sys.executable, "-W", "ignore", str(facts)]
    printed = run(command, env=os.environ | settings | variables, cwd=directory, timeout=120)
    return json.loads(printed.splitlines()[-1])


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Any:
    dbt = Path(sys.executable).with_name("dbt")
    command = [str(dbt), "parse", "--quiet", "--project-dir", "dbt_project", "--profiles-dir", "."]
    run(command, env=os.environ | {"PGHOST": "127.0.0.1"})
    return parse(tmp_path_factory.mktemp("dags"))


@pytest.fixture(params=[ORDERS, REVIEWS, HEALTH, MODELS])
def dag(request: pytest.FixtureRequest, facts: Any) -> Any:
    return facts["dags"][request.param] | {"dag_id": request.param}


def own_tasks(dag: Any) -> dict[str, Any]:
    """Return the tasks that do work: all but the node tasks."""
    return {name: task for name, task in dag["tasks"].items() if "." not in name}


def behind(tasks: dict[str, Any], name: str) -> list[str]:
    """Return a task's downstream tasks, without node tasks."""
    return [task for task in tasks[name]["downstream"] if "." not in task]


def test_all_dag_files_parse(facts: Any) -> None:
    assert facts["errors"] == {}
    assert sorted(facts["dags"]) == sorted([ORDERS, REVIEWS, HEALTH, MODELS, MESSAGES])


def test_parsing_reads_the_manifest_and_which_datasets_the_shop_has(facts: Any) -> None:
    ours = [path for path in facts["opened"] if not path.startswith(("/proc", "/dev", "/sys"))]
    beyond = {path for path in ours if path.startswith(str(PROJECT_ROOT / "dbt_project"))}
    assert beyond - {str(PROJECT_ROOT / "dbt_project" / "dbt_project.yml")} == {str(MANIFEST)}
    assert not {"socket.connect", "subprocess.Popen"} & set(facts["opened"])
    shop = str(PROJECT_ROOT / "ingestion" / "shop.toml")
    assert {path for path in ours if path.endswith((".toml", ".sql"))} == {shop}
    assert not [path for path in ours if path.startswith("connection ")]


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_a_dag_file_is_wiring_only(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) <= 80
    module = ast.parse(text)
    imported = {node.module for node in ast.walk(module) if isinstance(node, ast.ImportFrom)}
    assert not [node for node in ast.walk(module) if isinstance(node, ast.Import | ast.FunctionDef | ast.ClassDef)]
    assert {str(name).split(".")[0] for name in imported} <= {"airflow", "orchestration"}
    assert not re.search(r"\b(select|insert|delete) ", text.split('"""')[2])


def test_every_dag_is_explicit(dag: Any) -> None:
    assert dag["file"] == f"{dag['dag_id']}.py"
    assert dag["doc"]
    assert "daybreak" in dag["tags"]
    assert dag["max_active_runs"] == 1
    assert dag["params"] == ["day"]
    assert dag["catchup"] is False


def test_every_task_has_retries_a_timeout_a_pool_and_an_owner(dag: Any) -> None:
    pools = json.loads((PROJECT_ROOT / "orchestration" / "airflow" / "pools.json").read_text())
    assert len(dag["tasks"]) <= 60
    for name, task in own_tasks(dag).items():
        assert task["retries"] == (0 if name == "look_back" else 2), name
        assert task["retry_delay"] == 300, name
        assert task["grows"], name
        assert task["max_retry_delay"] == 1800, name
        assert task["execution_timeout"], name
        assert task["pool"] in pools, name
        assert task["owner"] == "daybreak", name
        assert task["reports_failure"], name


def test_the_health_sensor_holds_no_worker(facts: Any) -> None:
    for pipeline in (ORDERS, REVIEWS):
        sensor = facts["dags"][pipeline]["tasks"]["check_api_health"]
        assert (sensor["mode"], sensor["poke_interval"], sensor["timeout"]) == ("reschedule", 60, 300)


def test_schedules(facts: Any) -> None:
    timetables = {name: (dag["timetable"], dag["expression"]) for name, dag in facts["dags"].items()}
    assert timetables == {
        ORDERS: ("CronPartitionTimetable", "0 2 * * *"),
        REVIEWS: ("CronPartitionTimetable", "30 2 * * *"),
        HEALTH: ("PartitionedAssetTimetable", None),
        MODELS: ("PartitionedAssetTimetable", None),
        MESSAGES: ("CronTriggerTimetable", "*/15 * * * *"),
    }


def test_a_shop_without_reviews_has_no_schedule_for_them(facts: Any, tmp_path: Path) -> None:
    shop = PROJECT_ROOT / "ingestion" / "shops" / "shopify.toml"
    timetables = {name: dag["timetable"] for name, dag in parse(tmp_path, SHOP_CONFIG=str(shop))["dags"].items()}
    assert (timetables[ORDERS], timetables[REVIEWS]) == ("CronPartitionTimetable", "NullTimetable")


def test_the_delivery_dag_is_unpaused_and_has_neither_retries_nor_failure_messages(facts: Any) -> None:
    dag = facts["dags"][MESSAGES]
    assert (dag["catchup"], dag["max_active_runs"], dag["params"]) == (False, 1, [])
    assert dag["is_paused_upon_creation"] is False
    assert {"daybreak", "messages"} <= set(dag["tags"])
    assert dag["doc"]
    (task,) = dag["tasks"].values()
    assert (task["owner"], task["pool"], task["retries"], task["reports_failure"]) == ("daybreak", "messages", 0, False)
    assert task["execution_timeout"]
    assert "messages" in json.loads((PROJECT_ROOT / "orchestration" / "airflow" / "pools.json").read_text())


def test_dags_that_send_no_request_to_the_shop_start_unpaused(facts: Any) -> None:
    """A paused DAG would miss the publications that trigger it."""
    unpaused = {name for name, dag in facts["dags"].items() if dag["is_paused_upon_creation"] is False}
    assert unpaused == {HEALTH, MODELS, MESSAGES}


def test_without_a_first_day_the_first_run_is_at_the_next_tick(facts: Any) -> None:
    assert {facts["dags"][name]["first_run_by_itself"] for name in (ORDERS, REVIEWS)} == {"the next tick"}


def test_the_tasks_of_orders(facts: Any) -> None:
    tasks = facts["dags"][ORDERS]["tasks"]
    assert list(own_tasks(facts["dags"][ORDERS])) == [
        "check_api_health", "extract_orders", "validate_orders", "look_back", "decide_processing_path",
        "standard_processing", "high_volume_processing", "processing_complete", "publish", "generate_metrics",
        "success_notification", "announce_day",
    ]  # fmt: skip
    for first, then in (
        ("check_api_health", "extract_orders"),
        ("extract_orders", "validate_orders"),
        ("validate_orders", "decide_processing_path"),
        ("validate_orders", "look_back"),
        ("look_back", "decide_processing_path"),
        ("processing_complete", "publish"),
        ("publish", "generate_metrics"),
        ("generate_metrics", "success_notification"),
    ):
        assert then in tasks[first]["downstream"]
    assert tasks["decide_processing_path"]["downstream"] == ["high_volume_processing", "standard_processing"]
    for build in ("high_volume_processing", "standard_processing"):
        assert behind(tasks, build) == ["processing_complete"]
    assert tasks["processing_complete"]["trigger_rule"] == "none_failed_min_one_success"
    assert tasks["publish"]["outlets"] == ["orders_published"]
    assert tasks["standard_processing"]["pool"] == "warehouse"
    assert tasks["high_volume_processing"]["pool"] == "high_volume"
    assert tasks["high_volume_processing"]["operator"] == "LargeBuild"


def test_the_tasks_of_reviews(facts: Any) -> None:
    tasks = facts["dags"][REVIEWS]["tasks"]
    assert list(own_tasks(facts["dags"][REVIEWS])) == [
        "check_api_health", "extract_reviews", "validate_reviews", "score_sentiment", "look_back",
        "calculate_product_metrics", "publish", "update_cache", "monitor_and_alert", "success_notification",
        "announce_day",
    ]  # fmt: skip
    assert tasks["score_sentiment"]["downstream"] == ["calculate_product_metrics", "look_back"]
    assert behind(tasks, "calculate_product_metrics") == ["publish"]
    assert tasks["publish"]["outlets"] == ["reviews_published"]
    assert tasks["update_cache"]["downstream"] == ["monitor_and_alert"]


def test_the_tasks_of_customer_health(facts: Any) -> None:
    tasks = facts["dags"][HEALTH]["tasks"]
    assert list(own_tasks(facts["dags"][HEALTH])) == [
        "calculate_customer_health", "publish", "generate_metrics", "success_notification",
    ]  # fmt: skip
    assert behind(tasks, "calculate_customer_health") == ["publish"]
    assert tasks["publish"]["downstream"] == ["generate_metrics"]
    assert tasks["generate_metrics"]["downstream"] == ["success_notification"]


def test_the_tasks_of_customer_models(facts: Any) -> None:
    tasks = facts["dags"][MODELS]["tasks"]
    assert list(tasks) == ["fit_customer_models", "keep_history"]
    assert tasks["fit_customer_models"]["downstream"] == ["keep_history"]


@pytest.mark.parametrize(
    ("pipeline", "before", "after"),
    [
        (ORDERS, "validate_orders", "decide_processing_path"),
        (REVIEWS, "score_sentiment", "calculate_product_metrics"),
    ],
)
def test_a_failed_look_back_does_not_stop_the_night(facts: Any, pipeline: str, before: str, after: str) -> None:
    """The build needs one success of two: without the day's own, the look-back does not run either."""
    tasks = facts["dags"][pipeline]["tasks"]
    look_back = tasks["look_back"]
    assert (look_back["upstream"], look_back["downstream"]) == ([before], [after])
    assert (look_back["trigger_rule"], look_back["retries"], look_back["pool"]) == ("all_success", 0, "shop_api")
    assert tasks[after]["upstream"] == sorted([before, "look_back"])
    assert tasks[after]["trigger_rule"] == "all_done_min_one_success"


BUILDS = {
    ORDERS: ["standard_processing", "high_volume_processing"],
    REVIEWS: ["calculate_product_metrics"],
    HEALTH: ["calculate_customer_health"],
}


@pytest.mark.parametrize("pipeline", BUILDS)
def test_each_model_and_test_has_one_task_that_starts_in_the_triggerer(facts: Any, pipeline: str) -> None:
    tasks = facts["dags"][pipeline]["tasks"]
    nodes = {name: task for name, task in tasks.items() if name.startswith("models.")}
    assert {task["operator"] for task in nodes.values()} == {"NodeTask"}
    assert {task["trigger"]["trigger_cls"] for task in nodes.values()} == {"orchestration.airflow.node_trigger.NodeEnd"}
    assert {tuple(task["trigger"]["trigger_kwargs"]["build_tasks"]) for task in nodes.values()} == {
        tuple(BUILDS[pipeline])
    }
    manifest = json.loads(MANIFEST.read_text())["nodes"]
    models = {key for key, n in manifest.items() if n["resource_type"] == "model" and pipeline in n["tags"]}
    tests = {
        key for key, n in manifest.items() if n["resource_type"] == "test" and models & set(n["depends_on"]["nodes"])
    }
    shown = [node for task in nodes.values() for node in task["trigger"]["trigger_kwargs"]["nodes"]]
    assert sorted(shown) == sorted(models | tests)
    layers = {name: name.split(".")[1] for name in nodes}
    for name, task in nodes.items():
        first = task["trigger"]["trigger_kwargs"]["nodes"][0]
        assert layers[name] == ("tests" if first in tests else manifest[first]["path"].split("/")[0]), name


@pytest.mark.parametrize("pipeline", BUILDS)
def test_nodes_wait_from_the_start_and_are_cleared_with_their_build(facts: Any, pipeline: str) -> None:
    tasks = facts["dags"][pipeline]["tasks"]
    nodes = {name for name in tasks if name.startswith("models.")}
    for name in nodes:
        task = tasks[name]
        assert task["trigger_rule"] == "always"
        assert (task["retries"], task["execution_timeout"], task["reports_failure"]) == (0, None, False)
        assert set(task["downstream"]) <= nodes, "no task waits for a node task"
    for build in BUILDS[pipeline]:
        assert nodes <= set(walk(tasks, build))


def walk(tasks: dict[str, Any], start: str) -> Iterator[str]:
    """Yield all downstream tasks, each once."""
    seen, todo = {start}, [start]
    while todo:
        for name in tasks[todo.pop()]["downstream"]:
            if name not in seen:
                seen.add(name)
                todo.append(name)
                yield name


def test_catchup_is_bounded_by_the_first_day(tmp_path: Path) -> None:
    dags = parse(tmp_path, FIRST_DAY="2026-11-01", AIRFLOW__CORE__DEFAULT_TIMEZONE="Europe/Berlin")["dags"]
    for pipeline in (ORDERS, REVIEWS):
        assert dags[pipeline]["catchup"] is True
        assert dags[pipeline]["start_date"] == "2026-11-01T23:00:00+00:00"
    assert dags[HEALTH]["catchup"] is False
