"""Connections that are kept: one for many uses, each as good as new, none that is dead."""

import psycopg
import pytest

from pipeline_settings import Settings
from warehouse.connection import connect
from warehouse.connection_cache import cached_connections
from warehouse.roles import LOADER, acting_as

LEFT_BEHIND = """
select set_config('statement_timeout', '1s', false), pg_advisory_lock(7);
create temporary table left_behind (a int)
"""
FOUND = """
select
    pg_backend_pid() as pid,
    session_user::text as login,
    current_setting('statement_timeout') as timeout,
    current_setting('TimeZone') as zone,
    (select count(*) from pg_locks where locktype = 'advisory') as locks,
    to_regclass('left_behind') is null as is_clean
"""


def found(role: str | None = None) -> dict[str, object]:
    with acting_as(role), connect() as connection:
        row = connection.execute(FOUND).fetchone()
    assert row is not None
    return row


def test_one_connection_serves_many_uses(warehouse: Settings) -> None:
    with cached_connections():
        pids = {found()["pid"] for _ in range(20)}  # more than it takes for psycopg to prepare a statement
        assert len(pids) == 1
        with cached_connections():
            assert found()["pid"] in pids
        assert found()["pid"] in pids
    assert found()["pid"] not in pids
    with connect() as connection:
        assert connection.execute("select from pg_stat_activity where pid = any(%s)", [list(pids)]).fetchall() == []


def test_a_kept_connection_is_as_good_as_new(warehouse: Settings) -> None:
    new = found()
    with cached_connections():
        with acting_as(LOADER), connect(autocommit=True) as connection:
            pid = connection.info.backend_pid
            connection.execute(LEFT_BEHIND)
        assert found(LOADER) == new | {"pid": pid, "login": LOADER}
        assert found()["pid"] != pid, "a login of its own"


def test_what_was_done_before_an_error_is_rolled_back(warehouse: Settings) -> None:
    with cached_connections():
        pid = found()["pid"]
        with pytest.raises(psycopg.errors.DivisionByZero), connect() as connection:
            connection.execute("create table half (a int)").connection.execute("select 1 / 0")
        with connect() as connection:
            assert connection.info.backend_pid != pid
            assert connection.execute("select to_regclass('half') as half").fetchone() == {"half": None}


def test_a_connection_that_died_meanwhile_is_replaced(warehouse: Settings) -> None:
    with cached_connections():
        pid = found()["pid"]
        with psycopg.connect(warehouse.postgres_uri(), autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s, 5000)", [pid])
        assert found()["pid"] != pid
