"""`daybreak diff`: the differences that changed models would make in marts. Readers and publishes are not affected."""

import shutil
from pathlib import Path

import pytest

from cli.diff import as_data, print_diff
from pipeline_errors import ConfigurationError, LockedError
from pipeline_settings import PROJECT_ROOT
from tests.dbt_project.conftest import Dbt
from tests.dbt_project.loads import FIRST, SECOND, THIRD, Loads, orders, reviews
from tests.dbt_project.readers import contents, pending, publications, relations
from transformation.mart_diff import Diff, diff_marts
from transformation.relation_diff import Comparison
from warehouse.connection import connect
from warehouse.roles import acting_as

LTV = "marts/orders/customers/customer_ltv"


def test_a_changed_project_is_compared_with_the_published_marts(dbt: Dbt, loads: Loads, tmp_path: Path) -> None:
    for day in (FIRST, SECOND):
        loads.admit("orders", day, orders(day))
        loads.admit("reviews", day, reviews(day))
    assert dbt("build").succeeded
    loads.admit("orders", THIRD, orders(THIRD))  # admitted but not published: no difference
    _leave_behind_what_a_killed_run_does()
    with connect() as connection:
        connection.execute("delete from marts.daily_sales where order_date = %s", [SECOND])
    seen = (contents(), relations(), publications(), pending(), _ledger())

    same = diff_marts([])
    assert {mart.mart: mart.counts["added"] for mart in same.marts if not mart.is_same} == {"daily_sales": 1}
    assert (same.days, same.raw_rows) == (2, 24)

    project = _changed_project(tmp_path)
    changed = _by_mart(diff_marts(["fct_orders", "customer_ltv"], _publishing_may_go_on, project=project, examples=3))
    facts, values = changed["fct_orders"], changed["customer_ltv"]
    # of each day, the order of 1.50 is removed, and those of 5.50 and 6.50 become large
    assert (facts.counts, facts.published_rows, facts.built_rows) == ({"added": 0, "removed": 2, "changed": 4}, 12, 10)
    assert [(column.name, column.rows, column.before, column.after) for column in facts.columns] == [
        ("is_large", 4, "false", "true")
    ]
    assert facts.examples == {
        "removed": [[f"{FIRST}-1"], [f"{SECOND}-1"]],
        "changed": [[f"{FIRST}-5"], [f"{FIRST}-6"], [f"{SECOND}-5"]],
    }
    assert (values.key, values.is_key_declared) == (["customer_id"], False)
    assert [(column.name, column.nulls, column.examples) for column in values.columns_added] == [
        ("is_new", 0, ["true"])
    ]
    assert {column.name: column.rows for column in values.columns}["total_spent"] == 1
    assert (values.is_key_personal, values.examples) == (True, {})
    (shown,) = diff_marts(["customer_ltv"], project=project, shows_personal_data=True).marts
    assert shown.examples == {"changed": [["c1"]]}

    with pytest.raises(KeyboardInterrupt):
        diff_marts(["daily_sales"], _interrupted)
    with pytest.raises(LockedError, match="published during the comparison"):
        diff_marts(["daily_sales"], _published_meanwhile)
    with pytest.raises(ConfigurationError, match="There is no mart sales"):
        diff_marts(["sales"])
    assert (contents(), relations(), publications(), pending(), _ledger()) == (
        *seen[:2],
        [*seen[2], "another"],
        *seen[3:],
    )
    assert _schemas() == set()
    assert as_data(same)["marts"][0]["is_same"] is True
    print_diff(same)


def _changed_project(folder: Path) -> Path:
    project = folder / "dbt_project"
    shutil.copytree(PROJECT_ROOT / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs"))
    for file, old, new in (
        (
            "intermediate/orders/fct_orders__changes.sql",
            "| join(', ')",
            "| join(', ') | replace('is_large', 'total_amount > 5 as is_large')",
        ),
        ("intermediate/orders/fct_orders__changes.sql", "where is_current", "where is_current and total_amount > 2"),
        (f"{LTV}.sql", " as is_active\n", " as is_active,\n        true as is_new\n"),
        (f"{LTV}.yml", "\nunit_tests:", "      - {name: is_new, data_type: boolean}\n\nunit_tests:"),
    ):
        path = project / "models" / file
        assert old in path.read_text(), (file, old)
        path.write_text(path.read_text().replace(old, new))
    return project


def _by_mart(found: Diff) -> dict[str, Comparison]:
    return {mart.mart: mart for mart in found.marts}


def _publishing_may_go_on(step: str) -> None:
    """Assert that the locks of a publish are free at each step."""
    with acting_as(None), connect() as connection:
        connection.execute("set local lock_timeout = '1s'")
        connection.execute(
            "lock table marts.fct_orders, marts.customer_order_totals, ops.day_ledger in row exclusive mode"
        )


def _interrupted(step: str) -> None:
    if step.startswith("comparing"):
        raise KeyboardInterrupt


def _published_meanwhile(step: str) -> None:
    if step.startswith("int_order_days"):
        with acting_as(None), connect() as connection:
            connection.execute(
                """
                insert into ops.publications (pipeline, build_id, day_count, rows_published)
                values ('another', 'build', 0, '{}')
                """
            )


def _leave_behind_what_a_killed_run_does() -> None:
    with connect() as connection:
        connection.execute("create schema diff_marts; create table diff_marts.fct_orders (left_behind int)")


def _schemas() -> set[str]:
    with connect() as connection:
        return {
            row["nspname"] for row in connection.execute("select nspname from pg_namespace where nspname ~ '^diff'")
        }


def _ledger() -> list[dict[str, object]]:
    with connect() as connection:
        ledger = connection.execute("select * from ops.day_ledger order by dataset, day").fetchall()
        return [*ledger, *connection.execute("select * from ops.build_results order by build_id, node").fetchall()]
