"""Steps of two concurrent runs of a day."""

from datetime import date

from orchestration.load_choice import load_to_judge
from pipeline_settings import Settings
from warehouse import day_ledger
from warehouse.connection import connect
from warehouse.load_receipt import LoadReceipt

DAY = date(2026, 3, 1)


def test_an_old_load_is_not_judged_again_after_a_newer_one(warehouse: Settings) -> None:
    first, second = (LoadReceipt("orders", DAY, load_id, 0, 1, 0.1, "", ()) for load_id in ("first", "second"))
    other_day = LoadReceipt("orders", date(2026, 3, 2), "other", 0, 1, 0.1, "", ())
    for receipt in (first, second, other_day):
        with connect() as connection:
            day_ledger.record_load(connection, receipt)
    assert [load_to_judge(receipt) for receipt in (first, second)] == ["second", "second"]
