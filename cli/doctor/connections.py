"""`daybreak doctor`: checks the configuration and opens every connection that a run opens, with the same drivers."""

import shlex
import tempfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.doctor.private_files import readable_entries
from pipeline_errors import ConfigurationError, DaybreakError, WarehouseError
from pipeline_settings import settings
from warehouse import role_logins, roles
from warehouse.connection import connect, require_own_sessions, tool_parameters, unreachable
from warehouse.roles import acting_as

Check = Callable[[], str]  # returns details; raises DaybreakError

SCHEMAS = ("raw", "staging", "build", "marts", "quarantine", "ops")


def print_diagnosis(day: date | None = None) -> int:
    """Print one line per check. Return 0, or the exit code of the first failed check.

    `day`: the day whose first pages follow; without one, the shop's check asks for the first page of yesterday.
    """
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("", "state", "details"):
        table.add_column(name)
    code = 0
    checks: dict[str, Check] = {
        "configuration": _check_configuration,
        "shop": partial(_check_shop, day),
        **SERVER_CHECKS,
    }
    failed = set[str]()
    for name, check in checks.items():
        if name in NEED_POSTGRES and "Postgres" in failed:
            table.add_row(name, "[dim]skipped[/dim]", "Postgres failed")
            continue
        try:
            table.add_row(name, "[green]ok[/green]", Text(check()))
        except DaybreakError as error:
            table.add_row(name, "[red]failed[/red]", Text(str(error)))
            failed.add(name)
            code = code or error.exit_code
    readable = readable_entries(settings().daybreak_home)
    if readable:
        remedy = f"chmod -R go-rwx {shlex.join(map(str, readable))}"
        table.add_row("files", "[yellow]warning[/yellow]", Text(f"Other users of this machine can read them: {remedy}"))
    Console().print(table)
    return code


def _check_configuration() -> str:
    from ingestion.declaration.shop_config import shop_config

    config = shop_config()
    return f"{settings().shop_config} is valid; the time zone is {config.time_zone}"


def _check_shop(day: date | None) -> str:
    """Ask for health, and without a day for a page of yesterday: a health path may be public, and pages are not."""
    from ingestion.declaration.shop_config import shop_config
    from ingestion.drafting.first_page import read_first_page
    from ingestion.http.url_secrets import masked
    from ingestion.landing.land_days import wait_for_shop

    url = settings().shop_api_url
    if not url:
        raise ConfigurationError("SHOP_API_URL is not set", "Set it to your shop, or try: daybreak shop")
    wait_for_shop(0)
    if day:
        return f"{masked(url)} is healthy"
    config, read = shop_config(), list[str]()
    for dataset in config.datasets:
        yesterday = datetime.now(ZoneInfo(config.dataset(dataset).time_zone)).date() - timedelta(days=1)
        with tempfile.TemporaryDirectory() as directory:
            page = read_first_page(config, dataset, yesterday, Path(directory), search=False)
        read.append(f"{page.file.row_count + page.skipped} {dataset}")
    return f"{masked(url)} is healthy, and its first page of {yesterday} has {' and '.join(read)}"


def _check_postgres() -> str:
    require_own_sessions()
    with connect() as connection:
        row = connection.execute(
            """
            select
                current_setting('server_version') as version,
                has_database_privilege(current_database(), 'create') as may_create_schemas,
                array(select nspname from pg_namespace where nspname = any(%s)) as schemas
            """,
            [list(SCHEMAS)],
        ).fetchone()
    assert row is not None
    missing = sorted(set(SCHEMAS) - set(row["schemas"]))
    if missing and not row["may_create_schemas"]:
        raise ConfigurationError(
            f"{settings().pguser} may not create the schemas {', '.join(missing)}",
            f"grant create on database {settings().pgdatabase} to {settings().pguser};",
        )
    schemas = "schemas exist" if not missing else "schemas will be created"
    return f"PostgreSQL {row['version']} at {settings().pghost}:{settings().pgport}, {schemas}"


def _check_roles() -> str:
    with connect() as connection:
        remedy = roles.remedy(connection)
        settled = roles.are_settled(connection)
        remark = role_logins.remark(connection, settings())
        superuser = roles.superuser_remark(connection)
    if remedy:
        remark = f"every step runs as {settings().pguser}; for separate roles, have an administrator run: {remedy}"
    elif not settled:
        remark = "roles will be created"
    return f"{remark}\n{superuser}" if superuser else remark


def _check_load() -> str:
    """Open dlt's connection."""
    import psycopg2

    from ingestion.landing.copy_destination import open_connection
    from ingestion.landing.raw_tables import RAW

    with acting_as(roles.LOADER):
        parameters = tool_parameters()
    try:
        connection = open_connection(parameters, RAW)
        with connection, connection.cursor() as cursor:
            cursor.execute("select current_user")
            (user,) = cursor.fetchone()
        connection.close()
    except psycopg2.OperationalError as error:
        raise unreachable(settings(), error) from None
    return f"dlt connects, and loads as {user}"


def _check_gate() -> str:
    """Open Great Expectations' connection, which needs temporary tables."""
    import sqlalchemy as sa

    from expectations.gx_session import UNUSED_URL

    with acting_as(roles.LOADER):
        engine = sa.create_engine(UNUSED_URL, connect_args=tool_parameters())
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("create temporary table daybreak_doctor (n integer) on commit drop"))
    except sa.exc.SQLAlchemyError as error:
        raise WarehouseError(
            f"The gate cannot create a temporary table: {getattr(error, 'orig', None) or error}",
            f"Have an administrator run: grant temporary on database {settings().pgdatabase} to {settings().pguser};",
        ) from None
    finally:
        engine.dispose()
    return "Great Expectations connects, and has temporary tables"


def _check_models() -> str:
    from transformation.dbt_runner import check_connection

    with acting_as(roles.TRANSFORMER):
        check_connection()
    return "dbt connects"


def _check_redis() -> str:
    from serving.product_cache import check_writing
    from serving.redis_client import redis_client

    with redis_client() as client:
        check_writing(client)
        server = client.info("server")
    return f"{server.get('server_name', 'redis')} {server.get('valkey_version', server['redis_version'])} takes writes"


NEED_POSTGRES = ("roles", "load", "gate", "models")
SERVER_CHECKS: dict[str, Check] = {
    "Postgres": _check_postgres,
    "roles": _check_roles,
    "load": _check_load,
    "gate": _check_gate,
    "models": _check_models,
    "Redis": _check_redis,
}
