"""The group roles: loader, transformer and reader. A step acts as one of them.

The login user (PGUSER) is a member of all three and owns the ledger and the log in `ops`: it creates the objects of
schema.sql, and writes the log of steps and the messages. Code that handles the shop's data, or runs third-party
libraries on it, takes a role first: dlt and Great Expectations the loader's, dbt the transformer's, the cache the
reader's. If the login user is no member, every step works as the login user.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg

LOADER = "daybreak_loader"
TRANSFORMER = "daybreak_transformer"
READER = "daybreak_reader"
ROLES = [LOADER, TRANSFORMER, READER]

Connection = psycopg.Connection[dict[str, Any]]

# Conditions on a row of pg_roles: the login user may take the role, and grants.sql has given it its schema.
IS_OURS = "pg_has_role(session_user, oid, 'usage') and pg_has_role(session_user, oid, 'set')"
IS_PLACED = """coalesce(has_schema_privilege(
    oid,
    to_regnamespace(
        case rolname when 'daybreak_loader' then 'raw' when 'daybreak_reader' then 'marts' else 'build' end
    ),
    case rolname when 'daybreak_reader' then 'usage' else 'create' end
), false)"""

TAKE = f"select set_config('role', rolname, false) from pg_roles where rolname = %s and {IS_OURS} and {IS_PLACED}"
STATE = f"""
    select
        login.rolsuper or login.rolcreaterole as may_create,
        array(select rolname from pg_roles where rolname = any(%(roles)s)) as there,
        array(select rolname from pg_roles where rolname = any(%(roles)s) and {IS_OURS}) as ours,
        array(select rolname from pg_roles where rolname = any(%(roles)s) and {IS_PLACED}) as placed,
        exists (
            select from pg_class
            inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
            where
                (nspname in ('staging', 'build', 'marts', 'quarantine') or nspname = 'ops' and relname like 'int\\_%%')
                and relname <> 'review_sentiment' and relkind in ('r', 'v') and relowner = login.oid
        ) as owns_models
    from pg_roles as login where login.rolname = session_user
"""

SUPERUSER = """
    select quote_ident(session_user) as name, quote_ident(current_database()) as database, oid = 10 as is_first
    from pg_roles where rolname = session_user and rolsuper
"""

_role: ContextVar[str | None] = ContextVar("role", default=None)


@contextmanager
def acting_as(role: str | None) -> Iterator[None]:
    """Make connections opened in this block take the role, if it is set up; None means the login user."""
    before = _role.set(role)
    try:
        yield
    finally:
        _role.reset(before)


def wanted_role() -> str | None:
    """Return the role of the current block; None for the login user."""
    return _role.get()


def take_role(connection: Connection) -> None:
    """Take the role of the block on a new connection in autocommit mode: a rollback would reset it."""
    if wanted_role():
        connection.execute(TAKE.encode(), [wanted_role()])


def are_ours(connection: Connection) -> bool:
    """Return whether the roles exist and the login user is a member of all of them."""
    return len(_state(connection)["ours"]) == len(ROLES)


def are_settled(connection: Connection) -> bool:
    """Return whether roles.sql and grants.sql would change nothing.

    They change something if roles may be created or have been added since, or if dbt's models belong to the login user:
    built before the roles existed, or restored without them.
    """
    state = _state(connection)
    if len(state["ours"]) == len(ROLES):
        return len(state["placed"]) == len(ROLES) and not state["owns_models"]
    if READER in set(state["there"]) - set(state["placed"]):
        return False
    return len(state["there"]) == len(ROLES) or not state["may_create"]


def remedy(connection: Connection) -> str | None:
    """Return the SQL for an administrator to let steps take roles; None if they can, or will after a run."""
    state = _state(connection)
    missing = [role for role in ROLES if role not in state["there"]]
    foreign = [role for role in ROLES if role not in state["ours"]]
    if not foreign or (state["may_create"] and missing == foreign):
        return None
    login = connection.execute("select quote_ident(session_user) as name").fetchone()
    created = "".join(f"create role {role}; " for role in missing)
    return f"{created}grant {', '.join(foreign)} to {login['name'] if login else ''} with inherit true, set true;"


def superuser_remark(connection: Connection) -> str | None:
    """Return advice if the login user is a superuser; None if it is not.

    Postgres keeps the right of its first superuser, the one that initdb creates.
    """
    login = connection.execute(SUPERUSER.encode()).fetchone()
    if login is None:
        return None
    risk = f"{login['name']} is a superuser, so code in a relation that it reads may do everything on the server"
    if login["is_first"]:
        return f"{risk}; use a login with createrole that owns the database instead: docs/how-to/postgres.md"
    there = ", ".join(_state(connection)["there"])
    granted = f" grant {there} to {login['name']} with admin true, inherit true, set true;" if there else ""
    return (
        f"{risk}; have an administrator run: alter role {login['name']} nosuperuser createrole; "
        f"alter database {login['database']} owner to {login['name']};{granted}"
    )


def _state(connection: Connection) -> dict[str, Any]:
    state = connection.execute(STATE.encode(), {"roles": ROLES}).fetchone()
    assert state is not None
    return state
