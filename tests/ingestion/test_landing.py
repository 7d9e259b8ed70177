"""Rows in raw after a load: exactly those of the shop, under one load id, or none."""

import gc
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from dlt.common.configuration.utils import ResolvedValueTrace
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from werkzeug import Request, Response

from ingestion.landing.row_sample import SAMPLE_ROWS
from pipeline_errors import ConfigurationError, ShopError, WarehouseError
from pipeline_settings import PROJECT_ROOT, Settings, settings
from tests.administrator import administrator
from warehouse.connection import connect

Shop = Any
SURROGATE = "\\ud800"


def landed(dataset: str = "orders", load_id: str | None = None) -> list[dict[str, Any]]:
    with connect() as connection:
        rows = connection.execute(f"select * from raw.{dataset} order by _load_id, _row_number").fetchall()
    return [row for row in rows if load_id is None or row["_load_id"] == load_id]


def order(**fields: Any) -> str:
    return json.dumps(
        {"order_id": "o", "customer_id": "c", "total_amount": 1, "order_date": "d", "status": "s"} | fields
    )


def test_rows_land_in_the_order_of_the_api(shop: Shop, warehouse: Settings) -> None:
    shop.serve_rows(*(order(order_id=f"o-{number}") for number in range(1, 9)))
    receipt = shop.land()
    rows = landed()
    assert [(row["_row_number"], row["order_id"]) for row in rows] == [(n, f"o-{n}") for n in range(1, 9)]
    assert {(row["_load_id"], row["_day"]) for row in rows} == {(receipt.load_id, shop.day)}
    assert (receipt.dataset, receipt.day, receipt.rows, receipt.pages) == ("orders", shop.day, 8, 3)
    assert receipt.seconds > 0
    assert list((settings().daybreak_home / "loads").iterdir()) == []


VALUES = [
    ("12.5", "12.5"),
    ('"12.5"', "12.5"),
    ("19.999", "19.999"),
    ("1.50", "1.50"),
    ("-0", "-0"),
    ("1e400", "1e400"),
    ("NaN", "NaN"),
    ("-Infinity", "-Infinity"),
    ("12345678901234567890123", "12345678901234567890123"),
    ("true", "true"),
    ("false", "false"),
    ("null", None),
    ('""', ""),
    ('" "', " "),
    ('"null"', "null"),
    ('"NULL"', "NULL"),
    ('"\\\\N"', "\\N"),
    ('"\\\\."', "\\."),
    ('"a\\"b"', 'a"b'),
    ('"\\"\\""', '""'),
    ('"a,b"', "a,b"),
    ('"a\\nb\\r\\nc\\td"', "a\nb\r\nc\td"),
    ('"\\\\"', "\\"),
    ('"😀 \\ud83d\\ude00"', "😀 😀"),
    ('"\'; DROP TABLE raw.orders; --"', "'; DROP TABLE raw.orders; --"),
    ('"=cmd {{ jinja }} <b>"', "=cmd {{ jinja }} <b>"),
    ('{"b": 1.50, "a": [null, "x"]}', '{"a":[null,"x"],"b":1.50}'),
    ("[]", "[]"),
]


@pytest.mark.fault(12)
def test_a_declared_value_lands_as_its_text(shop: Shop, warehouse: Settings) -> None:
    shop.serve_rows(*(f'{{"order_id": {json_value}, "status": "s"}}' for json_value, _ in VALUES))
    shop.land()
    rows = landed()
    assert [row["order_id"] for row in rows] == [text for _, text in VALUES]
    assert {(row["customer_id"], row["status"], row["_extra"], row["_escaped"]) for row in rows} == {
        (None, "s", None, None)
    }


def test_a_single_text_is_not_a_copy_command(shop: Shop, warehouse: Settings) -> None:
    for text in ("\\.", "\\N", "", '"', "NULL"):
        shop.serve_rows(json.dumps({"status": text}))
        assert [row["status"] for row in landed(load_id=shop.land().load_id)] == [text]


@pytest.mark.parametrize(
    ("item", "extra"),
    [
        ('{"order_id": "o", "b": 1.50, "a": "1.50", "c": null}', '{"a":"1.50","b":1.50,"c":null}'),
        ('{"order_id": "o", "n": {"z": [1e400, true], "y": "é"}}', '{"n":{"y":"é","z":[1e400,true]}}'),
        ('{"order_id": "o", "n": "\\u0000 ' + SURROGATE + '"}', '{"n":"\\u0000 \\ud800"}'),
        ("null", "null"),
        ('"text"', '"text"'),
        ("[1.0, 2]", "[1.0,2]"),
    ],
)
@pytest.mark.fault(11)
def test_undeclared_fields_are_kept_as_json(shop: Shop, warehouse: Settings, item: str, extra: str) -> None:
    shop.serve_rows(item)
    receipt = shop.land()
    (row,) = landed()
    assert row["_extra"] == extra
    assert row["order_id"] == ("o" if item.startswith("{") else None)
    assert receipt.undeclared_fields == (tuple(json.loads(extra)) if item.startswith("{") else ())


@pytest.mark.fault(13)
def test_text_that_postgres_cannot_hold_lands_escaped(shop: Shop, warehouse: Settings) -> None:
    bad = order(order_id=f"a{SURROGATE}").replace(f"\\{SURROGATE}", SURROGATE).replace('"s"', '"x\\u0000y"')
    shop.serve_rows(order(), bad)
    shop.land()
    good, escaped = landed()
    assert good["_escaped"] is None
    assert (escaped["order_id"], escaped["status"]) == ("a\\ud800", "x\\u0000y")
    assert escaped["_escaped"] == "order_id,status"


@pytest.mark.fault(13)
def test_a_text_of_20_megabytes(shop: Shop, warehouse: Settings) -> None:
    text = 'é"\n' * 5_000_000
    shop.serve_rows(json.dumps({"order_id": text}, ensure_ascii=False))
    shop.land()
    assert landed()[0]["order_id"] == text


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
rows = st.lists(st.fixed_dictionaries({"order_id": st.none() | texts, "status": st.none() | texts}), max_size=9)


@hypothesis_settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
@pytest.mark.fault(14)
def test_any_text_comes_back(shop: Shop, warehouse: Settings, rows: list[dict[str, str | None]]) -> None:
    shop.serve_rows(*map(json.dumps, rows))
    load_id = shop.land().load_id
    assert [{"order_id": row["order_id"], "status": row["status"]} for row in landed(load_id=load_id)] == rows


def test_an_empty_day(shop: Shop, warehouse: Settings) -> None:
    shop.serve_rows()
    receipt = shop.land()
    assert (receipt.rows, receipt.pages, landed()) == (0, 1, [])


def test_a_day_landed_twice_has_two_loads_with_one_fingerprint(shop: Shop, warehouse: Settings) -> None:
    shop.serve_rows(*(order(order_id=str(number)) for number in range(7)))
    first = shop.land()
    shop.configure(shop.config_file.read_text(), page_size=2)
    second = shop.land()
    assert first.load_id < second.load_id
    assert (first.fingerprint, first.pages, second.pages) == (second.fingerprint, 3, 4)
    assert len(landed()) == 14
    shop.serve_rows(*(order(order_id=str(number)) for number in range(6)))
    assert shop.land().fingerprint != first.fingerprint


def test_a_page_is_freed_before_the_next_request(shop: Shop, warehouse: Settings) -> None:
    marked, held = f"held-{time.time_ns()}", []

    def answer(request: Request) -> Response:
        rows = [one for one in gc.get_objects() if type(one) is dict and one.get("status") == marked]
        held.append(len(rows))
        number = request.args.get("p", "1")
        rows = [json.loads(order(status=marked, order_id=number))] * 5_000
        return Response(json.dumps({"orders": rows, "next": "?p=2" if number == "1" else None, "total": 10_000}))

    shop.answer = answer
    assert shop.land().rows == 10_000
    assert len(held) == 2
    assert held[1] <= SAMPLE_ROWS  # for the profile of the fields


def test_datasets_take_turns_in_one_process(shop: Shop, warehouse: Settings) -> None:
    for _ in range(2):
        shop.serve_rows(order())
        shop.land()
        shop.serve_rows('{"review_id": "r", "rating": 4.0}', dataset="reviews")
        shop.land("reviews")
    assert [row["rating"] for row in landed("reviews")] == ["4.0"] * 2
    assert len(landed()) == 2


def test_newly_declared_fields_become_columns(shop: Shop, warehouse: Settings) -> None:
    shop.serve_rows(order(channel="web", coupon=1.50))
    assert shop.land().undeclared_fields == ("channel", "coupon")
    declared = shop.config_file.read_text().replace('"status", "items"]', '"status", "items", "channel", "coupon"]')
    shop.configure(declared)
    assert shop.land().undeclared_fields == ()
    before, after = landed()
    assert (before["channel"], before["coupon"]) == (None, None)
    assert (after["channel"], after["coupon"], after["_extra"]) == ("web", "1.5", None)


def test_a_list_as_the_page_itself(shop: Shop, warehouse: Settings) -> None:
    text = shop.config_file.read_text()
    for line in ('paginator = { type = "json_link", next_url_path = "next" }', 'total_selector = "total"'):
        text = text.replace(line, "#", 1)
    shop.configure(text.replace('data_selector = "orders"', 'data_selector = "$"'))
    shop.serve(f"[{order()}, {order()}]")
    assert shop.land().rows == 2
    assert len(landed()) == 2
    shop.serve("{}")
    with pytest.raises(ShopError, match=r"has an object as '\$', not a list"):
        shop.land()


@pytest.mark.fault(9)
def test_a_total_that_was_wrong_once(shop: Shop, warehouse: Settings) -> None:
    shop.serve_in_turn(
        Response(f'{{"orders": [{order()}, {order()}], "next": null, "total": 1}}'),
        Response(f'{{"orders": [{order()}], "next": null, "total": 1}}'),
    )
    assert shop.land().rows == 1
    assert len(landed()) == 1


@pytest.mark.fault(2)
def test_a_shop_that_fails_in_the_middle_leaves_nothing(shop: Shop, warehouse: Settings) -> None:
    page = f'{{"orders": [{order()}], "next": "?p=2"}}'
    shop.serve_in_turn(Response(page), Response(status=500))
    with pytest.raises(ShopError):
        shop.land()
    assert landed() == []
    shop.serve_rows(order(order_id="next"))
    assert [row["order_id"] for row in landed(load_id=shop.land().load_id)] == ["next"]


KILLED = """
import os, sys
from datetime import date
from ingestion.landing import land_days as landing
point = sys.argv[1]
if point == "reading":
    landing.write_pages = lambda *_: os.kill(os.getpid(), 9)
else:
    load = landing.load
    landing.load = lambda *arguments: (load(*arguments), os.kill(os.getpid(), 9))
landing.land("orders", date(2024, 2, 28))
"""


@pytest.mark.parametrize("point", ["reading", "landed"])
@pytest.mark.fault(32, 35)
def test_a_killed_load_is_never_taken_for_the_next(shop: Shop, warehouse: Settings, point: str) -> None:
    shop.serve_rows(order(order_id="old"))
    killed = subprocess.run([sys.executable, "-c", KILLED, point], cwd=PROJECT_ROOT, check=False, capture_output=True)
    assert killed.returncode == -9, killed.stderr
    (leftover,) = (settings().daybreak_home / "loads").iterdir()
    os.utime(leftover, (0, 0))

    shop.serve_rows(order(order_id="new"))
    receipt = shop.land()
    assert [row["order_id"] for row in landed(load_id=receipt.load_id)] == ["new"]
    assert not leftover.exists()


def test_first_loads_at_once(shop: Shop, warehouse: Settings) -> None:
    shop.serve_rows(order())
    script = "from datetime import date; from ingestion.landing.land_days import land; land('orders', date(2024, 2, 1))"
    loads = [subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT_ROOT) for _ in range(2)]
    assert [load.wait(60) for load in loads] == [0, 0]
    assert len(landed()) == 2


def lose_second_rows() -> None:
    """Let Postgres drop the second row of each load of orders."""
    with connect() as connection:
        connection.execute(
            "create function skip() returns trigger language plpgsql as "
            "$$begin return case when new._row_number = 2 then null else new end; end$$"
        )
        connection.execute("create trigger skip before insert on raw.orders for each row execute function skip()")


def test_lost_rows_are_detected_and_the_load_is_deleted(shop: Shop, warehouse: Settings) -> None:
    lose_second_rows()
    shop.serve_rows(order(), order(), order())
    with pytest.raises(WarehouseError, match=r"2 of the shop's 3 rows landed in raw\.orders"):
        shop.land()
    assert landed() == []


def test_an_error_of_postgres_is_reported_without_rows(shop: Shop, warehouse: Settings) -> None:
    with connect() as connection:
        connection.execute("alter table raw.orders add constraint short check (length(order_id) < 5)")
    shop.serve_rows(order(order_id="canary-order"))
    with pytest.raises(WarehouseError, match="violates check constraint") as error:
        shop.land()
    assert "canary" not in str(error.value)
    assert error.value.__cause__ is None


def test_postgres_that_goes_away(shop: Shop, warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.serve_rows(order())
    monkeypatch.setenv("PGPASSWORD", "wrong")
    settings.cache_clear()
    with pytest.raises(WarehouseError, match="cannot be reached"):
        shop.land()


@pytest.mark.fault(21)
def test_a_connection_that_dies_while_it_loads(shop: Shop, warehouse: Settings) -> None:
    """Terminate the backend three times; the load then fails without rows, or succeeds with all of them."""
    shop.serve_rows(*(order(order_id=str(n)) for n in range(20)))
    over = threading.Event()

    def terminate() -> None:
        with administrator(warehouse) as connection:
            deaths = 0
            while not over.is_set() and deaths < 3:
                killed = connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where pid <> pg_backend_pid() and datname = current_database()"
                ).rowcount
                deaths += killed
                time.sleep(0.01)

    thread = threading.Thread(target=terminate)
    thread.start()
    receipt = None
    try:
        with suppress(WarehouseError):
            receipt = shop.land()
    finally:
        over.set()
        thread.join()
    assert len(landed()) == (receipt.rows if receipt else 0)
    assert receipt is None or receipt.rows == 20


@pytest.mark.fault(37)
def test_a_state_directory_that_cannot_be_written(
    shop: Shop, warehouse: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path / "file"))
    settings.cache_clear()
    with pytest.raises(ConfigurationError, match=r"file/loads/.* cannot be created: .*DAYBREAK_HOME"):
        shop.land()


def test_dlt_keeps_no_record_of_its_lookups(shop: Shop, warehouse: Settings) -> None:
    def lookups() -> int:
        return sum(type(one) is ResolvedValueTrace for one in gc.get_objects())

    shop.serve_rows(order())
    shop.land()
    before = lookups()
    shop.land()
    assert lookups() == before


@pytest.mark.fault(52)
def test_dlt_takes_no_settings_from_elsewhere(shop: Shop, warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.serve_rows(order())
    shop.land()
    for variable, value in {"REFRESH": "drop_sources", "DATASET_NAME": "elsewhere", "WORKERS": "x"}.items():
        monkeypatch.setenv(variable, value)
    shop.land()
    assert len(landed()) == 2
