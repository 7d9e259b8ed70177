"""The day ledger: identical loads that landed again, and pending days."""

from datetime import date

import pytest

from pipeline_settings import Settings
from tests.dbt_project.loads import FIRST, SECOND, Loads, orders
from warehouse import day_ledger
from warehouse.connection import connect
from warehouse.load_receipt import LoadReceipt


@pytest.fixture
def loads(warehouse: Settings) -> Loads:
    """The loads of a fresh warehouse."""
    return Loads()


def receipt(load_id: str, day: date = FIRST, fingerprint: str = "same") -> LoadReceipt:
    return LoadReceipt("orders", day, load_id, 6, 1, 0.1, fingerprint, ())


def publish(load_id: str) -> None:
    with connect() as connection:
        connection.execute("update ops.day_ledger set published_load_id = %s where day = %s", [load_id, FIRST])


def test_a_twin_has_the_same_rows_and_settings(loads: Loads) -> None:
    admitted = loads.admit("orders", FIRST, orders(FIRST))
    with connect() as connection:
        connection.execute("update ops.loads set fingerprint = 'same'")

        def twin(landed: LoadReceipt) -> str | None:
            return day_ledger.admitted_twin(connection, landed)

        assert twin(receipt("again")) == admitted
        assert twin(receipt("again", fingerprint="other rows")) is None
        assert twin(receipt("again", day=SECOND)) is None
        connection.execute("update ops.dataset_settings set max_bad_rate = 0.5 where dataset = 'orders'")
        assert twin(receipt("again")) is None
        connection.execute(
            "update ops.dataset_settings set max_bad_rate = 0.05, time_zone = 'Asia/Tokyo' where dataset = 'orders'"
        )
        assert twin(receipt("again")) is None


def test_a_refused_load_is_not_a_twin(loads: Loads) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    with connect() as connection:
        connection.execute("update ops.loads set fingerprint = 'admitted'")
        day_ledger.record_load(connection, receipt("refused", fingerprint="refused"))
        assert day_ledger.admitted_twin(connection, receipt("again", fingerprint="refused")) is None


def test_a_day_is_pending_until_readers_see_its_admitted_load(loads: Loads) -> None:
    with connect() as connection:
        assert not day_ledger.day_state(connection, "orders", FIRST).is_pending
    first = loads.admit("orders", FIRST, orders(FIRST))
    loads.admit("orders", SECOND, orders(SECOND))
    publish(first)
    with connect() as connection:
        assert day_ledger.pending_days(connection, "orders") == [SECOND]
        assert day_ledger.pending_days(connection, "reviews") == []
    corrected = loads.admit("orders", FIRST, orders(FIRST))
    with connect() as connection:
        assert day_ledger.day_state(connection, "orders", FIRST) == day_ledger.LedgerDay(
            "orders", FIRST, corrected, first
        )
        assert day_ledger.pending_days(connection, "orders") == [FIRST, SECOND]
