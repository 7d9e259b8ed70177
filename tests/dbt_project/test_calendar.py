"""The calendar of events: loaded if its file has changed, by hand or before a run. It blocks no publish."""

import shutil
from functools import cache
from pathlib import Path

import pytest

from local.demo_shop.simulated_shop import HOLIDAY
from orchestration import steps
from pipeline_errors import ModelError
from pipeline_settings import PROJECT_ROOT, Settings
from tests.dbt_project.conftest import Dbt
from tests.dbt_project.loads import FIRST, Loads, orders, reviews
from tests.dbt_project.readers import publications
from tests.monitoring.anomalies.judged_days import execute, select
from transformation import dbt_runner, staging

EXAMPLE = {"day": str(HOLIDAY), "event": "Easter Sunday", "share": 0.45}
SEED = Path("dbt_project") / "seeds" / "calendar_events.csv"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, to change its files."""
    skipped = shutil.ignore_patterns("target", "logs")
    shutil.copytree(PROJECT_ROOT / "dbt_project", tmp_path / "dbt_project", ignore=skipped)
    shutil.copy(PROJECT_ROOT / "profiles.yml", tmp_path)
    return tmp_path


@pytest.fixture
def in_force(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the copy the project of the steps."""
    for module in (staging, dbt_runner):
        monkeypatch.setattr(module, "PROJECT_ROOT", project)
    monkeypatch.setattr(dbt_runner, "PROJECT", project / "dbt_project")
    monkeypatch.setattr(
        dbt_runner, "_manifest", cache(dbt_runner._manifest.__wrapped__)
    )  # keeps the other project's manifest
    return project


def calendar() -> list[dict[str, object]]:
    return select(
        "select day::text, event, expected_share::float as share from staging.calendar_events order by day, event"
    )


def test_the_example_row_is_the_simulated_shops_holiday(warehouse: Settings) -> None:
    assert calendar() == [EXAMPLE]


def test_a_changed_calendar_is_loaded_before_the_next_run(warehouse: Settings, in_force: Path) -> None:
    with (in_force / SEED).open("a") as file:
        file.write("2026-11-27,Black Friday,1.8\n")
    steps.prepare()
    assert calendar() == [EXAMPLE, {"day": "2026-11-27", "event": "Black Friday", "share": 1.8}]
    execute("drop table staging.calendar_events")
    steps.prepare()
    assert len(calendar()) == 2


@pytest.mark.parametrize(
    "line", [pytest.param("2026-04-05,Easter again,0.5", marks=pytest.mark.slow), "2026-11-27,Black Friday,much"]
)
def test_an_invalid_line_fails_before_a_run_and_the_calendar_stays(
    warehouse: Settings, in_force: Path, line: str
) -> None:
    with (in_force / SEED).open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(ModelError, match="calendar_events failed"):
        steps.prepare()
    assert calendar() == [EXAMPLE]


@pytest.mark.slow
def test_dbt_seed_loads_it_and_an_invalid_line_blocks_no_publish(loads: Loads, dbt_process: Dbt, project: Path) -> None:
    execute("truncate staging.calendar_events")
    assert dbt_process("seed").succeeded
    assert calendar() == [EXAMPLE]
    loads.admit("orders", FIRST, orders(FIRST))
    loads.admit("reviews", FIRST, reviews(FIRST))
    with (project / SEED).open("a") as file:
        file.write("2026-11-27,Black Friday,much\n")
    assert not dbt_process("build", project=project / "dbt_project").succeeded
    assert len(publications()) == 3
