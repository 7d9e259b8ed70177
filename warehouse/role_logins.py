"""Logins of the group roles: a step that connects as its role has nothing to reset the role to.

Code in a relation, such as a trigger, runs with the rights of the session that uses it. After `set role` it could reset
the role and act as PGUSER. The passwords of the roles are derived from PGPASSWORD: they are stored nowhere, and every
machine with the same PGPASSWORD logs in.

A comment on the schema raw, which no role may change, says for which PGUSER the logins are set up. From then on a login
that fails is an error: a member of a role may change its password, and must not bring `set role` back that way.
"""

import hashlib
import hmac
from typing import Any

import psycopg
from psycopg import sql
from pydantic import SecretStr

from pipeline_settings import Settings
from warehouse.roles import IS_OURS, ROLES, TRANSFORMER

Connection = psycopg.Connection[dict[str, Any]]

MARK = "Steps of {} log in as their roles"
STATE = f"""
    select
        coalesce(obj_description(to_regnamespace('raw'), 'pg_namespace') = %(mark)s, false) as are_set_up,
        count(*) filter (where {IS_OURS}) = %(count)s as are_ours,
        count(*) filter (where rolcanlogin) = %(count)s as may_log_in,
        bool_and(
            login.is_superuser or login.may_alter and pg_has_role(session_user, oid, 'member with admin option')
        ) as are_alterable
    from pg_roles
    cross join (
        select rolsuper as is_superuser, rolcreaterole as may_alter from pg_roles where rolname = session_user
    ) as login
    where rolname = any(%(roles)s)
"""

known: dict[str, bool] = {}  # by connection URI: whether the logins are set up, as this process read it


def state_of(connection: Connection, where: Settings) -> dict[str, Any]:
    """Return whether the logins are set up, and what setting them up needs."""
    parameters = {"mark": MARK.format(where.pguser), "count": len(ROLES), "roles": ROLES}
    row = connection.execute(STATE.encode(), parameters).fetchone()
    assert row is not None
    return row


def login_as(role: str, where: Settings) -> Settings:
    """Return the settings with the role's login. Requires PGPASSWORD."""
    assert where.pgpassword is not None
    derived = hmac.new(where.pgpassword.get_secret_value().encode(), role.encode(), hashlib.sha256).hexdigest()
    return where.model_copy(update={"pguser": role, "pgpassword": SecretStr(derived)})


def statement(connection: Connection, role: str, where: Settings) -> str:
    """Return the SQL that lets the role log in. It holds a SCRAM verifier, from which no password can be computed."""
    password = login_as(role, where).pgpassword
    assert password is not None
    verifier = connection.pgconn.encrypt_password(
        password.get_secret_value().encode(), role.encode(), b"scram-sha-256"
    ).decode()
    alter = sql.SQL("alter role {} login password {};")
    return alter.format(sql.Identifier(role), sql.Literal(verifier)).as_string(connection)


def remark(connection: Connection, where: Settings) -> str:
    """Return the line of `daybreak doctor` about the logins; it holds the SQL for an administrator if one is needed."""
    state = state_of(connection, where)
    if state["are_set_up"] and where.pgpassword:
        return f"steps log in as {', '.join(ROLES)}"
    risk = f"steps take {', '.join(ROLES)} by set role, so a member of {TRANSFORMER} could act as {where.pguser}"
    if where.pgpassword is None:
        return f"{risk}; set PGPASSWORD to let steps log in as their roles"
    if state["are_alterable"]:
        return f"{risk} until the next run; if this stays, pg_hba.conf refuses the roles"
    return f"{risk}; have an administrator run: {' '.join(statement(connection, role, where) for role in ROLES)}"
