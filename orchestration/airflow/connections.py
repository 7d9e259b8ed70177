"""Settings from Airflow connections. A task reads each setting that the environment leaves unset from a connection.

    daybreak_warehouse    postgres: host, port, login, password, schema (the database), extra.sslmode
    daybreak_shop         http: host (a URL, or a host name with schema and port), password (the token)
    daybreak_redis        redis: host, port, login, password, extra.db, extra.ssl
    daybreak_alerts       password: ALERT_URLS
    daybreak_metrics      password: METRICS_URL

The environment (with its secret files) takes precedence: the `daybreak` command reads nothing else, and both must use
the same servers. So if the environment names a server, a connection with a host is ignored, and its password never
reaches another server. A connection without a host only adds its password.

Airflow reads connections from its secrets backend, from AIRFLOW_CONN_… variables and from its database.
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
from pipeline_settings import PRIVATE_UMASK, settings

logger = logging.getLogger(__name__)

Values = Mapping[str, Any]  # variable → value; None if the connection does not set it


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


# By connection id: the variables that make the connection unnecessary if all are set, the server's first; and a
# function from connection to values.
CONNECTIONS: dict[str, tuple[tuple[str, ...], Callable[[Connection], Values]]] = {
    "daybreak_warehouse": (("PGHOST", "PGPASSWORD"), _warehouse),
    "daybreak_shop": (("SHOP_API_URL", "SHOP_API_TOKEN"), _shop),
    "daybreak_redis": (("REDIS_URL",), _redis),
    "daybreak_alerts": (("ALERT_URLS",), lambda connection: {"ALERT_URLS": connection.password}),
    "daybreak_metrics": (("METRICS_URL",), lambda connection: {"METRICS_URL": connection.password}),
}


@cache
def take_connections() -> None:
    """Copy the values of connections into this process's environment, once. Settings and dbt's profile read them there.

    Files that the process creates from then on are private. Call it only in a process that runs a task or a callback:
    each connection costs a request to Airflow's API. Invalid settings are not reported here but by the step that needs
    them.
    """
    os.umask(PRIVATE_UMASK)
    try:
        known = {name.upper() for name in settings().model_fields_set}
    except ConfigurationError:
        return
    for connection_id, (needed, settings_of) in CONNECTIONS.items():
        connection = None if known.issuperset(needed) else _connection(connection_id)
        values = settings_of(connection) if connection else {}
        server = needed[0]
        if values.get(server) and server in known:
            logger.info("%s is set, so Airflow's connection %s is not used", server, connection_id)
            continue
        for name, value in values.items():
            if value not in (None, "") and name not in known:
                os.environ[name] = str(value)
    settings.cache_clear()


def _connection(connection_id: str) -> Connection | None:
    try:
        connection: Connection = Connection.get(connection_id)
        return connection
    except AirflowNotFoundException:
        return None
    except AirflowSecretsBackendAccessDenied as error:
        logger.warning("Airflow's connection %s is not used: %s", connection_id, error)
        return None
