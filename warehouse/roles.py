"""The group roles: what lets data in, what transforms and publishes it, what reads it. A step acts as one of them.

The login user (PGUSER) is a member of all three, and owns the ledger and the log in `ops`: it creates what schema.sql
declares, and keeps the log of steps, the messages and what people are shown of them. What handles the shop's data or
runs other people's code on it takes a role first: dlt and Great Expectations the loader's, dbt the transformer's, the
cache the reader's. Where the login user is no member, everything works as the login user.
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

# Conditions on a row of pg_roles: we may take it, and grants.sql has given it the schema that it works in.
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

_role: ContextVar[str | None] = ContextVar("role", default=None)


@contextmanager
def acting_as(role: str | None) -> Iterator[None]:
    """What connects to the warehouse in this block takes the role, where it is set up; None: the login user itself."""
    before = _role.set(role)
    try:
        yield
    finally:
        _role.reset(before)


def wanted_role() -> str | None:
    """The role of the block that we are in; None for the login user itself."""
    return _role.get()


def take_role(connection: Connection) -> None:
    """Take the role of the block on a new connection that commits by itself: a rollback would give it back."""
    if wanted_role():
        connection.execute(TAKE.encode(), [wanted_role()])


def are_ours(connection: Connection) -> bool:
    """Whether the roles are there and the login user is a member of all of them."""
    return len(_state(connection)["ours"]) == len(ROLES)


def are_settled(connection: Connection) -> bool:
    """Whether roles.sql and grants.sql would change nothing.

    They would where roles may be created or have come since, and where dbt's models belong to the login user: they
    were made before there were roles, or restored without them.
    """
    state = _state(connection)
    if len(state["ours"]) == len(ROLES):
        return len(state["placed"]) == len(ROLES) and not state["owns_models"]
    if READER in set(state["there"]) - set(state["placed"]):
        return False
    return len(state["there"]) == len(ROLES) or not state["may_create"]


def remedy(connection: Connection) -> str | None:
    """The SQL that an administrator runs so that steps can take roles; None where they can, or will after a run."""
    state = _state(connection)
    missing = [role for role in ROLES if role not in state["there"]]
    foreign = [role for role in ROLES if role not in state["ours"]]
    if not foreign or (state["may_create"] and missing == foreign):
        return None
    login = connection.execute("select quote_ident(session_user) as name").fetchone()
    created = "".join(f"create role {role}; " for role in missing)
    return f"{created}grant {', '.join(foreign)} to {login['name'] if login else ''} with inherit true, set true;"


def _state(connection: Connection) -> dict[str, Any]:
    state = connection.execute(STATE.encode(), {"roles": ROLES}).fetchone()
    assert state is not None
    return state
