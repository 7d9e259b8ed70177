"""The patches of dbt do not change what dbt does."""

import json
import os
import sys
from pathlib import Path

import pytest
from dbt_common.behavior_flags import Behavior

from pipeline_settings import Settings, settings
from tests.commands import run
from transformation import dbt_runner
from transformation.dbt_import import import_dbt


def test_a_flag_of_dbt_is_still_named_by_the_module_that_declares_it() -> None:
    import_dbt()
    flags = Behavior([{"name": "some_flag", "default": False, "description": "Some flag."}], {})
    assert flags.some_flag._behavior_change_event.flag_source == __name__
    assert not flags.some_flag.no_warn


def test_a_parsed_project_is_reused_after_a_build_in_another_warehouse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text("name: small\nprofile: daybreak\n")
    (project / "models" / "one.sql").write_text("select 1 as one")
    monkeypatch.setattr(dbt_runner, "PROJECT", project)
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    settings.cache_clear()
    parsed = []
    for database in ("first", "second", "first"):
        monkeypatch.setenv("PGDATABASE", database)
        dbt_runner.forget_project()  # as a new process
        dbt_runner.nodes_of([])
        newest = max(tmp_path.glob("home/dbt/**/perf_info.json"), key=lambda file: file.stat().st_mtime_ns)
        parsed.append(json.loads(newest.read_text())["parsed_path_count"])
    dbt_runner.forget_project()
    assert parsed[0] > 0
    assert parsed[2] == 0


def test_publishing_starts_no_dbt(warehouse: Settings) -> None:
    code = (
        "import sys; from transformation import dbt_runner\n"
        "try: dbt_runner.publish(['ecommerce_order_pipeline'])\n"
        "except Exception as error: print(error, 'dbt' in sys.modules)"
    )
    output = run([sys.executable, "-c", code])
    assert "no build of it has ended" in output
    assert output.split()[-1] == "False"


@pytest.mark.fault(52)
def test_dbt_ignores_a_dotenv_file_in_the_current_directory(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("FOUND_BY_DBT=yes\n")
    monkeypatch.chdir(tmp_path)
    dbt_runner.build_staging()
    assert "FOUND_BY_DBT" not in os.environ
