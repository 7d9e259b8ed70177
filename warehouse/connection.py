"""Connections to the warehouse: bounded waits, the step's role, clear errors and a check of the server's version."""

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from pipeline_errors import LockedError, WarehouseError
from pipeline_settings import Settings, settings
from warehouse import connection_cache, role_logins, roles, session_check

SCHEMA_FILE, ROLES_FILE, GRANTS_FILE = (
    Path(__file__).with_name(name) for name in ("schema.sql", "roles.sql", "grants.sql")
)
RELATION = r"^create (?:table if not exists|index if not exists|or replace view) (?:\w+\.)?(\w+)"
SCHEMA_LOCK = 4_021_000_001  # advisory lock: one process at a time creates the schemas
SCHEMA_WAIT_SECONDS = 30.0
POLL_SECONDS = 0.1

Connection = psycopg.Connection[dict[str, Any]]

# A dead peer is noticed within a minute, on our side (libpq's options) and by the server, whose session holds locks.
CLIENT_KEEPALIVES: dict[str, Any] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
SERVER_KEEPALIVES = (
    "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3 -c tcp_user_timeout=60s"
    " -c client_connection_check_interval=5s"  # end the statement of a process that was killed
)

CONNECT_SECONDS = 10
FORMATS = "-c TimeZone=UTC -c DateStyle=ISO -c jit=off"


@contextmanager
def connect(*, autocommit: bool = False, using: Settings | None = None) -> Iterator[Connection]:
    """Yield a connection with dict rows; commit at the end of the block, roll back on an exception.

    The connection logs in as the role of the block (roles.acting_as), or takes it, if that role is set up.

    Raises WarehouseError if the server cannot be reached or is too old, or if the connection is lost in the block.
    """
    where = login_of_block(using)
    options = f"{bounded_waits(where)} {FORMATS}"
    parameters = f"{where.postgres_uri()} {options}"
    connection = connection_cache.take(parameters) or _opened(where, options)
    try:
        with _closed_after_errors(connection):
            roles.take_role(connection)
            connection.autocommit = autocommit
            yield connection
            if not connection.closed:
                connection.commit()
        connection_cache.give_back(parameters, connection)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
        raise LockedError(f"Another session holds a lock: {error}", "Run the same command again.") from error
    except psycopg.OperationalError as error:
        raise WarehouseError(f"The connection to Postgres failed: {error}", "Run the same command again.") from error
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction) as error:
        raise WarehouseError(
            f"Postgres does not let {roles.wanted_role() or where.pguser} do this: {error}",
            "Grant it (see daybreak doctor), or connect to a writable server as the owner of the schemas.",
        ) from error
    except psycopg.DatabaseError as error:
        error.args = (_without_rows(error),)  # a traceback may end up in a shared log
        raise


def _without_rows(error: psycopg.Error) -> str:
    """Return Postgres' message without the detail, which quotes the row, and without quoted values."""
    text = error.diag.message_primary or type(error).__name__
    return text.partition('"')[0] + "…" if isinstance(error, psycopg.DataError) else text


def _opened(where: Settings, options: str) -> Connection:
    try:
        connection = psycopg.connect(
            where.postgres_uri(),
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name="daybreak",
            options=options,
            row_factory=dict_row,
            **CLIENT_KEEPALIVES,
        )
    except psycopg.OperationalError as error:
        raise unreachable(where, error) from None
    try:
        session_check.check_server(connection, where)
    except psycopg.OperationalError as error:  # the session ended at once
        connection.close()
        raise unreachable(where, error) from None
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _closed_after_errors(connection: Connection) -> Iterator[None]:
    """Roll back after an error, and close the connection."""
    try:
        yield
    except BaseException:
        with connection:
            raise


def require_own_sessions() -> None:
    """Raise WarehouseError if a connection pooler gives two connections one session."""
    with connect(autocommit=True) as first, connect() as second:
        session_check.check_sessions(first, second, settings())


def login_of_block(using: Settings | None = None) -> Settings:
    """Return the settings with the login of the block: its role's if that is set up (role_logins), else PGUSER's."""
    where, role = using or settings(), roles.wanted_role()
    if role is None or where.pgpassword is None:
        return where
    place = where.postgres_uri()
    if place not in role_logins.known:
        with roles.acting_as(None), connect(autocommit=True, using=where) as connection:
            role_logins.known[place] = role_logins.state_of(connection, where)["are_set_up"]
    return role_logins.login_as(role, where) if role_logins.known[place] else where


def role_option() -> str:
    """Return the role of the block as a libpq option, for tools with their own connections.

    It is empty without a role, and for the login of a role.
    """
    if roles.wanted_role() in {None, login_of_block().pguser}:
        return ""
    with connect(autocommit=True) as connection:
        row = connection.execute("select current_user as role, current_user <> session_user as is_taken").fetchone()
    return f"-c role={row['role']}" if row and row["is_taken"] else ""


def bounded_waits(using: Settings | None = None) -> str:
    """Return options that bound every wait: for locks, for dead peers and for the statement itself."""
    longest = round((using or settings()).step_timeout_minutes * 60_000)
    waits = f"-c lock_timeout=30s -c idle_in_transaction_session_timeout=10min -c statement_timeout={longest}"
    return f"{waits} {SERVER_KEEPALIVES}"


def tool_parameters() -> dict[str, Any]:
    """Return libpq's parameters for a tool's own connection: server, bounded waits, formats, the role of the block."""
    return {
        **login_of_block().postgres_parameters(),
        **CLIENT_KEEPALIVES,
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "daybreak",
        "options": f"{bounded_waits()} {FORMATS} {role_option()}".strip(),
    }


def lock_schemas(connection: Connection) -> None:
    """Let no other process create schemas or roles until this transaction ends. Raises LockedError with the holder."""
    deadline = time.monotonic() + SCHEMA_WAIT_SECONDS
    locking = "select pg_try_advisory_xact_lock(%s) as is_held"
    while connection.execute(locking, [SCHEMA_LOCK]).fetchone() != {"is_held": True}:
        if time.monotonic() > deadline:
            raise LockedError(
                "The lock for creating schemas is taken", session_check.holder_of(connection, SCHEMA_LOCK)
            )
        time.sleep(POLL_SECONDS)


def create_schemas(connection: Connection) -> None:
    """Create the missing objects of warehouse/schema.sql, and the roles and grants if the login user may.

    Runs nothing if everything exists: even `create index if not exists` would wait for the loads of other runs.
    """
    lock_schemas(connection)
    declared = SCHEMA_FILE.read_text()
    digest = hashlib.sha256("".join(map(Path.read_text, (SCHEMA_FILE, ROLES_FILE, GRANTS_FILE))).encode()).hexdigest()
    if _is_created(connection, declared, digest) and roles.are_settled(connection):
        return
    connection.execute(declared.encode())
    connection.execute(ROLES_FILE.read_bytes())
    if roles.are_ours(connection):
        connection.execute(GRANTS_FILE.read_bytes())
    connection.execute(sql.SQL("comment on schema ops is {}").format(sql.Literal(digest)))


def _is_created(connection: Connection, declared: str, digest: str) -> bool:
    """Return whether these exact files have run and no object of schema.sql was dropped since."""
    row = connection.execute(
        """
        select
            obj_description(to_regnamespace('ops'), 'pg_namespace') = %(digest)s
            and (select count(*) from pg_namespace where nspname = any(%(schemas)s)) = cardinality(%(schemas)s)
            and (select count(distinct relname) from pg_class where relname = any(%(relations)s))
                = cardinality(%(relations)s) as is_created
        """,
        {
            "digest": digest,
            "schemas": re.findall(r"^create schema if not exists (\w+)", declared, re.MULTILINE),
            "relations": re.findall(RELATION, declared, re.MULTILINE),
        },
    ).fetchone()
    return bool(row and row["is_created"])


def unreachable(where: Settings, error: Exception) -> WarehouseError:
    """Return the error for a server that refuses the connection; libpq's messages hold no password."""
    if "startup parameter" in str(error):
        return session_check.pooled(where, "refuses them")
    server = f"{where.pghost}:{where.pgport}/{where.pgdatabase}"
    return WarehouseError(
        f"Postgres at {server} cannot be reached as {where.pguser}: {error}",
        "Check PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE, or unset PGHOST for the embedded server.",
    )
