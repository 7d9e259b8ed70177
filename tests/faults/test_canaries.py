"""Canaries for secrets, searched for in everything that failing runs leave behind, at debug level too."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from local.demo_shop.shop_contract import ListedShop
from local.demo_shop.shop_server import ShopServer
from pipeline_settings import Settings, settings
from tests.administrator import administrator
from tests.dbt_project.loads import FIRST, orders, reviews
from tests.faults.kills.forked_runs import Forker
from warehouse.connection import connect

CANARY = "canary-9d27"
DAY = str(FIRST)
Break = Callable[[pytest.MonkeyPatch, ListedShop], None]


def in_environment(**variables: str) -> Break:
    """Return a run with wrong variables."""

    def broken(monkeypatch: pytest.MonkeyPatch, shop: ListedShop) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return broken


def bad_orders(monkeypatch: pytest.MonkeyPatch, shop: ListedShop) -> None:
    """Let the shop send orders that the gate refuses."""
    shop.put("orders", FIRST, [{**row, "total_amount": "abc"} for row in orders(FIRST)])


def red_mart(monkeypatch: pytest.MonkeyPatch, shop: ListedShop) -> None:
    """Change a mart outside of Daybreak: a test of the build fails."""
    with connect() as connection:
        connection.execute("update marts.daily_sales set revenue = revenue + 1")
    shop.put("orders", FIRST, orders(FIRST, 7))


def nothing(monkeypatch: pytest.MonkeyPatch, shop: ListedShop) -> None:
    """Leave everything as it is: a run that succeeds."""


EARLY: list[tuple[int, Break]] = [
    (3, in_environment(SHOP_API_TOKEN=f"{CANARY}-wrong")),
    (3, in_environment(SHOP_API_URL=f"http://user:{CANARY}@127.0.0.1:9")),
    (3, in_environment(SHOP_API_URL=f"http://user:{CANARY}@shop.invalid")),
    (4, in_environment(PGPASSWORD=f"{CANARY}-wrong")),
    (4, in_environment(PGPORT="9")),
    (2, in_environment(SHOP_API_TOKEN=f"{CANARY}\nX: 1")),
    (2, in_environment(PGPORT=CANARY)),
]
LATE: list[tuple[int, Break]] = [
    (0, nothing),
    (0, in_environment(REDIS_URL=f"redis://:{CANARY}-wrong@127.0.0.1:9/0")),
    (2, in_environment(REDIS_URL=f"{CANARY}")),
    (5, bad_orders),
    (7, red_mart),
]


@contextmanager
def secrets(
    warehouse: Settings, cache: "redis.Redis", monkeypatch: pytest.MonkeyPatch, shop: ShopServer
) -> Iterator[None]:
    """Make every secret of a run a canary: a role, a user of Redis, a token, receivers that are down."""
    assert warehouse.redis_url is not None
    address = urlsplit(warehouse.redis_url.get_secret_value())
    with administrator(warehouse) as connection:
        connection.execute(
            f"create role teller login createrole createdb password '{CANARY}-pg' in role {warehouse.pguser}".encode()
        )
        cache.execute_command("ACL", "SETUSER", "teller", "on", f">{CANARY}-redis", "~*", "&*", "+@all")  # type: ignore[no-untyped-call]
        with monkeypatch.context() as secret:
            for name, value in {
                "SHOP_API_URL": shop.url,
                "SHOP_API_TOKEN": f"{CANARY}-token",
                "PGUSER": "teller",
                "PGPASSWORD": f"{CANARY}-pg",
                "REDIS_URL": f"redis://teller:{CANARY}-redis@{address.hostname}:{address.port}/0",
                "ALERT_URLS": f"json://user:{CANARY}@127.0.0.1:9/{CANARY}?+X-Key={CANARY}, slack://{CANARY}",
                "METRICS_URL": f"http://user:{CANARY}@127.0.0.1:9/{CANARY}?token={CANARY}",
            }.items():
                secret.setenv(name, value)
            secret.delenv("DAYBREAK_EMBEDDED")
            try:
                yield
            finally:
                cache.execute_command("ACL", "DELUSER", "teller")  # type: ignore[no-untyped-call]
        connection.execute(f"reassign owned by teller to {warehouse.pguser}".encode())
        connection.execute(b"drop owned by teller")
        connection.execute(b"drop role teller")


def left_behind(home: Path, cache: "redis.Redis") -> list[str]:
    """Return the places of canaries: files of the state directory, tables of the warehouse, keys of Redis."""
    found = [str(file) for file in home.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()]
    with connect() as connection:
        tables = connection.execute(
            """
            select format('%I.%I', nspname, relname) as name
            from pg_class inner join pg_namespace on pg_namespace.oid = relnamespace
            where relkind in ('r', 'p', 'm') and nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
            """
        ).fetchall()
        for table in tables:
            query = f"select from {table['name']} as found where found::text like %s"
            found += [table["name"] for _ in connection.execute(query.encode(), [f"%{CANARY}%"]).fetchall()]
    return found + [key for key in cache.scan_iter() if CANARY in repr(cache.dump(key)) + key]


@pytest.mark.fault(22, 48)
@pytest.mark.parametrize("faults", [EARLY, pytest.param(LATE, marks=pytest.mark.slow)], ids=["early", "late"])
def test_failing_runs_leave_no_secret_behind(
    warehouse: Settings,
    cache: "redis.Redis",
    monkeypatch: pytest.MonkeyPatch,
    forker: Forker,
    home: Path,
    faults: list[tuple[int, Break]],
) -> None:
    shop = ListedShop({("orders", FIRST): orders(FIRST), ("reviews", FIRST): reviews(FIRST)})
    outputs = []
    with ShopServer(shop, token=f"{CANARY}-token") as server:
        for expected, broken in faults:
            with secrets(warehouse, cache, monkeypatch, server), monkeypatch.context() as run:
                broken(run, shop)
                code, output = forker.run("-v", "run", DAY, "--wait", "0", is_debugged=True)
            assert code == expected, output
            outputs.append(output)
    settings.cache_clear()
    assert any("DEBUG " in output for output in outputs)
    assert [output for output in outputs if CANARY in output] == []
    assert left_behind(home, cache) == []
    with connect() as connection:
        assert connection.execute("select from ops.outbox_deliveries where attempts > 0").fetchall() or faults is EARLY
    assert os.environ.get("SHOP_API_TOKEN") is None
