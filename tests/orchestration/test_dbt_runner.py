"""What we change about dbt in this process changes nothing that dbt does."""

import os
from pathlib import Path

import pytest
from dbt_common.behavior_flags import Behavior

from orchestration import dbt_runner
from orchestration.dbt_import import prepare_for_dbt
from pipeline_settings import Settings


def test_a_flag_of_dbt_is_still_named_by_the_module_that_declares_it() -> None:
    prepare_for_dbt()
    flags = Behavior([{"name": "some_flag", "default": False, "description": "Some flag."}], {})
    assert flags.some_flag._behavior_change_event.flag_source == __name__
    assert not flags.some_flag.no_warn


@pytest.mark.integration
@pytest.mark.fault(52)
def test_dbt_takes_no_variables_from_a_file_that_lies_around(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("FOUND_BY_DBT=yes\n")
    monkeypatch.chdir(tmp_path)
    dbt_runner.build_staging()
    assert "FOUND_BY_DBT" not in os.environ
