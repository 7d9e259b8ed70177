"""`make slim`: what a change touches is built and tested on the newest days, and readers notice nothing."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestration.slim_build import build_changed, nodes_naming
from pipeline_errors import ConfigurationError, ModelError
from pipeline_settings import PROJECT_ROOT
from tests.dbt_project.conftest import Dbt
from tests.dbt_project.loads import FIRST, SECOND, Loads, orders, reviews
from tests.dbt_project.readers import contents, publications
from warehouse.connection import connect


@pytest.mark.parametrize(
    ("variables", "models"),
    [
        ((), []),
        (["no_such_var"], []),
        (["active_days"], ["customer_ltv"]),
        (["large_order_amount", "wilson_z"], ["int_orders_accepted", "product_metrics"]),
        (["from"], ["int_order_days", "int_review_days"]),  # in a macro that calls others
    ],
)
def test_who_names_a_var_is_found(project: Any, variables: list[str], models: list[str]) -> None:
    assert sorted(nodes_naming(variables, project)) == models


@pytest.mark.slow
def test_a_change_is_built_and_tested_beside_the_marts(dbt: Dbt, loads: Loads, tmp_path: Path) -> None:
    for day in (FIRST, SECOND):
        loads.admit("orders", day, orders(day))
        loads.admit("reviews", day, reviews(day))
    assert dbt("build").succeeded
    seen = (contents(), publications())
    project = tmp_path / "dbt_project"
    shutil.copytree(PROJECT_ROOT / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs"))
    model = project / "models" / "marts" / "reviews" / "product_metrics.sql"
    model.write_text(model.read_text() + "where true\n")
    assert {"product_metrics", "product_rating_totals", "fct_reviews__changes", "int_review_days"} <= set(
        build_changed("HEAD", project=project)
    )

    variables = project / "dbt_project.yml"
    variables.write_text(variables.read_text().replace("active_days: 90", "active_days: 91"))
    assert "customer_ltv" in build_changed("HEAD", project=project)

    changes = project / "models" / "intermediate" / "reviews" / "fct_reviews__changes.sql"
    changes.write_text(changes.read_text().replace("    rating,", "    nullif(rating, 3) as rating,"))
    with pytest.raises(ModelError, match="fct_reviews"):
        build_changed("HEAD", project=project, days=1)
    with pytest.raises(ConfigurationError, match="no-such-commit"):
        build_changed("no-such-commit")
    assert (contents(), publications()) == seen
    with connect() as connection:
        assert connection.execute("select nspname from pg_namespace where nspname ~ '^slim'").fetchall() == []
