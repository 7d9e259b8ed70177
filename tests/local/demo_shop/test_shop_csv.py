"""The CSV shop: unchanged texts of the file, day by day, and one-line errors for wrong files."""

import csv
import gzip
import json
import logging
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from local.demo_shop.csv_shop import CsvShop
from local.demo_shop.shop_server import ShopServer
from pipeline_errors import ConfigurationError
from pipeline_settings import PROJECT_ROOT

OLIST = PROJECT_ROOT.parent / "shared" / "data" / "olist"
HEADER = "order_id,customer_id,total_amount,order_date,status,note\n"
ORDERS = (
    HEADER
    + "o1,c1,19.999,2026-03-01,paid,\n"
    + "o2,c2,,2026-03-02T10:00:00Z,paid,second day\n"
    + '\no3,c3,5,2026-03-01 23:59:59,paid,"a ""quoted"", two-line\nnote — 😍"\n'
    + "o4,c4,5,,paid,no date\n"
    + "o5,c5,5,2026-02-30,paid,no such day\n"
    + "o6,c6,5,2026-W10-1,paid,a week\n"
    + "o1,c1,19.999,2026-03-01,paid,\n"
)


def rows(shop: CsvShop, day: str, dataset: str = "orders") -> list[dict[str, Any]]:
    return [json.loads(row) for row in shop.rows(dataset, date.fromisoformat(day))]


def test_values_are_text_empty_is_null_and_the_order_is_the_files(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS, encoding="utf-8")
    shop = CsvShop(tmp_path)
    first = {"order_id": "o1", "customer_id": "c1", "total_amount": "19.999", "order_date": "2026-03-01"}
    served = rows(shop, "2026-03-01")
    assert [row["order_id"] for row in served] == ["o1", "o3", "o1"]
    assert served[0] == first | {"status": "paid", "note": None}
    assert served[1]["note"] == 'a "quoted", two-line\nnote — 😍'
    assert [row["total_amount"] for row in rows(shop, "2026-03-02")] == [None]
    assert shop.days() == [date(2026, 3, 1), date(2026, 3, 2)]
    assert rows(shop, "2026-03-01", "reviews") == []
    assert shop.days("reviews") == []


def test_the_items_of_an_order_are_a_list_in_it(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS, encoding="utf-8")
    (tmp_path / "order_items.csv").write_text(
        "order_id,product_id,quantity\no1,p1,2\no9,p9,1\no1,,1\n", encoding="utf-8"
    )
    shop = CsvShop(tmp_path)
    first, *others = rows(shop, "2026-03-01")
    assert first["items"] == [
        {"order_id": "o1", "product_id": "p1", "quantity": "2"},
        {"order_id": "o1", "product_id": None, "quantity": "1"},
    ]
    assert [row.get("items") for row in others] == [None, first["items"]]
    (tmp_path / "orders.csv").write_text("order_id,order_date,items\no1,2026-03-01,[]\n", encoding="utf-8")
    assert [row["items"] for row in rows(CsvShop(tmp_path), "2026-03-01")] == ["[]"]
    (tmp_path / "order_items.csv").write_text("order,product_id\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="has no column order_id"):
        CsvShop(tmp_path)


def test_rows_without_a_day_are_counted_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS, encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        CsvShop(tmp_path).days()
    assert "3 rows are never served" in caplog.text


def test_gzip_another_day_column_and_a_byte_order_mark(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "orders.csv.gz", "wt", encoding="utf-8-sig") as file:
        file.write("order_id,order_date,approved_at\no1,2026-03-01,2026-03-02 08:00:00\n")
    shop = CsvShop(tmp_path, day_column="approved_at")
    assert rows(shop, "2026-03-01") == []
    assert [row["order_id"] for row in rows(shop, "2026-03-02")] == ["o1"]


def test_large_fields_nul_and_broken_bytes_survive(tmp_path: Path) -> None:
    long = "x" * 1_000_001
    content = f"order_id,order_date,note\no1,2026-03-01,{long}\no2,2026-03-01,a\0b\n".encode() + b"o3,2026-03-01,\xff\n"
    (tmp_path / "orders.csv").write_bytes(content)
    assert [row["note"] for row in rows(CsvShop(tmp_path), "2026-03-01")] == [long, "a\0b", "\udcff"]


def test_wrong_files_are_configuration_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no directory"):
        CsvShop(tmp_path / "absent")
    with pytest.raises(ConfigurationError, match=r"neither orders\.csv nor orders\.csv\.gz"):
        CsvShop(tmp_path)
    orders = tmp_path / "orders.csv"
    for content, message in (("", "nothing"), ("a,b\n1,2\n", "a, b"), ("order_date,a,a\n", "twice")):
        orders.write_text(content)
        with pytest.raises(ConfigurationError, match=message):
            CsvShop(tmp_path)
    orders.write_text("order_id,order_date\no1,2026-03-01\n")
    (tmp_path / "reviews.csv").write_text("review_id\nr1\n")
    with pytest.raises(ConfigurationError, match="review_date"):
        CsvShop(tmp_path)


def test_a_ragged_row_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("order_id,order_date\no1,2026-03-01\no2,2026-03-01,one too many\n")
    with pytest.raises(ConfigurationError, match="line 3 has 3 values"):
        CsvShop(tmp_path).days()


def test_a_damaged_archive_is_a_configuration_error(tmp_path: Path) -> None:
    whole = gzip.compress(HEADER.encode() + b"o1,c1,5,2026-03-01,paid,\n" * 50_000)
    (tmp_path / "orders.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigurationError, match="cannot be read"):
        CsvShop(tmp_path).days()


@pytest.mark.skipif(not OLIST.is_dir(), reason=f"the Olist sample is not at {OLIST}")
@pytest.mark.parametrize(("dataset", "key", "column"), [("orders", "order_id", 2), ("reviews", "review_id", 5)])
def test_olist_is_served_whole(dataset: str, key: str, column: int) -> None:
    with gzip.open(OLIST / f"{dataset}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        expected = Counter((row[0], row[column][:10]) for row in reader)
    shop = CsvShop(OLIST)
    served: Counter[tuple[str, str]] = Counter()
    with ShopServer(shop) as server, requests.Session() as session:
        for day in shop.days(dataset):
            url = f"{server.url}/api/v1/{dataset}?date={day}"
            page = session.get(url, timeout=10).json()
            assert (page["total"], page["next"]) == (len(page[dataset]), None)
            served.update((row[key], day.isoformat()) for row in page[dataset])
    assert served == expected
