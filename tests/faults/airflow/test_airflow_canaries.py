"""Canaries for secrets and customers' data, searched for in everything that nights under Airflow leave behind."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql
from psycopg.rows import tuple_row
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from local.demo_shop.shop_contract import ListedShop
from local.demo_shop.shop_server import ShopServer
from pipeline_settings import Settings, settings
from tests.dbt_project.loads import FIRST, SECOND, THIRD, orders, reviews
from tests.faults.test_canaries import CANARY, secrets
from tests.laws.nights import DATASETS, HEALTH, ORDERS, REVIEWS, Nights, sent_alerts
from warehouse.connection import connect

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

PERSON = "person-5c13"  # the prefix of every customer id and text
WORKLIST = "ops.customer_changes"  # customers whose health is to be computed: it holds ids by design


def shop_of(days: list[date]) -> ListedShop:
    """Return a shop whose rows are all personal; on its last day the gate refuses the orders."""
    shop = ListedShop()
    for day in days:
        about = [{"customer_id": f"{PERSON}-c{number}", "note": f"{PERSON} note"} for number in range(6)]
        bad = {"total_amount": f"{PERSON} paid"} if day == days[-1] else {}
        shop.put("orders", day, [row | who | bad for row, who in zip(orders(day), about, strict=True)])
        text = {"review_text": f"{PERSON} likes it"}
        shop.put("reviews", day, [row | who | text for row, who in zip(reviews(day), about, strict=True)])
    return shop


@pytest.fixture
def receiver() -> Iterator[tuple[HTTPServer, list[Request]]]:
    """Accept messages, metrics and lineage."""
    received: list[Request] = []

    def take(request: Request) -> Response:
        request.get_data()
        received.append(request)
        return Response()

    with HTTPServer(threaded=True) as server:
        server.expect_request(re.compile(".*")).respond_with_handler(take)
        yield server, received


@pytest.fixture
def secret_shop(
    warehouse: Settings, cache: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[ListedShop, ShopServer]]:
    """A shop that requires a token. Every secret is a canary until Airflow has stopped."""
    shop = shop_of([FIRST, SECOND, THIRD])
    with ShopServer(shop, token=f"{CANARY}-token") as server, secrets(warehouse, cache, monkeypatch, server):
        settings.cache_clear()
        yield shop, server
    settings.cache_clear()


def tables_with(text: str, uri: str, schemas: str = "%") -> set[str]:
    """Return the tables of a database that contain a text, also as bytes of a binary column."""
    patterns = [f"%{text}%", f"%{text.encode().hex()}%"]
    with psycopg.connect(uri, row_factory=tuple_row) as connection:
        tables = connection.execute(
            """
            select nspname, relname from pg_class inner join pg_namespace on pg_namespace.oid = relnamespace
            where relkind in ('r', 'p', 'm') and nspname like %s
                and nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
            """,
            [schemas],
        ).fetchall()
        assert tables
        query = sql.SQL("select from {} as found where found::text like any(%s) limit 1")
        return {
            f"{schema}.{table}"
            for schema, table in tables
            if connection.execute(query.format(sql.Identifier(schema, table)), [patterns]).fetchone() is not None
        }


def files_with(text: str, home: Path, but: str = "") -> set[str]:
    """Return the files of the state directory that contain a text."""
    files = [file for file in home.rglob("*") if file.is_file() and not (but and file.is_relative_to(home / but))]
    assert files
    return {str(file.relative_to(home)) for file in files if text.encode() in file.read_bytes()}


def commands_with(text: str, here: Nights) -> set[str]:
    """Return the command lines of Airflow's processes, which every account may read, that contain a text."""
    members = [member for service in here.airflow.services.values() for member in service.members()]
    return {line for line in (" ".join(member.cmdline()) for member in members) if text in line}


@pytest.mark.fault(42, 48)
def test_nights_leave_no_secret_and_no_customer_behind(
    secret_shop: tuple[ListedShop, ShopServer],
    cache: "redis.Redis",
    receiver: tuple[HTTPServer, list[Request]],
    nights: Callable[..., Nights],
    home: Path,
) -> None:
    (shop, server), (inbox, received) = secret_shop, receiver
    here = nights(
        shop,
        SHOP_API_URL=server.url,
        ALERT_URLS=f"json://user:{CANARY}@127.0.0.1:{inbox.port}/{CANARY}?+X-Key={CANARY}, json://:{CANARY}@127.0.0.1:9",
        METRICS_URL=inbox.url_for(f"/metrics?token={CANARY}"),
        OPENLINEAGE_URL=inbox.url_for("/"),
        OPENLINEAGE_API_KEY=CANARY,
        AIRFLOW__LOGGING__LOGGING_LEVEL="DEBUG",
    )
    here.world.run([FIRST])
    with connect() as connection:  # Postgres' error quotes the whole row
        connection.execute("alter table marts.fct_reviews add constraint late check (review_date < '2026-03-03')")
    cache.execute_command("ACL", "DELUSER", "teller")  # type: ignore[no-untyped-call]
    for day in (SECOND, THIRD):
        for pipeline in DATASETS:
            here.start(pipeline, day)
    here.settle()
    assert {alert for alert in sent_alerts() if alert[2] in (SECOND, THIRD)} == {
        (ORDERS, "success", SECOND),
        (ORDERS, "refusal", THIRD),
        (REVIEWS, "success", SECOND),
        (REVIEWS, "failure", THIRD),
        (HEALTH, "success", SECOND),
    }
    with connect() as connection:
        warnings = connection.execute("select step, logical_date from ops.step_runs where status = 'warning'")
        assert ("update_cache", SECOND) in [(row["step"], row["logical_date"]) for row in warnings]
    bodies = [(request.path, request.get_data().decode()) for request in received]
    assert {path for path, _ in bodies} >= {f"/{CANARY}", "/metrics", "/api/v1/lineage"}

    metadata = here.airflow.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg", "")
    warehouse = settings().postgres_uri()
    left = {
        "people in ops": tables_with(PERSON, warehouse, "ops") - {WORKLIST},
        "secrets in the warehouse": tables_with(CANARY, warehouse),
        "people in files": files_with(PERSON, home, but="servers"),  # the warehouse stores its rows there
        "secrets in files": files_with(CANARY, home),
    }
    for what, text in (("people", PERSON), ("secrets", CANARY)):
        left[f"{what} in metadata"] = tables_with(text, metadata)
        left[f"{what} in command lines"] = commands_with(text, here)
        left[f"{what} in requests"] = {path for path, body in bodies if text in body}
    assert {where: found for where, found in left.items() if found} == {}
