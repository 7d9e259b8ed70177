"""Views of marts change as models do: readers keep their grants and their own views, or are warned beforehand."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline_errors import ModelError
from pipeline_settings import PROJECT_ROOT
from tests.dbt_project.conftest import Dbt
from tests.dbt_project.loads import FIRST, Loads, orders, reviews
from transformation import dbt_runner
from transformation.mart_diff import diff_marts
from warehouse.connection import connect

LTV, RATINGS = "orders/customers/customer_ltv", "reviews/product_metrics"

Project = Callable[..., Path]


@pytest.fixture
def changed(tmp_path: Path) -> Project:
    """Return a copy of the project with replaced texts in the files of a mart."""

    def change(mart: str, *replaced: tuple[str, str, str]) -> Path:
        project = tmp_path / "dbt_project"
        shutil.rmtree(project, ignore_errors=True)
        shutil.copytree(PROJECT_ROOT / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs"))
        for kind, old, new in replaced:
            file = project / "models" / "marts" / f"{mart}.{kind}"
            assert old in file.read_text(), (file, old)
            file.write_text(file.read_text().replace(old, new))
        return project

    return change


@pytest.fixture
def published(dbt: Dbt, loads: Loads) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    loads.admit("reviews", FIRST, reviews(FIRST))
    assert dbt("build", "--exclude", "customer_health+").succeeded
    execute(
        """
        create schema readers;
        grant select on marts.customer_ltv, marts.product_metrics to pg_monitor;
        grant select (customer_id, lifetime_value) on marts.customer_ltv to public;
        """
    )


def execute(statement: str) -> None:
    with connect() as connection:
        connection.execute(statement.encode())


def read(query: str) -> list[dict[str, Any]]:
    with connect() as connection:
        return connection.execute(query.encode()).fetchall()


def columns_of(view: str) -> list[str]:
    rows = read(
        f"select attname from pg_attribute where attrelid = 'marts.{view}'::regclass and attnum > 0 order by attnum"
    )
    return [row["attname"] for row in rows]


def grants_on(view: str) -> set[str]:
    rows = read(
        f"""
        select unnest(acl)::text as granted
        from (
            select relacl as acl from pg_class where oid = 'marts.{view}'::regclass
            union all
            select attacl from pg_attribute where attrelid = 'marts.{view}'::regclass
        ) as grants
        """
    )
    return {row["granted"] for row in rows}


def run(project: Path, mart: str) -> None:
    dbt_runner.invoke(["run", "--select", mart], state="dbt-changed", project=project)


def views() -> set[str]:
    return {row["relname"] for row in read("select relname from pg_class where relkind = 'v' and relname ~ 'former'")}


@pytest.mark.fault(26)
def test_a_column_in_the_middle_stands_last_for_readers(published: None, changed: Project) -> None:
    execute("create view readers.best as select * from marts.customer_ltv")
    before, grants = columns_of("customer_ltv"), grants_on("customer_ltv")
    project = changed(
        LTV,
        (
            "sql",
            "        totals.total_orders,\n",
            "        totals.total_orders,\n        totals.total_orders > 1 as is_regular,\n",
        ),
        ("yml", "\nunit_tests:", "      - {name: is_regular, data_type: boolean}\n\nunit_tests:"),
    )
    (found,) = diff_marts(["customer_ltv"], project=project).marts
    (column,) = found.columns_added
    assert (column.name, column.type, column.nulls, column.lowest, column.highest, column.examples) == (
        "is_regular", "boolean", 0, "true", "true", ["true"],
    )  # fmt: skip
    assert found.readers_in_the_way == []
    run(project, "customer_ltv")
    assert columns_of("customer_ltv") == [*before, "is_regular"]
    assert grants_on("customer_ltv") == grants
    assert len(read("select * from readers.best")) == len(read("select is_regular from marts.customer_ltv")) == 3
    oid = read("select 'marts.customer_ltv'::regclass::oid as oid")
    run(project, "customer_ltv")  # every later night: nothing to do
    assert read("select 'marts.customer_ltv'::regclass::oid as oid") == oid


def test_a_view_that_loses_a_column_keeps_its_grants_and_names_readers_beforehand(
    published: None, changed: Project
) -> None:
    execute("create view readers.best as select customer_id from marts.customer_ltv")
    grants = grants_on("customer_ltv")
    project = changed(
        LTV,
        ("sql", "as is_active\n", "as is_current\n"),
        ("sql", "::numeric(9, 2) as average_days", "::numeric(12, 2) as average_days"),
        ("yml", "- name: is_active", "- name: is_current"),
        ("yml", "numeric(9, 2)", "numeric(12, 2)"),
    )
    (found,) = diff_marts(["customer_ltv"], project=project).marts
    assert found.readers_in_the_way == ["drop view readers.best;"]
    with pytest.raises(ModelError, match=r"others read it. Run: drop view readers\.best; Build again") as error:
        run(project, "customer_ltv")
    assert "loses or changes is_active, average_days_between_orders" in str(error.value)
    assert "is_active" in columns_of("customer_ltv")

    execute(found.readers_in_the_way[0])
    run(project, "customer_ltv")
    assert {"is_current", "is_active"} & set(columns_of("customer_ltv")) == {"is_current"}
    assert grants_on("customer_ltv") == grants
    assert views() == set()


@pytest.mark.slow
def test_a_view_of_the_project_reads_the_former_one_until_it_is_built(published: None, changed: Project) -> None:
    project = changed(
        RATINGS,
        ("sql", "as wilson_lower_bound,", "as positive_share_bound,"),
        ("yml", "- name: wilson_lower_bound", "- name: positive_share_bound"),
    )
    performance = project / "models" / "marts" / "products" / "product_performance.sql"
    performance.write_text(
        performance.read_text().replace(
            "ratings.wilson_lower_bound", "ratings.positive_share_bound as wilson_lower_bound"
        )
    )
    before = read("select * from marts.product_performance order by product_id")
    (found,) = diff_marts(["product_metrics"], project=project).marts
    assert found.readers_in_the_way == []
    run(project, "product_metrics")
    assert "positive_share_bound" in columns_of("product_metrics")
    assert read("select * from marts.product_performance order by product_id") == before
    assert len(views()) == 1
    run(project, "product_performance")
    assert read("select * from marts.product_performance order by product_id") == before
    assert views() == set()
