"""`make new-model`: what it writes passes the linters, and builds and publishes as it is."""

import shutil
import sys
from pathlib import Path

import pytest

from orchestration.new_model import write_model
from pipeline_errors import ConfigurationError
from pipeline_settings import PROJECT_ROOT
from tests.commands import run
from tests.dbt_project.conftest import Dbt
from tests.dbt_project.loads import FIRST, Loads, orders
from tests.dbt_project.readers import publications
from warehouse.connection import connect


@pytest.mark.parametrize("name", ["Weekly", "fct_orders", "x;", "calendar_events"])
def test_a_name_that_will_not_do_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError):
        write_model(name)


@pytest.mark.slow
def test_a_new_model_is_green_as_it_is(dbt_process: Dbt, loads: Loads, tmp_path: Path) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(PROJECT_ROOT / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copy(PROJECT_ROOT / ".sqlfluff", tmp_path)
    files = write_model("weekly_sales", project)
    linter = [str(Path(sys.executable).with_name("sqlfluff")), "lint", str(files[0].relative_to(tmp_path))]
    run(linter, cwd=tmp_path)
    loads.admit("orders", FIRST, orders(FIRST))
    # its unit test too, which needs the marts to be there
    assert dbt_process("--warn-error", "build", "--select", "tag:ecommerce_order_pipeline", project=project).succeeded
    tested = dbt_process("test", "--select", "weekly_sales", project=project)
    assert tested.succeeded, tested.output
    assert all(name in tested.output for name in ("weekly_sales_is_not_negative", "weekly_sales_is_rounded_once")), (
        tested.output
    )
    assert publications() == ["ecommerce_order_pipeline"]
    with connect() as connection:
        row = connection.execute("select count(*) as dates from marts.weekly_sales").fetchone()
    assert row == {"dates": 1}
