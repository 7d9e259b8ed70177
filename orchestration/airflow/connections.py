"""Settings from Airflow's connections: what the environment leaves unset, a task takes from a connection, if it exists.

    daybreak_warehouse    postgres: host, port, login, password, schema (the database), extra.sslmode
    daybreak_shop         http: host (a URL, or a host name with schema and port), password (the token)
    daybreak_redis        redis: host, port, login, password, extra.db, extra.ssl
    daybreak_alerts       password: ALERT_URLS
    daybreak_metrics      password: METRICS_URL

The environment and the files that it names win: the `daybreak` command beside Airflow reads them alone, and both must
mean the same servers. So a connection with a host is left alone where the environment names a host of its own, and no
password is sent to a server that it is not for; one without a host adds its password to what the environment says.

Airflow looks for a connection in its secrets backend, in AIRFLOW_CONN_… variables and in its database.
"""

import logging
import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowSecretsBackendAccessDenied

from pipeline_errors import ConfigurationError
from pipeline_settings import settings

logger = logging.getLogger(__name__)

Values = Mapping[str, Any]  # by the variable's name; None for what the connection does not tell


def _warehouse(connection: Connection) -> Values:
    return {
        "PGHOST": connection.host,
        "PGPORT": connection.port,
        "PGUSER": connection.login,
        "PGPASSWORD": connection.password,
        "PGDATABASE": connection.schema,
        "PGSSLMODE": connection.extra_dejson.get("sslmode"),
    }


def _shop(connection: Connection) -> Values:
    url = connection.host
    if url and "://" not in url:
        scheme = connection.schema or connection.conn_type or "http"
        url = f"{scheme}://{url}" + (f":{connection.port}" if connection.port else "")
    return {"SHOP_API_URL": url, "SHOP_API_USER": connection.login, "SHOP_API_TOKEN": connection.password}


def _redis(connection: Connection) -> Values:
    if not connection.host:
        return {}
    extra = connection.extra_dejson
    scheme = "rediss" if connection.conn_type == "rediss" or extra.get("ssl") in (True, "true", "True") else "redis"
    password = f":{quote(connection.password, safe='')}" if connection.password else ""
    user = f"{quote(connection.login or '', safe='')}{password}"
    database = extra.get("db", connection.schema or 0)
    url = f"{scheme}://{user}{'@' if user else ''}{connection.host}:{connection.port or 6379}/{database}"
    return {"REDIS_URL": url}


# By connection id: the variables without which it is asked for, the first of them its server's; and what it tells.
CONNECTIONS: dict[str, tuple[tuple[str, ...], Callable[[Connection], Values]]] = {
    "daybreak_warehouse": (("PGHOST", "PGPASSWORD"), _warehouse),
    "daybreak_shop": (("SHOP_API_URL", "SHOP_API_TOKEN"), _shop),
    "daybreak_redis": (("REDIS_URL",), _redis),
    "daybreak_alerts": (("ALERT_URLS",), lambda connection: {"ALERT_URLS": connection.password}),
    "daybreak_metrics": (("METRICS_URL",), lambda connection: {"METRICS_URL": connection.password}),
}


@cache
def take_connections() -> None:
    """Put what connections tell into the environment of this process, once: settings and dbt's profile read it there.

    For a process that runs a task or a callback, and for no other: each connection costs a question to Airflow's API.
    A wrong setting is not told here but by the step that needs it.
    """
    try:
        known = {name.upper() for name in settings().model_fields_set}
    except ConfigurationError:
        return
    for connection_id, (needed, settings_of) in CONNECTIONS.items():
        connection = None if known.issuperset(needed) else _connection(connection_id)
        values = settings_of(connection) if connection else {}
        server = needed[0]
        if values.get(server) and server in known:
            logger.info("%s is set: Airflow's connection %s is not used", server, connection_id)
            continue
        for name, value in values.items():
            if value not in (None, "") and name not in known:
                os.environ[name] = str(value)
    settings.cache_clear()


def _connection(connection_id: str) -> Connection | None:
    try:
        found: Connection = Connection.get(connection_id)
        return found
    except AirflowNotFoundException:
        return None
    except AirflowSecretsBackendAccessDenied as error:
        logger.warning("Airflow's connection %s is not used: %s", connection_id, error)
        return None
