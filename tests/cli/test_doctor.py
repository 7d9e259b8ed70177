"""`daybreak doctor`: what it says about servers and shops with which a run would fail."""

import os
import re
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import redis
from psycopg import sql
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner
from werkzeug import Request, Response

from cli.main import app
from local import valkey
from local.servers import EMBEDDED
from local.state import free_port
from orchestration import steps
from pipeline_errors import CacheUnavailableError, WarehouseError
from pipeline_settings import Settings, settings
from serving.redis_client import redis_client
from tests.administrator import PASSWORD, administrator
from tests.commands import run
from warehouse import roles, session_check
from warehouse.connection import connect

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
POOLED = "A connection pooler such as PgBouncer answers"


@pytest.fixture
def shop(warehouse: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    """A shop whose health is public and whose rows need the token."""

    def answer(request: Request) -> Response:
        if request.headers.get("Authorization") != "Bearer right":
            return Response('{"error": "unauthorized"}', 401)
        return Response('{"orders": [], "reviews": [], "next": null, "total": 0}')

    httpserver.expect_request("/health").respond_with_json({})
    for dataset in ("orders", "reviews"):
        httpserver.expect_request(f"/api/v1/{dataset}").respond_with_handler(answer)
    monkeypatch.setenv("SHOP_API_URL", httpserver.url_for("").rstrip("/").replace("http://", "http://me:canary-url@"))
    monkeypatch.setenv("SHOP_API_TOKEN", "right")
    monkeypatch.setenv("COLUMNS", "400")
    settings.cache_clear()
    return httpserver


def doctor() -> tuple[int, str]:
    result = CliRunner().invoke(app, ["doctor"])
    return result.exit_code, result.output


def run_a_day() -> None:
    """Run an empty day in another process: this one's dbt has parsed the project for another database."""
    run([sys.executable, "-c", "from cli.main import app; app()", "run", "2026-03-01", "--wait", "0"])


def set_environment(monkeypatch: pytest.MonkeyPatch, **variables: str | int) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    settings.cache_clear()


def test_everything_that_a_run_opens_is_opened(shop: HTTPServer, cache: "redis.Redis") -> None:
    code, output = doctor()
    assert (code, "failed" in output) == (0, False), output
    for shown in (
        "its first page of", "steps log in as daybreak_loader", "loads as daybreak_loader",
        "Great Expectations connects", "dbt connects", "takes writes",
    ):  # fmt: skip
        assert shown in output
    assert "canary" not in output
    assert cache.keys() == []


def test_a_wrong_token_is_noticed_behind_a_public_health_path(
    shop: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, SHOP_API_TOKEN="canary-wrong")
    code, output = doctor()
    assert (code, "/api/v1/orders answered 401" in output, "canary" in output) == (3, True, False), output


@contextmanager
def pgbouncer(warehouse: Settings, folder: Path, *lines: str) -> Iterator[int]:
    """Run PgBouncer in front of the warehouse with these lines of configuration; yield its port."""
    assert PGBOUNCER is not None
    assert warehouse.pgpassword is not None
    port, file = free_port(), folder / "pgbouncer.ini"
    server = f"host={warehouse.pghost} port={warehouse.pgport} user={warehouse.pguser}"
    options = f"password={warehouse.pgpassword.get_secret_value()} {lines[0]}"
    file.write_text(
        f"[databases]\n{warehouse.pgdatabase} = {server} {options}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        + "\n".join((f"listen_port = {port}", "auth_type = any", "unix_socket_dir =", *lines[1:]))
    )
    user = ["--user", "nobody"] if os.geteuid() == 0 else []
    for path in (folder, file) if user else ():
        shutil.chown(path, "nobody")
    process = subprocess.Popen([PGBOUNCER, "-q", *user, file], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


HELD = "connect_query='set lock_timeout = 30000; set timezone = UTC'"


@pytest.mark.skipif(PGBOUNCER is None, reason="needs pgbouncer")
@pytest.mark.fault(68)
@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (("", "pool_mode = session"), "refuses them"),
        (("", "pool_mode = transaction"), "refuses them"),
        (("", "pool_mode = session", "ignore_startup_parameters = options"), "drops lock_timeout"),
        (("", "pool_mode = transaction", "ignore_startup_parameters = options"), "drops lock_timeout"),
        ((HELD, "pool_mode = transaction", "ignore_startup_parameters = options"), "another session"),
    ],
)
def test_a_pooler_is_named(
    shop: HTTPServer, monkeypatch: pytest.MonkeyPatch, lines: tuple[str, ...], fault: str
) -> None:
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    with pgbouncer(settings(), folder, *lines) as port:
        set_environment(monkeypatch, PGPORT=port)
        code, output = doctor()
        assert (code, POOLED in output, fault in output) == (4, True, True), output
        result = CliRunner().invoke(app, ["run", "2026-03-01", "--wait", "0"])
        assert (result.exit_code, POOLED in result.output) == (4, True), result.output
    shutil.rmtree(folder)


@pytest.mark.fault(68)
def test_settings_that_do_not_hold_are_named(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.connection.bounded_waits", lambda _: "")
    with pytest.raises(WarehouseError, match=f"{POOLED}.* drops lock_timeout"), connect():
        pass


@pytest.mark.fault(68)
def test_a_shared_session_is_named(warehouse: Settings) -> None:
    with connect(autocommit=True) as shared, pytest.raises(WarehouseError, match="another session"):
        session_check.check_sessions(shared, shared, warehouse)


@pytest.fixture
def database(warehouse: Settings, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty database of this name and encoding."""
    name, encoding = request.param
    create = sql.SQL("create database {} owner {} encoding {} locale_provider libc locale 'C' template template0")
    with administrator(warehouse) as connection:
        connection.execute(create.format(*map(sql.Identifier, (name, warehouse.pguser)), sql.Literal(encoding)))
        set_environment(monkeypatch, PGDATABASE=name)
        yield name
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.mark.fault(68)
@pytest.mark.parametrize("database", [("latin", "LATIN1"), ("ascii", "SQL_ASCII")], indirect=True)
def test_another_encoding_is_named(shop: HTTPServer, database: str) -> None:
    code, output = doctor()
    assert (code, f"The database {database} stores text as" in output) == (4, True), output


@contextmanager
def socket_folder(warehouse: Settings, folder: Path) -> Iterator[None]:
    """Pass connections to Postgres' socket in this folder on to the warehouse's port."""
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(folder / f".s.PGSQL.{warehouse.pgport}"))
        listener.listen()
        threading.Thread(target=_accept, args=[listener, warehouse.pghost, warehouse.pgport], daemon=True).start()
        yield


def _accept(listener: socket.socket, host: str, port: int) -> None:
    with suppress(OSError):
        while True:
            threading.Thread(target=_relay, args=[listener.accept()[0], host, port], daemon=True).start()


def _relay(near: socket.socket, host: str, port: int) -> None:
    with suppress(OSError), near, socket.create_connection((host, port)) as far:
        while True:
            for source in select.select([near, far], [], [])[0]:
                if not (data := source.recv(65_536)):
                    return
                (far if source is near else near).sendall(data)


@pytest.mark.slow
@pytest.mark.fault(68)
def test_a_socket_folder_works(shop: HTTPServer, warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    with socket_folder(warehouse, folder):
        set_environment(monkeypatch, PGHOST=str(folder))
        code, output = doctor()
        assert (code, str(folder) in output) == (0, True), output
        result = CliRunner().invoke(app, ["run", "2026-03-01", "--wait", "0"])
        assert result.exit_code == 0, result.output
    shutil.rmtree(folder)


@pytest.mark.fault(68)
@pytest.mark.parametrize("database", [("100% shop", "UTF8")], indirect=True)
def test_a_database_with_a_percent_sign_is_named(shop: HTTPServer, database: str) -> None:
    code, output = doctor()
    assert (code, "dbt takes the % in the database's name 100% shop" in output) == (2, True), output


@pytest.mark.fault(68)
def test_a_redis_cluster_is_named(warehouse: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    port = free_port()
    options = ["--port", str(port), "--cluster-enabled", "yes", "--save", "", "--bind", "127.0.0.1"]
    server = subprocess.Popen([valkey.binary(), *options], cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        set_environment(monkeypatch, REDIS_URL=f"redis://127.0.0.1:{port}/0")
        for _ in range(100):
            with suppress(redis.ConnectionError), redis.Redis(port=port) as client:
                if client.info("server"):
                    break
            time.sleep(0.05)
        with pytest.raises(CacheUnavailableError, match="REDIS_URL names a cluster"), redis_client():
            pass
        assert "REDIS_URL names a cluster" in doctor()[1]
    finally:
        server.terminate()
        server.wait(10)


@pytest.mark.fault(71)
def test_a_superuser_is_advised_against_with_the_remedy(
    shop: HTTPServer, warehouse: Settings, cache: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    with administrator(warehouse) as connection:
        connection.execute("create role chief login superuser password 'pw'")
        monkeypatch.delenv(EMBEDDED)  # the server is now another's
        set_environment(monkeypatch, PGUSER="chief", PGPASSWORD="pw", COLUMNS=1000)
        try:
            advice = re.search(r"chief is a superuser, .* run: (.*;)", doctor()[1])
            assert advice
            connection.execute(advice[1].encode())
            connection.execute(f"reassign owned by {warehouse.pguser} to chief".encode())
            steps.prepare()
            code, output = doctor()
            assert (code, "superuser" in output) == (0, False), output
            assert "steps log in as daybreak_loader" in output
        finally:
            connection.execute(f"reassign owned by chief to {warehouse.pguser}".encode())
            connection.execute("drop owned by chief")
            connection.execute("drop role chief")
            assert warehouse.pgpassword is not None
            set_environment(monkeypatch, PGUSER=warehouse.pguser, PGPASSWORD=warehouse.pgpassword.get_secret_value())
            steps.prepare()  # gives the roles the passwords that other tests expect


@pytest.mark.fault(71)
def test_the_first_superuser_is_advised_against(warehouse: Settings) -> None:
    first = warehouse.model_copy(update={"pguser": "postgres", "pgpassword": SecretStr(PASSWORD)})
    with connect(using=first) as connection:
        remark = roles.superuser_remark(connection)
    assert remark is not None
    assert "use a login with createrole that owns the database" in remark
    with connect() as ours:
        assert roles.superuser_remark(ours) is None


@pytest.mark.slow
@pytest.mark.fault(68)
def test_a_login_without_createrole_runs(
    shop: HTTPServer, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with administrator(warehouse) as connection:
        connection.execute("create role shop_elt login password 'pw'")
        connection.execute("create database plain owner shop_elt template template0")
        monkeypatch.delenv(EMBEDDED)  # the server is now another's
        set_environment(monkeypatch, PGDATABASE="plain", PGUSER="shop_elt", PGPASSWORD="pw")
        try:
            code, output = doctor()
            assert (code, "every step runs as shop_elt" in output) == (0, True), output
            run_a_day()
        finally:
            connection.execute("drop database plain with (force)")
            connection.execute("drop role shop_elt")
