"""The embedded servers after kills, stale files, stolen ports and races: every test starts separate servers."""

import importlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from local import postgres, postgres_files, process, servers
from local.process import Account, unprivileged_account
from pipeline_errors import WarehouseError
from pipeline_settings import PROJECT_ROOT, Settings, settings
from tests.administrator import administrator, admit_administrator

pytestmark = pytest.mark.integration

ENSURE = "from local import servers; s = servers.ensure(); print(s.pgport)"
PAGES_IN_MEMORY = "select count(*) from pg_buffercache where relfilenode = pg_relation_filenode('{}')"
TRAVERSABLE = 0o711
SQL_SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "jit": "off",
    "TimeZone": "UTC",
    "server_encoding": "UTF8",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "off",
    "random_page_cost": "1.1",
    "max_connections": "50",
    "password_encryption": "scram-sha-256",
}


def use(home: Path) -> None:
    """Forget the current servers, so that those of `home` are next."""
    for name in [name for name in os.environ if name.startswith(("PG", "REDIS_URL", "DAYBREAK_"))]:
        del os.environ[name]
    os.environ["DAYBREAK_HOME"] = str(home)
    settings.cache_clear()


@pytest.fixture
def new_home() -> Iterator[Callable[[], Path]]:
    """Create state directories, and stop the servers in them at the end."""
    homes: list[Path] = []
    with tempfile.TemporaryDirectory(prefix="daybreak-") as name:
        Path(name).chmod(TRAVERSABLE)

        def make() -> Path:
            homes.append(Path(name, f"home {len(homes)}'s"))  # spaces and quotes are legal in paths
            homes[-1].mkdir(mode=TRAVERSABLE)
            use(homes[-1])
            return homes[-1]

        yield make
        for home in homes:
            use(home)
            servers.down()


@pytest.fixture
def home(new_home: Callable[[], Path]) -> Path:
    """A state directory for this test, instead of the run's."""
    return new_home()


def pid_of(name: str) -> int:
    pid = {status.name: status.pid for status in servers.status()}[name]
    assert pid is not None
    return pid


def kill(name: str) -> None:
    """SIGKILL a server, and wait for its end."""
    pid = pid_of(name)
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while {status.name: status.pid for status in servers.status()}[name] is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def execute(statement: str) -> object:
    with psycopg.connect(settings().postgres_uri()) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchone() if cursor.description else None


def start_ensure(**arguments: object) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    command = [sys.executable, "-W", "error", "-c", ENSURE]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, text=True, **pipes, **arguments)  # type: ignore[call-overload,no-any-return]


def assert_settings_are_those_promised() -> None:
    for name, value in SQL_SETTINGS.items():
        assert execute(f"select current_setting('{name}')") == (value,), name


def test_a_restart_keeps_settings_data_port_and_password(home: Path) -> None:
    before = servers.ensure()
    assert_settings_are_those_promised()
    execute("create table kept as select 42 as answer")
    assert servers.down() == ["postgres", "valkey"]
    assert "PGHOST" not in os.environ
    assert servers.down() == []
    assert [status.running for status in servers.status()] == [False, False]
    assert servers.ensure() == before
    assert execute("select answer from kept") == (42,)
    assert_settings_are_those_promised()


@pytest.mark.slow
def test_a_restart_restores_the_pages_in_memory(home: Path) -> None:
    servers.ensure()
    servers.down()
    admit_administrator(home)
    with administrator(servers.ensure()) as connection:
        connection.execute("create extension pg_buffercache")
        connection.execute("grant pg_monitor to daybreak")
    execute("create table affected as select generate_series(1, 100_000) as number")
    servers.down()
    servers.ensure()
    deadline = time.monotonic() + 10
    while execute(PAGES_IN_MEMORY.format("affected")) == (0,):  # read by a background process
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.fault(21)
def test_a_killed_postgres_recovers_committed_data(home: Path) -> None:
    servers.ensure()
    execute("create table kept as select generate_series(1, 1000) as number")
    kill("postgres")
    assert home.joinpath("servers", "postgres", "data", "postmaster.pid").exists()
    servers.ensure()
    assert execute("select count(*) from kept") == (1000,)


def test_a_killed_postgres_with_a_busy_session_starts_again(home: Path) -> None:
    servers.ensure()
    uri = settings().postgres_uri()

    def be_busy() -> None:
        with suppress(psycopg.OperationalError), psycopg.connect(uri) as connection:
            connection.execute("select count(*) from generate_series(1, 2000000000)")

    session = threading.Thread(target=be_busy)
    session.start()
    deadline = time.monotonic() + 10
    while execute("select count(*) from pg_stat_activity where query like '%2000000000)'") == (0,):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    kill("postgres")
    servers.ensure()
    session.join(timeout=10)
    assert not session.is_alive()
    assert execute("select 1") == (1,)


def test_a_killed_valkey_starts_again(home: Path) -> None:
    servers.ensure()
    kill("valkey")
    servers.ensure()
    assert all(status.running for status in servers.status())


@pytest.mark.slow
def test_a_reused_pid_is_detected(home: Path) -> None:
    servers.ensure()
    kill("postgres")
    kill("valkey")
    arguments = unprivileged_account().arguments()  # with the same account, so that Postgres would accept the process
    with subprocess.Popen(["sleep", "60"], **arguments) as bystander:
        pid_file = home / "servers" / "postgres" / "data" / "postmaster.pid"
        _, *rest = pid_file.read_text().split("\n")
        pid_file.write_text("\n".join([str(bystander.pid), *rest]))
        home.joinpath("servers", "valkey.pid").write_text(f"{bystander.pid}\n")
        assert [status.pid for status in servers.status()] == [None, None]
        assert servers.down() == []
        servers.ensure()
        assert execute("select 1") == (1,)
        servers.down()
        assert bystander.poll() is None, "a process that is not ours was ended"
        bystander.kill()


@pytest.mark.slow
def test_damaged_pid_files_do_no_harm(home: Path) -> None:
    servers.ensure()
    for content in ("", "garbage\n", "99999999\n"):
        servers.down()
        home.joinpath("servers", "postgres", "data", "postmaster.pid").write_text(content)
        home.joinpath("servers", "valkey.pid").write_text(content)
        servers.ensure()
        assert execute("select 1") == (1,)


def test_a_lost_password_is_replaced_and_the_data_stay(home: Path) -> None:
    servers.ensure()
    execute("create table kept as select 42 as answer")
    record = home / "servers" / "postgres.json"
    for content in (None, "", '{"port": 1'):
        record.unlink()
        if content is not None:
            record.write_text(content)
        assert servers.ensure().pguser == "daybreak"
        assert execute("select answer from kept") == (42,)


def test_the_superuser_has_no_password(home: Path) -> None:
    where = servers.ensure()
    assert where.pgpassword is not None
    for password in (where.pgpassword.get_secret_value(), "postgres"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(where.postgres_uri(), user="postgres", password=password)
    log = home.joinpath("servers", "postgres.log").read_text()
    assert log.count('User "postgres" has no password assigned.') == 2


def test_a_cluster_of_an_earlier_version_keeps_its_login_user(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its only role is the superuser, which owns the database; the record has no user."""
    single_user = postgres_files.single_user

    def as_before(programs: Path, data: Path, account: Account, statements: Sequence[str], held: int) -> str:
        if "create role" in statements[0]:
            statements = ["create database daybreak"]
        return single_user(programs, data, account, statements, held)

    monkeypatch.setattr(postgres_files, "single_user", as_before)
    servers.ensure()
    execute("create table kept as select 42 as answer")
    record = home / "servers" / "postgres.json"
    before = json.loads(record.read_text())
    for content in ({"port": before["port"], "password": before["password"]}, None):
        servers.down()
        record.unlink()
        if content:
            record.write_text(json.dumps(content))
        assert servers.ensure().pguser == "postgres"
        assert execute("select answer from kept") == (42,)


@pytest.mark.slow
def test_an_interrupted_initialisation_is_repeated(home: Path) -> None:
    child = start_ensure(start_new_session=True)
    draft = home / "servers" / "postgres" / "data.draft"
    deadline = time.monotonic() + 30
    while not draft.joinpath("PG_VERSION").exists():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    os.killpg(child.pid, signal.SIGKILL)  # the child and initdb in its process group
    child.communicate()
    assert draft.exists()
    assert not draft.with_name("data").exists()
    servers.ensure()
    assert execute("select 1") == (1,)
    assert not draft.exists()


@pytest.mark.slow
def test_two_homes_run_side_by_side(new_home: Callable[[], Path]) -> None:
    found: list[Settings] = []
    for number in range(2):
        new_home()
        found.append(servers.ensure())
        execute(f"create table mine as select {number} as number")
    assert found[0].pgport != found[1].pgport
    assert found[0].pgpassword != found[1].pgpassword
    assert found[0].redis_url != found[1].redis_url
    for number, one in enumerate(found):
        with psycopg.connect(one.postgres_uri()) as connection:
            assert connection.execute("select number from mine").fetchone() == (number,)


def test_processes_that_start_at_once_share_the_servers(home: Path) -> None:
    children = [start_ensure() for _ in range(3)]
    answers = [child.communicate(timeout=60) for child in children]
    assert [child.returncode for child in children] == [0, 0, 0], answers
    assert len({output for output, _ in answers}) == 1
    assert str(servers.ensure().pgport) == answers[0][0].strip()


def test_servers_outlive_their_starter_and_hold_no_pipe(home: Path) -> None:
    child = start_ensure(start_new_session=True)
    output, errors = child.communicate(timeout=60)  # returns only when no process holds the pipes
    assert child.returncode == 0, errors
    assert errors == ""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGHUP)  # as a closing terminal does
    assert str(servers.ensure().pgport) == output.strip()
    assert all(status.running for status in servers.status())


@pytest.mark.slow
def test_another_port_is_used_if_the_port_was_taken(home: Path) -> None:
    before = servers.ensure()
    address = ("127.0.0.1", int(servers.status()[1].address.rpartition(":")[2]))
    servers.down()
    with socket.create_server(("127.0.0.1", before.pgport)), socket.create_server(address):
        after = servers.ensure()
        assert after.pgport != before.pgport
        assert after.redis_url != before.redis_url
        assert execute("select 1") == (1,)


def test_a_postgres_that_cannot_start_gives_the_reason(home: Path) -> None:
    servers.ensure()
    servers.down()
    home.joinpath("servers", "postgres", "data", "PG_VERSION").write_text("11\n")
    with pytest.raises(WarehouseError, match=r"Postgres did not start: .*incompatible.*postgres\.log"):
        servers.ensure()


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops its privileges")


@root_only
@pytest.mark.slow
def test_root_in_a_closed_directory_keeps_its_data_elsewhere(
    tmp_path: Path, new_home: Callable[[], Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = new_home() / "elsewhere"
    monkeypatch.setattr(postgres, "OUTSIDE", elsewhere)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    use(closed / "home")
    try:
        servers.ensure()
        execute("create table kept as select 42 as answer")
        data = servers.status()[0].data_directory
        assert data is not None
        assert data.is_relative_to(elsewhere)
        assert str(data.parent) in caplog.text
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        servers.down()
        servers.ensure()
        assert execute("select answer from kept") == (42,)
    finally:
        servers.down()


@root_only
@pytest.mark.slow
def test_root_copies_programs_for_an_account_without_access(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "OUTSIDE", home / "elsewhere")
    refusals = iter(["permission denied", None])
    monkeypatch.setattr("local.postgres_files._refusal", lambda directory, account: next(refusals))
    servers.ensure()
    command = Path("/proc", str(pid_of("postgres")), "cmdline").read_bytes().decode()
    assert command.startswith(str(home / "elsewhere"))
    assert execute("select 1") == (1,)


@root_only
def test_a_normal_user_owns_everything(home: Path) -> None:
    account = unprivileged_account()
    os.chown(home, account.uid, account.gid)
    importlib.import_module("encodings.idna")  # sockets import it late, when the account might not have access
    child = os.fork()  # not a new process: the account may have no access to this Python
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            servers.ensure()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    state = home / "servers"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert {path.stat().st_uid for path in state.rglob("*")} == {account.uid}
    for name in ("postgres", "valkey"):
        assert Path("/proc", str(pid_of(name))).stat().st_uid == account.uid
    assert process.is_alive(pid_of("postgres"), str(state / "postgres" / "data"))
