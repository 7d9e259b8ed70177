"""Prepares the schemas, and lets the group roles log in, if the login user may alter them or an administrator has."""

import logging
from collections.abc import Mapping

from psycopg import sql

from pipeline_errors import WarehouseError
from pipeline_settings import Settings, settings
from warehouse import role_logins
from warehouse.connection import Connection, connect, create_schemas, lock_schemas
from warehouse.roles import ROLES, acting_as

logger = logging.getLogger(__name__)


def prepare_schemas() -> None:
    """Create the missing schemas, roles and grants, and let steps log in as the roles."""
    with connect() as connection:
        create_schemas(connection)
    settle_logins()


def settle_logins() -> None:
    """Make every role able to log in with its password, which a changed PGPASSWORD changes.

    Without PGPASSWORD, or the right to alter the roles, steps go on with `set role`. Raises WarehouseError if the
    logins were set up and have stopped working.
    """
    where = settings()
    if where.pgpassword is None:
        return
    with acting_as(None):
        refused = _refused(where)
        with connect() as connection:
            lock_schemas(connection)
            state = role_logins.state_of(connection, where)
            if refused and state["are_ours"] and state["are_alterable"]:
                for role in refused:
                    connection.execute(role_logins.statement(connection, role, where).encode())
                logger.info("Set the passwords of %s", ", ".join(refused))
        if refused:
            refused = _refused(where)
        with connect() as connection:
            _record(connection, where, refused)


def _refused(where: Settings) -> dict[str, str]:
    """Return the roles that cannot log in, and why. Connections of the others are kept for the steps that follow."""
    role_logins.known[where.postgres_uri()] = True
    reasons = {role: _refusal(role) for role in ROLES}
    return {role: reason for role, reason in reasons.items() if reason}


def _refusal(role: str) -> str | None:
    try:
        with acting_as(role), connect(autocommit=True):
            return None
    except WarehouseError as error:
        logger.debug("%s", error)
        return error.cause


def _record(connection: Connection, where: Settings, refused: Mapping[str, str]) -> None:
    """Record in the warehouse whether the logins are set up. An administrator's `nologin` takes them back."""
    state = role_logins.state_of(connection, where)
    is_possible = state["are_ours"] and state["may_log_in"]
    if refused and is_possible and state["are_set_up"]:
        raise WarehouseError(
            f"{', '.join(refused)} cannot log in with the password that follows from PGPASSWORD: "
            f"{next(iter(refused.values()))}",
            "If that names the password, have an administrator run: "
            + " ".join(role_logins.statement(connection, role, where) for role in refused),
        )
    are_set_up = is_possible and not refused
    if are_set_up != state["are_set_up"]:
        mark = sql.Literal(role_logins.MARK.format(where.pguser) if are_set_up else None)
        connection.execute(sql.SQL("comment on schema raw is {}").format(mark))
    role_logins.known[where.postgres_uri()] = are_set_up
