"""Postgres and Valkey for a machine without them: started on first use, running until `daybreak down`.

A server that the environment names (PGHOST, REDIS_URL) is used instead of an embedded one. Embedded servers are set in
the environment of this process, for its children and the user's shell. DAYBREAK_EMBEDDED marks these values, to
distinguish them from the user's: `postgres:<port>,valkey:<port>`.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from local import process, state
from local.postgres import DATABASE, Postgres
from local.postgres_files import client_programs
from local.probe import postgres_version, redis_version
from local.state import LOOPBACK, Endpoint
from local.valkey import Valkey
from pipeline_errors import ConfigurationError
from pipeline_settings import PROJECT_ROOT, Settings, settings

EMBEDDED = "DAYBREAK_EMBEDDED"
POSTGRES = "postgres"
VALKEY = "valkey"


@dataclass(frozen=True)
class ServerStatus:
    """The status of a server. `running`, for one that is not embedded: it accepted a login just now."""

    name: str
    embedded: bool
    running: bool
    address: str
    version: str | None
    data_directory: Path | None
    pid: int | None


def ensure() -> Settings:
    """Start the servers that the environment does not name, and return the settings with their addresses.

    Sets the variables for this process and its children. Fast if everything is already running. Raises
    ConfigurationError if the machine or the state directory cannot serve, WarehouseError if a server does not start.
    """
    wanted = _embedded()
    endpoints = {name: server.endpoint() for name, server in wanted.items()}
    if None in endpoints.values():
        group = process.unprivileged_account().gid if os.geteuid() == 0 else None
        directory = state.state_directory(_home(), group)
        with state.start_lock(directory), state.writing(directory):
            endpoints = {name: server.endpoint() or server.start() for name, server in wanted.items()}
    return _put_in_force(endpoints)


def use_running() -> Settings:
    """Set the variables of running embedded servers without starting any; those of stopped ones stay unset."""
    return _put_in_force({name: server.endpoint() for name, server in _embedded().items()})


def down() -> list[str]:
    """Stop the running embedded servers, used by the environment or not, and return their names."""
    directory = _home() / "servers"
    if not directory.exists():
        return []
    ours = _embedded()
    with state.start_lock(directory):
        stopped = [name for name, server in _all().items() if server.stop()]
    names = {POSTGRES: ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD"], VALKEY: ["REDIS_URL"]}
    for variable in [EMBEDDED, *(variable for name in ours for variable in names[name])]:
        os.environ.pop(variable, None)
    settings.cache_clear()
    return stopped


def status() -> list[ServerStatus]:
    """Return the status of the current servers, embedded or not. Starts nothing."""
    embedded = _embedded()
    postgres, valkey = embedded.get(POSTGRES), embedded.get(VALKEY)
    return [
        _embedded_status(POSTGRES, postgres) if postgres else _named_postgres(),
        _embedded_status(VALKEY, valkey) if valkey else _named_redis(),
    ]


def environment() -> dict[str, str]:
    """Return the current variables for a shell, including passwords. Call `ensure` first for embedded servers."""
    current = settings()
    if not current.pghost or not current.redis_url:
        raise ConfigurationError("The embedded servers are not started", "Run `daybreak up` first.")
    variables = {
        "PGHOST": current.pghost,
        "PGPORT": str(current.pgport),
        "PGUSER": current.pguser,
        "PGPASSWORD": current.pgpassword.get_secret_value() if current.pgpassword else "",
        "PGDATABASE": current.pgdatabase,
        "PGSSLMODE": current.pgsslmode,
        "REDIS_URL": current.redis_url.get_secret_value(),
        "DBT_PROJECT_DIR": str(PROJECT_ROOT / "dbt_project"),
        "DBT_PROFILES_DIR": str(PROJECT_ROOT),
    }
    variables |= {name: os.environ.get(name, "") for name in ("DAYBREAK_HOME", EMBEDDED)}
    if shutil.which("psql") is None and (programs := client_programs()):
        variables["PATH"] = f"{os.environ['PATH']}:{programs}"
    return {name: value for name, value in variables.items() if value}


def _home() -> Path:
    return settings().daybreak_home.resolve()


def _all() -> dict[str, Postgres | Valkey]:
    directory = _home() / "servers"
    return {POSTGRES: Postgres(directory), VALKEY: Valkey(directory)}


def _embedded() -> dict[str, Postgres | Valkey]:
    """Return the servers that the environment does not name, or that this program set there."""
    current, written = settings(), _written()
    url = urlsplit(current.redis_url.get_secret_value()) if current.redis_url else None
    named = {
        POSTGRES: current.pghost and (current.pghost, current.pgport) != (LOOPBACK, written.get(POSTGRES)),
        VALKEY: url and (url.hostname, url.port) != (LOOPBACK, written.get(VALKEY)),
    }
    return {name: server for name, server in _all().items() if not named[name]}


def _written() -> dict[str, int]:
    """Return the ports that `ensure`, in this process or a parent, set in the environment."""
    pairs = (entry.partition(":") for entry in os.environ.get(EMBEDDED, "").split(","))
    return {name: int(port) for name, _, port in pairs if port.isdecimal()}


def _put_in_force(endpoints: dict[str, Endpoint | None]) -> Settings:
    os.environ.update(_variables({name: endpoint for name, endpoint in endpoints.items() if endpoint}))
    settings.cache_clear()
    return settings()


def _variables(endpoints: dict[str, Endpoint]) -> dict[str, str]:
    """Return the variables of embedded servers. A database that was already chosen on them is kept."""
    variables = {EMBEDDED: ",".join(f"{name}:{endpoint.port}" for name, endpoint in endpoints.items())}
    if POSTGRES in endpoints:
        variables |= {
            "PGHOST": LOOPBACK,
            "PGPORT": str(endpoints[POSTGRES].port),
            "PGUSER": endpoints[POSTGRES].user,
            "PGPASSWORD": endpoints[POSTGRES].password,
            "PGDATABASE": os.environ.get("PGDATABASE") or DATABASE,
            "PGSSLMODE": "prefer",  # it has no certificate, and packets do not leave the machine
        }
    if VALKEY in endpoints:
        authority = f":{endpoints[VALKEY].password}@{endpoints[VALKEY].address}"
        before = urlsplit(os.environ.get("REDIS_URL", ""))
        database = before.path if before.netloc == authority and before.path else "/0"
        variables["REDIS_URL"] = f"redis://{authority}{database}"
    if os.environ.get("DAYBREAK_HOME"):
        variables["DAYBREAK_HOME"] = str(_home())  # children may have another working directory
    return variables


def _embedded_status(name: str, server: Postgres | Valkey) -> ServerStatus:
    endpoint, pid = server.remembered(), server.pid()
    version = None
    if endpoint and pid:
        variables = _variables({name: endpoint})
        url, login = variables.get("REDIS_URL"), (endpoint.user, endpoint.password)
        version = redis_version(url) if url else postgres_version(LOOPBACK, endpoint.port, *login)
    address = endpoint.address if endpoint else LOOPBACK
    return ServerStatus(name, True, pid is not None, address, version, server.data_directory(), pid)


def _named_postgres() -> ServerStatus:
    current = settings()
    password = current.pgpassword.get_secret_value() if current.pgpassword else None
    version = postgres_version(
        current.pghost or "", current.pgport, current.pguser, password, current.pgdatabase, current.pgsslmode
    )
    address = f"{current.pghost}:{current.pgport}"
    return ServerStatus(POSTGRES, False, version is not None, address, version, None, None)


def _named_redis() -> ServerStatus:
    current = settings()
    text = current.redis_url.get_secret_value() if current.redis_url else ""
    url, version = urlsplit(text), redis_version(text)
    address = f"{url.hostname or ''}:{url.port or 6379}"
    return ServerStatus(VALKEY, False, version is not None, address, version, None, None)
