"""Shops whose API cannot filter by day: rows of other days are skipped and counted, and no other row is lost."""

import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from werkzeug import Request, Response

from cli.main import app
from ingestion.landing.land_days import land_days
from orchestration import steps
from pipeline_errors import ShopError
from pipeline_settings import Settings
from tests.ingestion.test_landing import landed, order
from warehouse.connection import connect

Shop = Any

ORDERS = 40  # one every six hours


@pytest.fixture
def undated(shop: Shop) -> Shop:
    """A shop with one list of all orders, four a day, paged by offset, without a filter by day."""
    text = shop.config_file.read_text()
    text = text.replace('{ type = "json_link", next_url_path = "next" }', '{ type = "offset" }', 1)
    shop.configure(text.replace('params = { date = "{day}" }', 'skip_other_days = "order_date"', 1))
    midnight = shop.day - timedelta(days=ORDERS // 8)
    rows = [
        {"order_id": f"o{number}", "customer_id": "c", "total_amount": number, "status": "paid"}
        | {"order_date": f"{midnight + timedelta(days=number // 4)}T{number % 4 * 6:02}:00:00"}
        for number in range(ORDERS)
    ]

    def page(request: Request) -> Response:
        begin, limit = int(request.args["offset"]), int(request.args["limit"])
        return Response(json.dumps({"orders": rows[begin : begin + limit], "total": len(rows)}))

    shop.answer = page
    return shop


def test_rows_of_other_days_do_not_land_and_are_counted(
    undated: Shop, warehouse: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    receipt = undated.land()
    assert [row["order_id"] for row in landed()] == ["o20", "o21", "o22", "o23"]
    assert [row["_row_number"] for row in landed()] == [1, 2, 3, 4]
    assert (receipt.rows, receipt.skipped, receipt.pages) == (4, ORDERS - 4, 14)
    assert f", {ORDERS - 4} of other days skipped" in caplog.text
    assert "date" not in undated.requests[0].args


def test_the_sample_excludes_rows_of_other_days(undated: Shop, warehouse: Settings) -> None:
    (receipt,) = land_days("orders", [undated.day], profile_of=lambda rows, day: {"day": day, "rows": len(rows)})
    assert receipt.profile == {"day": undated.day, "rows": 4}


def test_each_day_of_a_backfill_has_its_own_rows(undated: Shop, warehouse: Settings) -> None:
    receipts = land_days("orders", [undated.day + timedelta(days=distance) for distance in range(-1, 2)])
    assert [(receipt.rows, receipt.skipped) for receipt in receipts] == [(4, ORDERS - 4)] * 3
    assert {(row["_day"], row["order_date"][:10]) for row in landed()} == {
        (receipt.day, str(receipt.day)) for receipt in receipts
    }


def test_the_total_includes_skipped_rows(undated: Shop, warehouse: Settings) -> None:
    rows = json.dumps([json.loads(order(order_date=str(undated.day))), json.loads(order(order_date="2020-01-01"))])
    undated.serve_in_turn(
        Response(f'{{"orders": {rows}, "total": 2}}'),
        Response('{"orders": [], "total": 2}'),
        Response(f'{{"orders": {rows}, "total": 3}}'),
        Response('{"orders": [], "total": 3}'),
    )
    assert undated.land().rows == 1
    with pytest.raises(ShopError, match=r"reports a total of 3 rows, but returned 0"):
        undated.land()


def test_a_row_with_an_unreadable_day_is_kept_for_the_gate(undated: Shop, warehouse: Settings) -> None:
    items = [
        order(order_id="of the day", order_date=f" {undated.day} "),
        order(order_id="of another", order_date="2020-01-01"),
        order(order_id="unreadable", order_date="yesterday"),
        order(order_id="without", order_date=None),
        order(order_id="blank", order_date=" "),
        order(order_id="odd", order_date={"at": str(undated.day)}),
        "[1]",
    ]
    undated.serve_in_turn(Response(f'{{"orders": [{",".join(items)}], "total": 7}}'), Response('{"orders": []}'))
    receipt = undated.land()
    assert (receipt.rows, receipt.skipped) == (6, 1)
    assert [row["order_id"] for row in landed()] == ["of the day", "unreadable", "without", "blank", "odd", None]


def test_the_day_of_an_update_can_come_from_another_field(undated: Shop, warehouse: Settings) -> None:
    text = undated.config_file.read_text().replace(
        'skip_other_days = "order_date"', 'skip_other_days = "changed_at"', 1
    )
    text = text.replace('"status", "items"]', '"status", "items", "changed_at"]', 1)
    text = text.replace('"order_date", "status"]', '"order_date", "status", "changed_at"]', 1)
    undated.configure(text.replace("max_bad_rate", 'day_is = "updated"\ntime_zone = "Asia/Tokyo"\nmax_bad_rate', 1))
    ends = [f"{undated.day - timedelta(days=1)}T15:00:00Z", f"{undated.day}T15:00:00Z"]  # midnights of Tokyo
    rows = ",".join(order(order_id=at, order_date="2020-01-01", changed_at=at) for at in ends)
    undated.serve_in_turn(Response(f'{{"orders": [{rows}], "total": 2}}'), Response('{"orders": []}'))
    assert undated.land().skipped == 1
    assert [row["order_id"] for row in landed()] == ends[:1]


def test_the_ledger_and_the_days_status_report_skipped_rows(undated: Shop, warehouse: Settings) -> None:
    receipt = steps.extract_load("orders", undated.day, "run-1")
    with connect() as connection:
        (load,) = connection.execute("select load_id, row_count, skipped_count from ops.loads").fetchall()
    assert load == {"load_id": receipt.load_id, "row_count": 4, "skipped_count": ORDERS - 4}
    output = CliRunner().invoke(app, ["status", str(undated.day)]).output
    assert f"{ORDERS - 4} rows of other days were skipped" in " ".join(output.split())


def test_the_doctor_reads_up_to_the_first_row_of_the_day(
    undated: Shop, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    doctor = ["doctor", "--day", str(undated.day)]
    output = CliRunner().invoke(app, doctor).output
    assert "21 rows on the first 7 pages; 20 of other days are skipped. The first, as received:" in output
    assert "0 of 1 rows would be rejected" in output
    undated.configure(undated.config_file.read_text(), page_size=25)
    output = CliRunner().invoke(app, doctor).output
    assert "25 rows on the first page; 21 of other days are skipped. The first, as received:" in output
    output = CliRunner().invoke(app, ["doctor", "--day", "2020-01-01"]).output
    assert "40 rows on the first 2 pages; 40 of other days are skipped. The first" in output
    assert "No row belongs to the day." in output


def test_without_the_setting_rows_of_other_days_land(undated: Shop, warehouse: Settings, tmp_path: Path) -> None:
    text = undated.config_file.read_text().replace('skip_other_days = "order_date"', 'params = { date = "{day}" }', 1)
    undated.configure(text)
    receipt = undated.land()
    assert (receipt.rows, receipt.skipped) == (ORDERS, 0)
