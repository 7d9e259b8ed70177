"""The deploy job: its parts and its errors."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from orchestration.airflow import deploy
from pipeline_errors import ConfigurationError, ModelError
from pipeline_settings import PROJECT_ROOT
from tests.commands import run


def test_pools_have_slots_and_say_what_they_are_for() -> None:
    pools = json.loads(deploy.POOLS_FILE.read_text())
    slots = {name: pool["slots"] for name, pool in pools.items()}
    assert slots == {"shop_api": 2, "warehouse": 2, "high_volume": 1, "messages": 4}
    assert all(pool["description"] for pool in pools.values())


def test_a_failed_part_is_named_and_the_error_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []

    def broken() -> str:
        raise ConfigurationError("It is wrong", "Correct it.")

    monkeypatch.setattr(deploy, "check_time_zone", lambda: "checked")
    monkeypatch.setattr(deploy, "write_manifest", lambda: "written")
    monkeypatch.setattr(deploy, "prepare_warehouse", lambda: "prepared")
    monkeypatch.setattr(deploy, "migrate_metadata", broken)
    with pytest.raises(ConfigurationError) as caught:
        deploy.deploy(lines.append)
    assert str(caught.value) == "broken: It is wrong. Correct it."
    assert lines == ["checked", "written", "prepared"]


def test_another_time_zone_than_the_shops_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert deploy.check_time_zone() == "The time zone is UTC"
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", "Europe/Berlin")
    with pytest.raises(ConfigurationError, match=r"Europe/Berlin, the shop's is UTC. Set .*DEFAULT_TIMEZONE=UTC"):
        deploy.check_time_zone()


@pytest.mark.airflow
def test_a_missing_database_is_reported_without_its_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg://u:hidden@127.0.0.1:1/nowhere")
    with pytest.raises(ConfigurationError, match="airflow db migrate exited with 1") as caught:
        deploy.migrate_metadata()
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.integration  # parses the project
def test_the_manifest_needs_no_warehouse_and_a_broken_project_keeps_the_old_one(tmp_path: Path) -> None:
    project = tmp_path / "dbt_project"
    ignored = shutil.ignore_patterns("target", "logs")
    shutil.copytree(PROJECT_ROOT / "dbt_project", project, ignore=ignored)
    manifest = project / "target" / "manifest.json"
    assert deploy.write_manifest(project, manifest) == "Wrote dbt_project/target/manifest.json"
    assert "model.daybreak.fct_orders" in json.loads(manifest.read_text())["nodes"]
    before = manifest.read_bytes()
    (project / "models" / "broken.sql").write_text("select * from {{ ref('nothing') }}")
    with pytest.raises(ModelError, match="nothing"):
        deploy.write_manifest(project, manifest)
    assert manifest.read_bytes() == before


def test_the_command_line_does_not_import_airflow_for_it() -> None:
    code = "import sys, orchestration.airflow.deploy; print({'airflow', 'dbt', 'cosmos'} & set(sys.modules))"
    printed = run([sys.executable, "-c", code])
    assert printed.strip() == "set()"
