"""The ledger: which loads stay in raw, and when a load that landed again is the one that counts already."""

from datetime import date

import pytest
from psycopg import sql

from ingestion.landing import LoadReceipt
from monitoring import ledger
from pipeline_settings import Settings
from tests.dbt_project.loads import FIRST, SECOND, Loads, orders, reviews
from warehouse.connection import connect

pytestmark = pytest.mark.integration


@pytest.fixture
def loads(warehouse: Settings) -> Loads:
    """Admit loads to the fresh warehouse."""
    return Loads()


def receipt(load_id: str, day: date = FIRST, fingerprint: str = "same") -> LoadReceipt:
    return LoadReceipt("orders", day, load_id, 6, 1, 0.1, fingerprint, ())


def loads_in_raw(dataset: str = "orders") -> list[str]:
    with connect() as connection:
        query = sql.SQL("select distinct _load_id from {} order by 1").format(sql.Identifier("raw", dataset))
        return [row["_load_id"] for row in connection.execute(query)]


def admit(load_id: str) -> None:
    with connect() as connection:
        connection.execute("update ops.day_ledger set admitted_load_id = %s where day = %s", [load_id, FIRST])


def publish(load_id: str) -> None:
    with connect() as connection:
        connection.execute("update ops.day_ledger set published_load_id = %s where day = %s", [load_id, FIRST])


def prune(dataset: str = "orders") -> int:
    with connect() as connection:
        return ledger.prune_loads(connection, dataset, FIRST)


def test_the_newest_two_loads_and_those_that_count_stay(loads: Loads) -> None:
    published, admitted, _refused, newer, newest = [loads.admit("orders", FIRST, orders(FIRST)) for _ in range(5)]
    other_day = loads.admit("orders", SECOND, orders(SECOND))
    publish(published)
    admit(admitted)
    assert prune() == 1
    assert loads_in_raw() == [published, admitted, newer, newest, other_day]
    assert prune() == 0


def test_the_published_load_goes_when_readers_no_longer_need_it(loads: Loads) -> None:
    first, *_, last = [loads.admit("orders", FIRST, orders(FIRST)) for _ in range(3)]
    publish(first)
    assert prune() == 0
    publish(last)
    assert prune() == 1
    assert first not in loads_in_raw()
    with connect() as connection:
        assert ledger.newest_load(connection, "orders", FIRST) == last
        kept = connection.execute("select count(*) as n from ops.loads where pruned_at is null").fetchone()
        assert kept == {"n": 2}


def test_scores_go_with_their_load(loads: Loads) -> None:
    first, *_ = [loads.admit("reviews", FIRST, reviews(FIRST)) for _ in range(3)]
    with connect() as connection:
        connection.execute(
            "insert into staging.review_sentiment values (%s, %s, 1, 'neutral', 'vader')", [first, FIRST]
        )
    assert prune("reviews") == 1
    with connect() as connection:
        assert connection.execute("select * from staging.review_sentiment").fetchall() == []


def test_only_the_same_rows_under_the_same_settings_are_a_twin(loads: Loads) -> None:
    admitted = loads.admit("orders", FIRST, orders(FIRST))
    with connect() as connection:
        connection.execute("update ops.loads set fingerprint = 'same'")

        def twin(landed: LoadReceipt) -> str | None:
            return ledger.admitted_twin(connection, landed)

        assert twin(receipt("again")) == admitted
        assert twin(receipt("again", fingerprint="other rows")) is None
        assert twin(receipt("again", day=SECOND)) is None
        connection.execute("update ops.dataset_settings set max_bad_rate = 0.5 where dataset = 'orders'")
        assert twin(receipt("again")) is None
        connection.execute(
            "update ops.dataset_settings set max_bad_rate = 0.05, time_zone = 'Asia/Tokyo' where dataset = 'orders'"
        )
        assert twin(receipt("again")) is None


def test_a_refused_load_is_no_twin(loads: Loads) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    with connect() as connection:
        connection.execute("update ops.loads set fingerprint = 'admitted'")
        ledger.record_load(connection, receipt("refused", fingerprint="refused"))
        assert ledger.admitted_twin(connection, receipt("again", fingerprint="refused")) is None


def test_a_day_is_pending_until_readers_see_its_admitted_load(loads: Loads) -> None:
    with connect() as connection:
        assert not ledger.day_state(connection, "orders", FIRST).is_pending
    first = loads.admit("orders", FIRST, orders(FIRST))
    loads.admit("orders", SECOND, orders(SECOND))
    publish(first)
    with connect() as connection:
        assert ledger.pending_days(connection, "orders") == [SECOND]
        assert ledger.pending_days(connection, "reviews") == []
    corrected = loads.admit("orders", FIRST, orders(FIRST))
    with connect() as connection:
        assert ledger.day_state(connection, "orders", FIRST) == ledger.LedgerDay("orders", FIRST, corrected, first)
        assert ledger.pending_days(connection, "orders") == [FIRST, SECOND]
