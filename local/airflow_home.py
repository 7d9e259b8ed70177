"""The Airflow of one DAYBREAK_HOME: its directory, secrets, metadata database and environment.

DAYBREAK_HOME/airflow/              AIRFLOW_HOME, for its owner only
        lock, airflow.json              locked by the running Airflow; its process, address and services
    secrets.json, passwords.json    generated once, for its owner only
    logs/                           one file per service, and a folder per DAG
"""

import base64
import fcntl
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from ingestion.declaration.shop_config import shop_config
from local import servers, state
from local.state import LOOPBACK
from pipeline_errors import ConfigurationError
from pipeline_settings import PROJECT_ROOT, settings
from warehouse.connection import connect

ENV_FILE = PROJECT_ROOT / "orchestration" / "airflow" / "airflow.env"
DAGS_FOLDER = PROJECT_ROOT / "orchestration" / "dags"
USER = "admin"
STANDARD_PORT = 8080

OnProgress = Callable[[str], None]


def directory() -> Path:
    """Return AIRFLOW_HOME for the current settings, which need not exist."""
    return settings().daybreak_home.resolve() / "airflow"


def make_directory() -> Path:
    """Create AIRFLOW_HOME for its owner only. Raises ConfigurationError with the path that cannot be written."""
    home = directory()
    with state.writing(home):
        state.make_private_directory(home.parent)
        state.make_private_directory(home)
        state.make_private_directory(home / "logs")
    return home


def read_env_file(path: Path = ENV_FILE) -> dict[str, str]:
    """Parse an env file as containers do: KEY=VALUE lines, taken literally, and comment lines.

    Raises ConfigurationError with the number of any other line.
    """
    variables: dict[str, str] = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise ConfigurationError(f"{path.name}, line {number} is not KEY=VALUE", "Correct it.")
        if name in variables:
            raise ConfigurationError(f"{path.name}, line {number} sets {name} again", "Remove one of them.")
        variables[name] = value
    return variables


def password(home: Path) -> str:
    """Return the administrator's password, generated on first use."""
    return _kept(home / "passwords.json", lambda: {USER: secrets.token_urlsafe(18)})[USER]


def ensure_metadata_database(say: OnProgress) -> str:
    """Create Airflow's metadata database on the warehouse's server unless it exists, and return its URI.

    Its name includes that of the warehouse, since a server may hold several warehouses and another database `airflow`.
    Raises ConfigurationError if the user may not create it.
    """
    where = settings()
    name = f"{where.pgdatabase}_airflow"
    with connect(autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone() is None:
            try:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            except psycopg.errors.InsufficientPrivilege:
                raise ConfigurationError(
                    f"{where.pguser} may not create Airflow's metadata database on {where.pghost}",
                    f'Have it created: create database "{name}" owner "{where.pguser}";',
                ) from None
            say(f"Created database {name} on {where.pghost}:{where.pgport} for Airflow's tables")
    return where.model_copy(update={"pgdatabase": name}).postgres_uri().replace("://", "+psycopg://", 1)


def environment(home: Path, metadata_uri: str, port: int, variables: Mapping[str, str]) -> dict[str, str]:
    """Return all variables of Airflow's processes, including secrets.

    Later sources override earlier ones: airflow.env, the environment, `variables`, then warehouse, paths and port.
    """
    merged = {**read_env_file(), **os.environ, **servers.environment(), **variables}
    merged.setdefault("AIRFLOW__CORE__DEFAULT_TIMEZONE", shop_config().time_zone)  # schedules use the shop's time zone
    url = f"http://{LOOPBACK}:{port}"
    merged |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), merged.get("PATH", os.defpath)]),
        "PYTHONPATH": str(PROJECT_ROOT),
        "DAYBREAK_HOME": str(home.parent),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONFIG": os.devnull,  # a file would keep the defaults of the version that wrote it
        "AIRFLOW__CORE__DAGS_FOLDER": variables.get("AIRFLOW__CORE__DAGS_FOLDER", str(DAGS_FOLDER)),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(home / "bundles"),
        "AIRFLOW__COSMOS__CACHE_DIR": str(home / "cosmos"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata_uri,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": metadata_uri,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        **_kept(home / "secrets.json", _new_secrets),
    }
    if merged.get("SHOP_CONFIG"):
        merged["SHOP_CONFIG"] = str(Path(merged["SHOP_CONFIG"]).resolve())  # for other working directories
    for name in ("NO_PROXY", "no_proxy"):  # tasks call the API server, which no proxy can reach
        merged[name] = ",".join(filter(None, [merged.get(name), LOOPBACK]))
    return merged


def choose_port() -> int:
    """Return Airflow's standard port if it is free, or else another one."""
    return STANDARD_PORT if state.is_free(STANDARD_PORT) else state.free_port()


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the lock of this directory's only Airflow. Raises ConfigurationError if one is running."""
    descriptor = state.open_private(home / "lock", os.O_RDWR)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            running = remembered(home)
            raise ConfigurationError(
                f"An Airflow of {home} is already running at {running.get('url', 'an unknown address')}",
                "Use it, or stop it first: Ctrl-C where it was started, or `python -m local.airflow stop`.",
            ) from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def none_running() -> Iterator[None]:
    """Prevent the start of an Airflow with the current settings. Raises ConfigurationError if one is running."""
    if not directory().exists():
        yield
        return
    with only_one(directory()):
        yield


def remembered(home: Path) -> dict[str, Any]:
    """Return the record of the running or killed Airflow; empty if there is none."""
    with suppress(OSError, ValueError):
        found: dict[str, Any] = json.loads((home / "airflow.json").read_text())
        return found
    return {}


def _kept(path: Path, generate: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Return the content of a private file, generated once."""
    if not path.exists():
        with state.writing(path):
            state.write_private(path, json.dumps(generate()) + "\n")
    kept: dict[str, str] = json.loads(path.read_text())
    return kept


def _new_secrets() -> dict[str, str]:
    return {
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(48),
    }
