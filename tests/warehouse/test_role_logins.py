"""Steps log in as their roles: what code of a member of a role can do when a run executes it."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from local.demo_shop.shop_contract import ListedShop
from monitoring.anomalies.limits import anomaly_limits
from monitoring.anomalies.volume import day_volume
from monitoring.report.site import write_report
from orchestration import steps
from pipeline_errors import WarehouseError
from pipeline_settings import Settings, settings
from tests.administrator import administrator
from tests.dbt_project.loads import orders
from tests.laws.conftest import World, world
from tests.warehouse.test_roles import DAY, listed_shop
from warehouse import role_logins
from warehouse.connection import connect
from warehouse.roles import LOADER, ROLES, TRANSFORMER, acting_as

__all__ = ["world"]  # a fixture

TRAP = """
    set role daybreak_transformer;
    create table build.trace (login text, acted_as text, outcome text);
    create function build.trap() returns trigger language plpgsql as $$
    begin
        reset role;
        begin
            alter role mallory superuser;
            insert into build.trace values (session_user, current_user, 'became a superuser');
        exception when others then
            insert into build.trace values (session_user, current_user, sqlerrm);
        end;
        begin
            create table raw.taken (n integer);
            delete from ops.pipeline_runs;
            insert into build.trace values (session_user, current_user, 'became the owner');
        exception when others then
            insert into build.trace values (session_user, current_user, sqlerrm);
        end;
        return null;
    end $$;
    grant all on build.trace to public;
    do $$
    declare
        mart text;
    begin
        for mart in select format('%I.%I', schemaname, tablename) from pg_tables
            where schemaname = 'marts' and tableowner = 'daybreak_transformer'
        loop
            execute format('create trigger trap after insert or update or delete on %s '
                'for each statement execute function build.trap()', mart);
        end loop;
    end $$;
"""


# Views in the place of relations that the report and the search for anomalies read.
GUARDED_VIEWS = """
    set role daybreak_transformer;
    create function build.passes() returns boolean language plpgsql stable as $$
    begin
        if session_user not in ('daybreak_reader', 'daybreak_loader') then
            raise exception 'read as %', session_user;
        end if;
        return true;
    end $$;
    create view marts.product_metrics as
        select '' as product_id, 1 as prior_average, 1 as prior_count, 1 as recent_average, 1 as recent_count,
            1 as rating_delta, true as is_rating_drop
        where build.passes();
    create view marts.customer_health as
        select true as is_at_risk, 1 as last_rating, 1 as lifetime_value where build.passes();
    drop table if exists staging.calendar_events cascade;
    create view staging.calendar_events as
        select date '2026-03-01' as day, 'sale' as event, 1 as expected_share where build.passes();
    grant select on staging.calendar_events to daybreak_loader;
"""


@pytest.fixture(name="administrator")
def _administrator(warehouse: Settings) -> Iterator[psycopg.Connection]:
    """A superuser's connection; at the end, the roles log in again for the tests that follow."""
    with administrator(warehouse) as connection:
        yield connection
    role_logins.known.clear()


@pytest.fixture
def mallory(administrator: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """The connection of a member of daybreak_transformer without any other right."""
    administrator.execute("create role mallory login password 'mallory'")
    administrator.execute("grant daybreak_transformer to mallory")
    try:
        uri = settings().postgres_uri()
        with psycopg.connect(uri, user="mallory", password="mallory", autocommit=True) as connection:
            yield connection
    finally:
        administrator.execute("drop role mallory")


def me() -> dict[str, Any] | None:
    """Return who a connection of this block is."""
    with connect() as connection:
        return connection.execute("select current_user::text as acting_as, session_user::text as login").fetchone()


@pytest.mark.fault(71)
def test_a_member_of_the_transformer_cannot_act_as_the_owner(
    world: Callable[[ListedShop], World], mallory: psycopg.Connection, administrator: psycopg.Connection
) -> None:
    shop = listed_shop(DAY)
    right = world(shop)
    assert right.run([DAY]).exit_code == 0
    mallory.execute(TRAP.encode())
    shop.put("orders", DAY, orders(DAY, 9))
    right.run([DAY])
    trace = administrator.execute("select login, acted_as, outcome from build.trace").fetchall()
    assert trace, "the trap did not run"
    assert {(login, acted_as) for login, acted_as, _ in trace} == {(TRANSFORMER, TRANSFORMER)}, trace
    assert all("permission denied" in outcome for *_, outcome in trace), trace
    superusers = administrator.execute("select rolname from pg_roles where rolsuper").fetchall()
    assert superusers == [("postgres",)], "neither mallory nor the owner is one"


@pytest.mark.fault(71)
def test_views_of_a_member_of_the_transformer_are_not_read_as_the_owner(mallory: psycopg.Connection) -> None:
    mallory.execute(GUARDED_VIEWS.encode())
    mallory.execute("reset role")
    write_report({})
    with connect() as connection:
        assert day_volume(connection, "orders", DAY, anomaly_limits()).event == "sale"
        with pytest.raises(psycopg.errors.RaiseException, match="read as daybreak"):
            connection.execute("select from marts.customer_health")


@pytest.mark.parametrize("role", ROLES)
def test_a_block_logs_in_as_its_role(warehouse: Settings, role: str) -> None:
    with acting_as(role):
        assert me() == {"acting_as": role, "login": role}
    assert me() == {"acting_as": warehouse.pguser, "login": warehouse.pguser}


def test_a_new_password_of_the_login_user_changes_those_of_the_roles(
    administrator: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = settings()
    assert before.pgpassword is not None
    other = f"create role other_owner login createrole password 'another' in role {before.pguser}"
    administrator.execute(other.encode())
    try:
        for user, password in (("other_owner", "another"), (before.pguser, before.pgpassword.get_secret_value())):
            monkeypatch.setenv("PGUSER", user)
            monkeypatch.setenv("PGPASSWORD", password)
            settings.cache_clear()
            steps.prepare()
            with acting_as(LOADER):
                assert me() == {"acting_as": LOADER, "login": LOADER}
    finally:
        administrator.execute("drop role other_owner")


def test_a_member_cannot_bring_set_role_back_by_another_password(
    mallory: psycopg.Connection, administrator: psycopg.Connection
) -> None:
    mallory.execute("set role daybreak_transformer")
    mallory.execute("alter role daybreak_transformer password 'mine'")
    with pytest.raises(WarehouseError, match=f"cannot be reached as {TRANSFORMER}"), acting_as(TRANSFORMER), connect():
        pass
    steps.prepare()
    with acting_as(TRANSFORMER):
        assert me() == {"acting_as": TRANSFORMER, "login": TRANSFORMER}


def test_where_roles_may_not_log_in_steps_set_them(administrator: psycopg.Connection, warehouse: Settings) -> None:
    administrator.execute("create role modest login password 'modest'")
    administrator.execute(f"grant {', '.join(ROLES)} to modest".encode())
    modest = warehouse.model_copy(update={"pguser": "modest", "pgpassword": SecretStr("modest")})
    try:
        with acting_as(LOADER), connect(using=modest) as connection:
            assert connection.execute("select session_user::text as login").fetchone() == {"login": "modest"}
            remark = role_logins.remark(connection, modest)
        assert "a member of daybreak_transformer could act as modest" in remark
        administrator.execute(remark.partition("run: ")[2].encode())
        derived = role_logins.login_as(LOADER, modest)
        with connect(using=derived) as connection:
            assert connection.execute("select session_user::text as login").fetchone() == {"login": LOADER}
    finally:
        administrator.execute("drop owned by modest")
        administrator.execute("drop role modest")
        role_logins.known.clear()
        steps.prepare()
