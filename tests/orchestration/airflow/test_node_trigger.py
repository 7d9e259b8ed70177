"""How the task of a dbt node ends, by what one look has seen. Airflow is imported in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline_settings import PROJECT_ROOT

pytestmark = pytest.mark.airflow

ENDS = """
import json, sys
from types import SimpleNamespace
from monitoring.runs.build_progress import NodeResult
from orchestration.airflow.node_trigger import Look, NodeEnd, build_state

told = []
trigger = NodeEnd("orders", "night", ["standard", "high"], ["model.daybreak.m", "test.daybreak.t"])
class Recording(NodeEnd):
    log = SimpleNamespace(warning=lambda *args: told.append(args[0] % args[1:]),
                          error=lambda *args: told.append(args[0] % args[1:]))
asked = json.load(sys.stdin)
found = []
for state, nodes in asked["looks"]:
    told.clear()
    trigger = Recording("orders", "night", ["standard", "high"], ["model.daybreak.m", "test.daybreak.t"])
    event = trigger._event(Look(state, {name: NodeResult(*result) for name, result in nodes.items()}))
    found.append([event and event.payload, *told])
states = [build_state(states, ["standard", "high"]) for states in asked["states"]]
print(json.dumps({"ends": found, "states": states}))
"""

MODEL, TEST = "model.daybreak.m", "test.daybreak.t"
GREEN = {MODEL: ["success"], TEST: ["pass"]}
REMEDY = "Correct it, then clear the run's failed tasks: the build runs again as a whole."

LOOKS: list[tuple[str, dict[str, list[str]], list[str | None]]] = [
    ("waiting", {}, [None]),
    ("running", {}, [None]),
    ("running", {MODEL: ["success"]}, [None]),
    ("running", GREEN, ["success"]),
    ("running", {MODEL: ["success"], TEST: ["warn"]}, ["success"]),
    ("over", GREEN, ["success"]),
    (
        "running",
        {MODEL: ["success"], TEST: ["fail", "Got 2 results, configured to fail if != 0"]},
        ["failed", f"t is fail: Got 2 results, configured to fail if != 0. {REMEDY}"],
    ),
    ("running", {MODEL: ["error", "no column x"]}, ["failed", f"m is error: no column x. {REMEDY}"]),
    ("running", {MODEL: ["skipped"]}, ["skipped", "dbt has skipped it: a node before it is red."]),
    ("over", {MODEL: ["success"]}, ["failed", f"t has not run: see the log of the build. {REMEDY}"]),
    ("over", {}, ["failed", f"m has not run: see the log of the build. {REMEDY}"]),
    ("unknown", {}, ["failed", f"m has not run: see the log of the build. {REMEDY}"]),
    ("none", GREEN, ["skipped", "There is no build: a task before it has not succeeded."]),
]  # fmt: skip

STATES: list[tuple[dict[str, str | None], str]] = [
    ({}, "waiting"),
    ({"standard": None, "high": None}, "waiting"),
    ({"standard": "queued", "high": "skipped"}, "waiting"),
    ({"standard": "up_for_retry", "high": "skipped"}, "waiting"),
    ({"standard": "running", "high": "skipped"}, "running"),
    ({"standard": "skipped", "high": "deferred"}, "running"),
    ({"standard": "success", "high": "skipped"}, "over"),
    ({"standard": "failed", "high": "skipped"}, "over"),
    ({"standard": "success", "high": None}, "waiting"),
    ({"standard": "skipped", "high": "skipped"}, "none"),
    ({"standard": "upstream_failed", "high": "upstream_failed"}, "none"),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = tmp_path_factory.mktemp("airflow")
    asked = {"looks": [look[:2] for look in LOOKS], "states": [states for states, _ in STATES]}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ENDS],
        env=os.environ | {"AIRFLOW_HOME": str(directory), "PYTHONPATH": str(PROJECT_ROOT)},
        cwd=Path(directory), input=json.dumps(asked), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("number", range(len(LOOKS)), ids=lambda number: f"{LOOKS[number][0]} {LOOKS[number][1]}")
def test_a_node_ends_as_dbt_says(found: Any, number: int) -> None:
    assert found["ends"][number] == LOOKS[number][2]


@pytest.mark.parametrize("number", range(len(STATES)), ids=lambda number: str(STATES[number][0]))
def test_a_run_makes_one_build_whichever_task_makes_it(found: Any, number: int) -> None:
    assert found["states"][number] == STATES[number][1]
