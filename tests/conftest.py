"""Real servers for the tests: one embedded Postgres and Valkey per run, one fresh database per test.

`warehouse` and `cache` set the environment to them. A test without these sees no server, whatever the developer's
shell has set. Tests with these are marked `integration` here; other tests only need the mark if they start servers
differently.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from psycopg import sql

from cli.logs import OWN_PACKAGES
from local import servers as local_servers
from orchestration import steps
from orchestration.garbage_collection import collect_rarely
from pipeline_settings import Settings, settings
from tests import slices
from tests.administrator import administrator, admit_administrator
from warehouse.connection import connect

TEMPLATE = "daybreak_template"
DATABASE = "daybreak_test"  # always the same name: dbt's parsed project holds it
SERVER_FIXTURES = {"servers", "project"}  # others build on these; `project` is dbt's parse, as expensive
# All variables that Daybreak, libpq or a tool reads: a test must not reach a real warehouse, cache, shop or channel.
FOREIGN_PREFIXES = (
    "PG", "DAYBREAK_", "REDIS_URL", "SHOP_", "ALERT_URLS", "METRICS_URL", "SPARK_", "DBT_", "ANOMALY_",
    "AWS_", "OPENLINEAGE_", "LOG_FORMAT", "LOG_DAYS_KEPT", "RAW_",
)  # fmt: skip


Examples = Callable[[int, int], hypothesis_settings]

hypothesis_settings.register_profile("daybreak", deadline=None)  # no test checks wall time
hypothesis_settings.load_profile("daybreak")
hypothesis_settings.register_profile(
    "of builds",  # an example takes seconds: always the same ones, without shrinking
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options for slow tests, which `make slow` and `make slow-durations` set."""
    parser.addoption("--slice", type=int, metavar="N", help="only the slow tests of this slice: tests/slices.py")
    parser.addoption("--record-durations", action="store_true", help=f"write {slices.DURATIONS.name}")


def pytest_configure(config: pytest.Config) -> None:
    """Collect garbage as a run does. Record durations once, in the process that receives the reports of all tests."""
    collect_rarely()
    if config.option.record_durations and not hasattr(config, "workerinput"):
        config.pluginmanager.register(slices.Recorder())


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that need servers, and keep the requested slice."""
    for item in items:
        if SERVER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.integration)
    if config.option.slice is not None:
        slow = {item.nodeid for item in items if item.get_closest_marker("slow")}
        kept = slices.keep_slice(config.option.slice, slow)
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in kept])
        items[:] = [item for item in items if item.nodeid in kept]


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """The state directory of this run. Root's Postgres runs as another account, which must be able to enter it."""
    path = Path(tempfile.mkdtemp(prefix="daybreak-", dir=_memory()))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(autouse=True)
def environment(home: Path) -> Iterator[None]:
    """Run each test without the developer's variables, and restore the process afterwards.

    That includes levels of logging and the umask, which the command line sets, and kept messages.
    """
    before, umask = dict(os.environ), os.umask(0o022)
    loggers = [logging.getLogger(name) for name in (None, *OWN_PACKAGES, "monitoring.runs.run_log")]
    levels = [logger.level for logger in loggers]
    _clear_environment(home)
    yield
    os.umask(umask)
    _restore_environment(before)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    shutil.rmtree(home / "messages", ignore_errors=True)


@pytest.fixture(scope="session")
def servers(home: Path) -> Iterator[Settings]:
    """The embedded servers of this run, started by the first test that needs them. Sets no variable."""
    before = dict(os.environ)
    _clear_environment(home)
    running = _disposable(home)
    try:
        with connect(autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
        os.environ["PGDATABASE"] = DATABASE
        settings.cache_clear()
        steps.prepare()
        with administrator(running) as connection:
            names = map(sql.Identifier, (DATABASE, TEMPLATE))
            connection.execute(sql.SQL("alter database {} rename to {}").format(*names))
        _restore_environment(before)
        yield running
    finally:
        _clear_environment(home)
        local_servers.down()
        _restore_environment(before)


@pytest.fixture
def warehouse(servers: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A new warehouse with schemas and staging views, set for this test and the processes that it starts."""
    name = sql.Identifier(DATABASE)
    with administrator(servers) as connection:
        names = name, sql.Identifier(servers.pguser), sql.Identifier(TEMPLATE)
        create = sql.SQL("create database {} owner {} template {} strategy file_copy")  # quicker if files are in memory
        connection.execute(create.format(*names))
    monkeypatch.setenv("PGDATABASE", DATABASE)
    local_servers.ensure()  # they are running: this sets the variables, which `environment` removes again
    yield settings()
    with administrator(servers) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(name))


@pytest.fixture
def cache(servers: Settings) -> Iterator["redis.Redis"]:
    """A client of the empty Valkey at REDIS_URL; it decodes responses."""
    local_servers.ensure()
    assert servers.redis_url is not None
    with redis.Redis.from_url(servers.redis_url.get_secret_value(), decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture(params=["few", pytest.param("many", marks=pytest.mark.slow)])
def examples(request: pytest.FixtureRequest) -> Examples:
    """Settings of a property test whose examples are builds: few in `make test`, many in a slow slice."""

    def chosen(few: int, many: int) -> hypothesis_settings:
        count = few if request.param == "few" else many
        return hypothesis_settings(hypothesis_settings.get_profile("of builds"), max_examples=count)

    return chosen


def _memory() -> str | None:
    """Return a file system in memory if it has room: creating and dropping databases is a fifth quicker there."""
    path = Path("/dev/shm")  # noqa: S108, for this run only
    return str(path) if path.is_dir() and shutil.disk_usage(path).free > 8 * 2**30 else None


def _disposable(home: Path) -> Settings:
    """Start Postgres without fsync: creating and dropping a test's database spent half of its time on the disk.

    No data has to survive a power cut. Kills are tested on servers with the default settings.
    """
    local_servers.ensure()
    local_servers.down()
    admit_administrator(home, "alter system set shared_buffers = '128MB'", "alter system set fsync = off")
    return local_servers.ensure()


def _clear_environment(home: Path) -> None:
    for variable in [name for name in os.environ if name.startswith(FOREIGN_PREFIXES)]:
        del os.environ[variable]
    os.environ["DAYBREAK_HOME"] = str(home)
    settings.cache_clear()


def _restore_environment(before: dict[str, str]) -> None:
    for variable in [name for name in os.environ if name not in before]:
        del os.environ[variable]
    os.environ.update(before)
    settings.cache_clear()
