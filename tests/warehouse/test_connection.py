"""Connections and schemas: refusals, error messages, and preparation that blocks no other run."""

import subprocess
import sys
import time
import traceback
from typing import Any

import psycopg
import pytest

from pipeline_errors import WarehouseError
from pipeline_settings import PROJECT_ROOT, Settings, settings
from warehouse import connection as warehouse_connection
from warehouse import session_check
from warehouse.connection import connect, create_schemas


def execute(*statements: str) -> list[dict[str, Any]]:
    """Run statements in one transaction; return the rows of the last one, if it has any."""
    with connect() as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_an_outdated_server_is_refused(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_check, "MINIMUM_SERVER_VERSION", 990000)
    with pytest.raises(WarehouseError, match=r"PostgreSQL 1\d.* is too old. Daybreak needs"), connect():
        pass


@pytest.mark.fault(22)
def test_an_unreachable_server_is_named_by_address_without_password(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "9")
    monkeypatch.setenv("PGPASSWORD", "canary-password")
    settings.cache_clear()
    started = time.monotonic()
    with (
        pytest.raises(WarehouseError, match=r"Postgres at 127\.0\.0\.1:9/daybreak_test cannot be reached") as raised,
        connect(),
    ):
        pass
    assert time.monotonic() - started < 5
    assert "canary-password" not in str(raised.value)


def test_a_block_commits_whole_or_not_at_all(warehouse: Settings) -> None:
    execute("create table ops.scratch (n integer)")
    with pytest.raises(psycopg.errors.DivisionByZero):
        execute("insert into ops.scratch values (1)", "select 1 / 0")
    assert execute("select * from ops.scratch") == []


def test_a_lost_connection_is_a_warehouse_error(warehouse: Settings) -> None:
    with pytest.raises(WarehouseError, match="Run the same command again"):
        execute("select pg_terminate_backend(pg_backend_pid())")


@pytest.mark.fault(22)
def test_a_read_only_server_is_a_warehouse_error(warehouse: Settings) -> None:
    with pytest.raises(WarehouseError, match="read-only"):
        execute("set transaction read only", "delete from ops.loads")


@pytest.mark.fault(45)
def test_readers_may_select_from_marts_only(warehouse: Settings) -> None:
    execute("create table marts.anything (n integer)")
    as_reader = "set local role daybreak_reader"
    assert execute(as_reader, "select * from marts.anything") == []
    for statement in ("insert into marts.anything values (1)", "select * from ops.loads", "select * from raw.orders"):
        with pytest.raises(WarehouseError, match="permission denied"):
            execute(as_reader, statement)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("insert into marts.people values ('Ada Lovelace', -1)", 'violates check constraint "of_age"'),
        ("insert into marts.people values ('Ada Lovelace', 36)", 'violates unique constraint "people_name_key"'),
        ("select 'Ada Lovelace'::integer", "invalid input syntax for type integer"),
    ],
)
def test_an_error_of_postgres_quotes_no_row(warehouse: Settings, statement: str, message: str) -> None:
    execute(
        "create table marts.people (name text unique, age integer constraint of_age check (age > 0))",
        "insert into marts.people values ('Ada Lovelace', 36)",
    )
    with pytest.raises(psycopg.Error) as caught:
        execute(statement)
    text = "".join(traceback.format_exception(caught.value))
    assert message in text.splitlines()[-1]
    assert "Ada" not in text


def test_schemas_are_created_again_without_a_change(warehouse: Settings) -> None:
    catalog = """
        select oid, relname, relacl::text from pg_class
        where relnamespace in ('raw'::regnamespace, 'ops'::regnamespace) order by oid
    """
    before = execute(catalog)
    for _ in range(2):
        with connect() as connection:
            create_schemas(connection)
    assert execute(catalog) == before


def test_dropped_objects_are_created_again(warehouse: Settings) -> None:
    execute("drop schema quarantine cascade; drop table ops.pipeline_metrics")
    with connect() as connection:
        create_schemas(connection)
    assert execute("select * from ops.pipeline_metrics") == []
    assert execute("select to_regnamespace('quarantine') is not null as is_there") == [{"is_there": True}]


def test_tables_of_0_1_0_are_renamed_with_their_rows(warehouse: Settings) -> None:
    execute(
        "insert into ops.fencing_tokens values ('orders', '2026-03-01', 7)",
        "alter table ops.fencing_tokens rename to day_fences",
        "alter table ops.int_orders_superseded rename to int_orders_shadowed",
    )
    with connect() as connection:
        create_schemas(connection)
    assert execute("select token from ops.fencing_tokens") == [{"token": 7}]
    assert execute("select order_id from ops.int_orders_superseded") == []


def test_two_processes_create_the_schemas_at_once(warehouse: Settings) -> None:
    execute("drop schema raw, staging, build, marts, quarantine, ops cascade")
    program = "from warehouse.connection import *\nwith connect() as c: create_schemas(c)"
    both = [
        subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT_ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert execute("select * from ops.loads") == []


def test_preparing_the_warehouse_does_not_wait_for_other_runs(warehouse: Settings) -> None:
    with connect() as landing:
        landing.execute(
            "insert into raw.orders (_load_id, _day, _row_number) values ('x', '2026-03-01', 1)"
        )  # another run's load, not committed yet
        with connect() as connection:
            connection.execute("set lock_timeout = '1s'")
            create_schemas(connection)
        landing.rollback()


def test_waits_for_locks_are_bounded(warehouse: Settings) -> None:
    with connect() as holder:
        holder.execute("lock table ops.loads in access exclusive mode")
        with pytest.raises(WarehouseError, match="lock timeout"):
            execute("set local lock_timeout = '200ms'", "select * from ops.loads")
    with psycopg.connect(warehouse.postgres_uri(), options=warehouse_connection.bounded_waits()) as plain:
        assert plain.execute("show lock_timeout").fetchone() == ("30s",)
