"""The end of a node task, by the state of the build and its nodes. Airflow runs in a separate process."""

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

messages = []
trigger = NodeEnd("orders", "night", ["standard", "high"], ["model.daybreak.m", "test.daybreak.t"])
class Recording(NodeEnd):
    log = SimpleNamespace(warning=lambda *args: messages.append(args[0] % args[1:]),
                          error=lambda *args: messages.append(args[0] % args[1:]))
cases = json.load(sys.stdin)
ends = []
for state, nodes in cases["looks"]:
    messages.clear()
    trigger = Recording("orders", "night", ["standard", "high"], ["model.daybreak.m", "test.daybreak.t"])
    event = trigger._event(Look(state, {name: NodeResult(*result) for name, result in nodes.items()}))
    ends.append([event and event.payload, *messages])
states = [build_state(states, ["standard", "high"]) for states in cases["states"]]
print(json.dumps({"ends": ends, "states": states}))
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
    ("running", {MODEL: ["skipped"]}, ["skipped", "dbt skipped it: an upstream node is red."]),
    ("over", {MODEL: ["success"]}, ["failed", f"t did not run: see the log of the build. {REMEDY}"]),
    ("over", {}, ["failed", f"m did not run: see the log of the build. {REMEDY}"]),
    ("unknown", {}, ["failed", f"m did not run: see the log of the build. {REMEDY}"]),
    ("none", GREEN, ["skipped", "There is no build: an upstream task did not succeed."]),
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
def ends(tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = tmp_path_factory.mktemp("airflow")
    cases = {"looks": [look[:2] for look in LOOKS], "states": [states for states, _ in STATES]}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ENDS],
        env=os.environ | {"AIRFLOW_HOME": str(directory), "PYTHONPATH": str(PROJECT_ROOT)},
        cwd=Path(directory), input=json.dumps(cases), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("number", range(len(LOOKS)), ids=lambda number: f"{LOOKS[number][0]} {LOOKS[number][1]}")
def test_a_node_task_ends_with_the_result_of_its_nodes(ends: Any, number: int) -> None:
    assert ends["ends"][number] == LOOKS[number][2]


@pytest.mark.parametrize("number", range(len(STATES)), ids=lambda number: str(STATES[number][0]))
def test_the_build_state_comes_from_either_build_task(ends: Any, number: int) -> None:
    assert ends["states"][number] == STATES[number][1]
