"""`daybreak doctor`: checks the configuration and the connections to shop, Postgres and Redis."""

from collections.abc import Callable
from contextlib import suppress

from rich import box
from rich.console import Console
from rich.table import Table

from pipeline_errors import CacheUnavailableError, ConfigurationError, DaybreakError
from pipeline_settings import settings
from warehouse import roles
from warehouse.connection import connect

SCHEMAS = ("raw", "staging", "build", "marts", "quarantine", "ops")


def print_diagnosis() -> int:
    """Print one line per check. Return 0, or the exit code of the first failed check."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("", "state", "details"):
        table.add_column(name)
    code = 0
    for name, check in CHECKS.items():
        try:
            table.add_row(name, "[green]ok[/green]", check())
        except DaybreakError as error:
            table.add_row(name, "[red]failed[/red]", str(error))
            code = code or error.exit_code
    Console().print(table)
    return code


def _check_configuration() -> str:
    from ingestion.declaration.shop_config import shop_config

    config = shop_config()
    return f"{settings().shop_config} is valid; the time zone is {config.time_zone}"


def _check_shop() -> str:
    from ingestion.landing.land_days import wait_for_shop

    url = settings().shop_api_url
    if not url:
        raise ConfigurationError("SHOP_API_URL is not set", "Set it to your shop, or try: daybreak shop")
    wait_for_shop(0)
    return f"{url} answers"


def _check_postgres() -> str:
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
    if remedy:
        return f"every step runs as {settings().pguser}; for separate roles, have an administrator run: {remedy}"
    return "steps take " + ", ".join(roles.ROLES) if settled else "roles will be created"


def _check_redis() -> str:
    import redis

    url = settings().redis_url
    assert url is not None  # local.servers.ensure() has set it
    client = redis.Redis.from_url(url.get_secret_value(), socket_connect_timeout=2, socket_timeout=5)
    try:
        server = client.info("server")
    except (redis.RedisError, OSError) as error:
        raise CacheUnavailableError(f"Redis cannot be reached: {error}", "Check REDIS_URL, or unset it.") from None
    finally:
        with suppress(redis.RedisError):
            client.close()
    return f"{server.get('server_name', 'redis')} {server.get('valkey_version', server['redis_version'])} answers"


CHECKS: dict[str, Callable[[], str]] = {
    "configuration": _check_configuration,
    "shop": _check_shop,
    "Postgres": _check_postgres,
    "roles": _check_roles,
    "Redis": _check_redis,
}
