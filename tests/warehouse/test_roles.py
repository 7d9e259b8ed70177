"""The table in docs/explanation/roles.md against the database, after every kind of run and for every login."""

import os
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from fnmatch import fnmatch
from typing import Any

import psycopg
import pytest
import redis
from psycopg import sql

from local.demo_shop.shop_contract import ListedShop
from orchestration.day_run import replay_days
from pipeline_errors import WarehouseError
from pipeline_settings import PROJECT_ROOT, Settings, settings
from tests.administrator import administrator
from tests.dbt_project.conftest import dbt_process, dbt_state
from tests.dbt_project.loads import order, orders, reviews
from tests.dbt_project.readers import relations
from tests.laws.conftest import World, world
from transformation import dbt_runner
from transformation.pipelines import PIPELINES
from warehouse import roles
from warehouse.connection import connect, create_schemas
from warehouse.roles import LOADER, READER, ROLES, TRANSFORMER, acting_as

__all__ = ["dbt_process", "dbt_state", "world"]  # fixtures

DAY = date(2026, 3, 1)
NAMES = [pipeline.name for pipeline in PIPELINES]
LOGIN, PASSWORD = "daybreak_test_login", "canary-password"

PRIVILEGES = """
    select namespace.nspname || '.' || relname as relation, wanted.rolname as role, relowner = wanted.oid as is_owner,
        array(
            select privilege from unnest(
                array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']
            ) as privilege where has_table_privilege(wanted.oid, pg_class.oid, privilege)
        ) as whole,
        array(
            select lower(privilege_type) || ' ' || column_name from information_schema.column_privileges as columns
            where grantee = wanted.rolname and columns.table_schema = nspname and columns.table_name = relname
                and not has_table_privilege(wanted.oid, pg_class.oid, privilege_type)
        ) as by_column
    from pg_class
    inner join pg_namespace as namespace on relnamespace = namespace.oid
    inner join pg_roles as wanted on wanted.rolname = any(%s)
    where relkind in ('r', 'v', 'm', 'p', 'f') and nspname not like 'pg\\_%%'
        and nspname not in ('information_schema', 'readers')
"""
SCHEMAS = """
    select 'schema ' || nspname as relation, wanted.rolname as role, nspowner = wanted.oid as is_owner,
        array(
            select privilege from unnest(array['usage', 'create']) as privilege
            where has_schema_privilege(wanted.oid, pg_namespace.oid, privilege)
        ) as whole,
        '{}'::text[] as by_column
    from pg_namespace inner join pg_roles as wanted on wanted.rolname = any(%s)
    where nspname not like 'pg\\_%%' and nspname not in ('information_schema', 'public', 'readers')
"""


def documented() -> list[tuple[list[str], dict[str, set[str]]]]:
    """Rows of the documented table: patterns of names, and what each role may; the first that fits counts."""
    section = (PROJECT_ROOT / "docs" / "explanation" / "roles.md").read_text().split("## Rights by relation")[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:3] == "| `"]
    return [
        (re.findall("`(.+?)`", names), dict(zip(ROLES, map(privileges, cells), strict=True))) for names, *cells in rows
    ]


def privileges(cell: str) -> set[str]:
    """Parse a cell to the catalogue's words: `select`, and `update published_at` for a column."""
    parsed = set()
    for privilege, columns in re.findall(r"(\w+)(?: \(([\w, ]+)\))?", cell):
        parsed |= {f"{privilege} {column}" for column in columns.split(", ")} if columns else {privilege}
    return parsed


def assert_roles_may_do_what_is_documented() -> None:
    """Compare every relation and schema, except the readers' own, with the first matching row of the table."""
    table = documented()
    with connect() as connection:
        found = [*connection.execute(PRIVILEGES, [ROLES]), *connection.execute(SCHEMAS, [ROLES])]
    assert {row["role"] for row in found} == set(ROLES)
    for row in found:
        expected = next(may for names, may in table if any(fnmatch(row["relation"], name) for name in names))
        actual = {"owner"} if row["is_owner"] else {*row["whole"], *row["by_column"]}
        assert actual == expected[row["role"]], (row["relation"], row["role"])


def listed_shop(*days: date) -> ListedShop:
    """Return a shop with orders and reviews on these days."""
    listed = {("orders", day): orders(day) for day in days} | {("reviews", day): reviews(day) for day in days}
    return ListedShop(listed)


def owners(schema: str) -> set[str]:
    """Return the owners of a schema's relations."""
    query = "select distinct relowner::regrole::text as owner from pg_class where relnamespace = to_regnamespace(%s)"
    with connect() as connection:
        return {row["owner"] for row in connection.execute(query, [schema])}


@pytest.mark.fault(45)
def test_roles_may_do_what_is_documented_and_no_more(
    world: Callable[[ListedShop], World],
) -> None:
    right = world(listed_shop(DAY))
    assert right.run([DAY]).exit_code == 0
    right.assert_marts_are_right()
    assert_roles_may_do_what_is_documented()
    for role, statements in FORBIDDEN.items():
        for statement in statements:
            with pytest.raises(WarehouseError, match=f"let {role} do this: (permission denied|must be owner)"):
                attempt(role, statement)


FORBIDDEN = {
    LOADER: [
        "update raw.orders set status = 'paid'",
        "truncate raw.orders",
        "alter table raw.orders add column another text",
        "select * from marts.fct_orders",
        "select * from build.int_orders_accepted",
        "select * from quarantine.orders",
        "drop view staging.stg_shop__orders",
        "update ops.loads set row_count = 0",
        "update ops.day_ledger set published_load_id = admitted_load_id",
        "insert into ops.publications (pipeline, build_id, day_count, rows_published) values ('x', 'x', 1, '{}')",
        "select * from ops.outbox",
        "select * from ops.alerts",
    ],
    TRANSFORMER: [
        "insert into raw.orders (_load_id, _day, _row_number) values ('x', '2026-03-01', 1)",
        "delete from raw.orders",
        "drop table raw.orders",
        "create table raw.mine (n integer)",
        "delete from staging.review_sentiment",
        "update ops.day_ledger set admitted_load_id = null",
        "delete from ops.day_ledger",
        "delete from ops.publications",
        "update ops.gate_results set decision = 'passed'",
        "select * from ops.outbox",
        "delete from ops.pipeline_runs",
    ],
    READER: [
        "insert into marts.fct_orders (order_id) values ('x')",
        "delete from marts.fct_orders",
        "create table marts.mine (n integer)",
        "select * from raw.orders",
        "select * from staging.stg_shop__orders",
        "select * from build.int_orders_accepted",
        "select * from quarantine.orders",
        "select * from ops.day_ledger",
    ],
}


def attempt(role: str, statement: str) -> None:
    """Run a statement in a role, and roll it back."""
    with acting_as(role), connect() as connection:
        connection.execute(statement.encode())
        connection.rollback()


def test_objects_from_before_the_roles_change_owner(warehouse: Settings) -> None:
    with connect() as connection:
        connection.execute("alter view staging.stg_shop__orders owner to current_user")
        connection.execute("create table marts.made_before as select 1 as n")
        connection.execute("revoke all on schema raw from daybreak_loader")
        connection.execute(
            "revoke all on marts.made_before, staging.stg_shop__orders from daybreak_reader, daybreak_loader"
        )
    for _ in range(2):
        with connect() as connection:
            create_schemas(connection)
        assert_roles_may_do_what_is_documented()


def test_a_rollback_keeps_the_role(warehouse: Settings) -> None:
    me = "select current_user::text as me, session_user::text as login"
    before = os.environ.get("PGOPTIONS")
    with (
        acting_as(TRANSFORMER),
        dbt_runner._options_in_force(),
        psycopg.connect(warehouse.postgres_uri(), user=os.environ["PGUSER"], password=os.environ["PGPASSWORD"]) as dbts,
    ):
        dbts.execute("select 1")
        dbts.rollback()
        assert dbts.execute(me.encode()).fetchone() == (TRANSFORMER, TRANSFORMER)
    assert os.environ.get("PGOPTIONS") == before
    with acting_as(LOADER), connect() as ours:
        ours.rollback()
        assert ours.execute(me.encode()).fetchone() == {"me": LOADER, "login": LOADER}
        with acting_as(None), connect() as login:
            assert login.execute(me.encode()).fetchone() == {"me": warehouse.pguser, "login": warehouse.pguser}


@pytest.mark.slow
@pytest.mark.fault(26, 45)
def test_roles_and_readers_keep_their_rights_through_every_kind_of_run(
    world: Callable[[ListedShop], World], dbt_process: Callable[..., Any]
) -> None:
    second = DAY + timedelta(days=1)
    shop = listed_shop(DAY)
    right = world(shop)
    right.run([DAY])
    with connect() as connection:
        connection.execute("create schema readers authorization daybreak_reader")
        connection.execute("set local role daybreak_reader")
        connection.execute("create view readers.big as select * from marts.fct_orders where total_amount > 3")
        connection.execute("create view readers.ltv as select * from marts.customer_ltv")
    before = relations()

    def refused() -> None:
        shop.put("orders", DAY, [order(DAY, number, total_amount="x") for number in range(20)])
        assert right.run([DAY]).exit_code == 5

    def backfilled() -> None:
        shop.put("orders", DAY, [{**row, "color": "red"} for row in orders(DAY, 9)])  # a new field
        shop.put("orders", second, orders(second))
        shop.put("reviews", second, reviews(second))
        assert right.run([DAY, second]).exit_code == 0

    runs: dict[str, Callable[[], Any]] = {
        "the same again": lambda: right.run([DAY]),
        "a refused day": refused,
        "a backfill": backfilled,
        "a replay": lambda: replay_days([DAY, second], NAMES),
        "a bare build": lambda: dbt_process("build", "--vars", f"{{from: {DAY}, to: {second}}}"),
        "a run after it": lambda: right.run([second]),
        "a full refresh": lambda: dbt_process("build", "--full-refresh"),
        "a replay after it": lambda: replay_days([DAY, second], NAMES),
    }
    for name, run in runs.items():
        ended = run()
        assert ended is None or getattr(ended, "succeeded", True), (name, ended)
        assert getattr(ended, "exit_code", 0) == 0, name
        assert relations() == before, name
        assert_roles_may_do_what_is_documented()
    right.assert_marts_are_right()


@pytest.fixture
def login(
    warehouse: Settings, cache: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, bool], None]]:
    """Work as a login user with this attribute who owns an empty database, with or without existing roles."""
    renamed: list[str] = []
    database = sql.Identifier(warehouse.pgdatabase)

    def execute(*statements: str) -> None:
        with administrator(warehouse, "postgres") as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def recreate(owner: str) -> None:
        with administrator(warehouse, "postgres") as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(database))
            connection.execute(sql.SQL("create database {} owner {}").format(database, sql.Identifier(owner)))

    def work_as(attribute: str, with_roles: bool) -> None:
        if not with_roles:
            renamed.extend(ROLES)
            execute(*(f"alter role {role} rename to {role}_away" for role in ROLES))
        execute(f"create role {LOGIN} login {attribute} password '{PASSWORD}'")
        recreate(LOGIN)
        monkeypatch.setenv("PGUSER", LOGIN)
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        settings.cache_clear()

    yield work_as
    recreate(warehouse.pguser)
    if renamed:
        execute(*(f"drop role if exists {role}" for role in renamed))
        execute(*(f"alter role {role}_away rename to {role}" for role in renamed))
    execute(f"drop role if exists {LOGIN}")


Login = Callable[[str, bool], None]


@pytest.mark.parametrize(("with_roles", "asked"), [(True, "grant"), (False, "create role daybreak_loader; ")])
def test_the_remedy_for_administrators_sets_up_the_roles(
    login: Login, warehouse: Settings, with_roles: bool, asked: str
) -> None:
    login("nocreaterole", with_roles)
    with connect() as connection:
        create_schemas(connection)
        remedy = roles.remedy(connection)
        assert roles.are_settled(connection)
    assert remedy is not None
    assert remedy.startswith(asked)
    with administrator(warehouse) as connection:
        connection.execute(remedy.encode())
    with connect() as connection:
        assert roles.remedy(connection) is None
        assert not roles.are_settled(connection)
        create_schemas(connection)
        assert roles.are_settled(connection)
    assert_roles_may_do_what_is_documented()


@pytest.mark.slow
def test_without_roles_a_day_runs_as_the_login_user(login: Login, world: Callable[[ListedShop], World]) -> None:
    login("nocreaterole", False)
    right = world(listed_shop(DAY))
    assert right.run([DAY]).exit_code == 0
    right.assert_marts_are_right()
    assert owners("marts") == owners("raw") == {LOGIN}


@pytest.mark.slow
@pytest.mark.parametrize("attribute", ["nocreaterole", "createrole"])
def test_a_login_user_without_superuser_works_in_roles(
    login: Login,
    warehouse: Settings,
    world: Callable[[ListedShop], World],
    dbt_process: Callable[..., Any],
    attribute: str,
) -> None:
    login(attribute, attribute == "nocreaterole")
    if attribute == "nocreaterole":
        with administrator(warehouse) as connection:
            connection.execute(f"grant {', '.join(ROLES)} to {LOGIN}".encode())
    right = world(listed_shop(DAY))
    assert right.run([DAY]).exit_code == 0
    assert dbt_process("build", "--full-refresh").succeeded
    assert right.run([DAY]).exit_code == 0
    right.assert_marts_are_right()
    assert owners("marts") == {TRANSFORMER}
    assert_roles_may_do_what_is_documented()
