"""The gate: the exact threshold, admission, and the stored results of Great Expectations."""

import json
import re
import time
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as property_test
from hypothesis import strategies as st

from expectations.data_docs import build_data_docs
from expectations.dataset_settings import DatasetSettings, save_settings
from expectations.gate import GateDecision, decide, judge, save_decision
from expectations.gx_session import gx_home
from expectations.judged_rows import RowCounts
from expectations.suites import least_valid_share
from ingestion.declaration.shop_config import ShopConfig
from pipeline_errors import ConfigurationError, DaybreakError, WarehouseError
from pipeline_settings import Settings, settings
from tests.expectations.staging import OURS, Row, land_rows, order, review
from warehouse.connection import connect

DAY = date(2024, 3, 31)


def orders(bad: int, good: int) -> list[Row]:
    return [order(n, total_amount="x") for n in range(bad)] + [order(n) for n in range(bad, bad + good)]


def reviews(bad: int, good: int) -> list[Row]:
    return [review(n, rating="x") for n in range(bad)] + [review(n) for n in range(bad, bad + good)]


def with_max_bad_rate(rate: float) -> ShopConfig:
    dataset = OURS.datasets["orders"].model_copy(update={"max_bad_rate": rate})
    return OURS.model_copy(update={"datasets": {**OURS.datasets, "orders": dataset}})


def judge_rows(dataset: str, rows: list[Row], load_id: str = "L1") -> GateDecision:
    land_rows(dataset, DAY, load_id, rows)
    return judge(dataset, DAY, load_id)


def ledger() -> list[dict[str, Any]]:
    with connect() as connection:
        return connection.execute("select dataset, day, admitted_load_id from ops.day_ledger order by 1, 2").fetchall()


def save(decision: GateDecision) -> None:
    with connect() as connection:
        save_decision(connection, decision)


@pytest.mark.parametrize(
    ("dataset", "bad", "good", "verdict"),
    [
        ("orders", 499, 9501, "passed"),  # 4.99%
        ("orders", 500, 9500, "passed"),  # exactly 5% passes
        ("orders", 501, 9499, "refused"),  # 5.01%
        ("reviews", 999, 9001, "passed"),  # 9.99%
        ("reviews", 1, 9, "passed"),
        ("reviews", 1001, 8999, "refused"),  # 10.01%
        ("orders", 1, 0, "refused"),
        ("orders", 0, 1, "passed"),
    ],
)
@pytest.mark.fault(20)
def test_more_than_the_threshold_refuses(warehouse: Settings, dataset: str, bad: int, good: int, verdict: str) -> None:
    rows = orders(bad, good) if dataset == "orders" else reviews(bad, good)
    decision = judge_rows(dataset, rows)
    assert decision.decision == verdict
    assert (decision.accepted, decision.rejected, decision.identical_copies) == (good, bad, 0)
    assert decision.bad_rate == Decimal(bad) / (bad + good)


@pytest.mark.fault(9)
def test_identical_copies_dilute_nothing(warehouse: Settings) -> None:
    decision = judge_rows("orders", [*orders(1, 18), *orders(0, 0), *[order(1)] * 50])
    assert (decision.row_count, decision.identical_copies, decision.accepted, decision.rejected) == (69, 50, 18, 1)
    assert decision.decision == "refused"
    assert decision.bad_rate == Decimal(1) / 19


@property_test(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.sampled_from([0.0, 0.01, 0.05, 0.07, 0.1, 0.29, 0.333, 0.5, 0.7, 1.0]),
    judged=st.integers(1, 300),
    offset=st.integers(-1, 1),
)
def test_great_expectations_decides_as_exact_arithmetic_does(
    warehouse: Settings, rate: float, judged: int, offset: int
) -> None:
    save_settings(with_max_bad_rate(rate))
    bad = min(judged, max(0, int(Decimal(str(rate)) * judged) + offset))
    load_id = f"{rate}-{judged}-{offset}"
    forget_load(load_id)
    decision = judge_rows("orders", orders(bad, judged - bad), load_id)  # raises if they differ
    assert (decision.decision == "refused") == (bad > Decimal(str(rate)) * judged)


@given(st.integers(1, 10**9), st.integers(0, 100_000), st.integers(-1, 1))
def test_the_float_threshold_of_great_expectations_is_exact_enough(judged: int, rate: int, offset: int) -> None:
    max_bad_rate = Decimal(rate) / 100_000
    bad = min(judged, max(0, int(max_bad_rate * judged) + offset))
    assert ((judged - bad) / judged >= least_valid_share(max_bad_rate)) == (bad <= max_bad_rate * judged)


@pytest.mark.fault(20)
def test_the_order_of_rows_changes_nothing(warehouse: Settings) -> None:
    rows = [*orders(3, 60), order(100, customer_id=None, order_date="today")]
    first = judge_rows("orders", rows)
    for number in range(3):
        Random(number).shuffle(rows)
        again = judge_rows("orders", rows, f"shuffled{number}")
        assert {**asdict(again), "load_id": "L1"} == asdict(first)
    assert first.rejected_by_reason == {"missing_customer_id": 1, "amount_not_a_number": 3, "order_date_unreadable": 1}


@pytest.mark.fault(11, 20)
def test_one_field_missing_everywhere_refuses(warehouse: Settings) -> None:
    decision = judge_rows("orders", [order(n, status=None) for n in range(20)])
    assert (decision.decision, decision.rejected_by_reason) == ("refused", {"missing_status": 20})


@pytest.mark.fault(18)
def test_an_empty_load_passes_with_a_warning(warehouse: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", logger="expectations.gate")  # another test's command line may have muted it
    decision = judge_rows("orders", [])
    save(decision)
    assert (decision.decision, decision.bad_rate, decision.row_count) == ("empty", Decimal(0), 0)
    assert [record.levelname for record in caplog.records if record.name == "expectations.gate"] == ["WARNING"]
    assert ledger() == [{"dataset": "orders", "day": DAY, "admitted_load_id": "L1"}]


def test_judging_leaves_no_session_behind(warehouse: Settings) -> None:
    judge_rows("orders", orders(0, 1))
    others = """
        select query from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
    """
    deadline = time.monotonic() + 10
    with connect(autocommit=True) as connection:
        while found := connection.execute(others.encode()).fetchall():
            assert time.monotonic() < deadline, found
            time.sleep(0.05)


def test_a_refused_load_leaves_the_admitted_one(warehouse: Settings) -> None:
    save(judge_rows("orders", orders(0, 20)))
    save(judge_rows("orders", orders(20, 0), "L2"))
    assert ledger() == [{"dataset": "orders", "day": DAY, "admitted_load_id": "L1"}]
    save(judge_rows("orders", orders(1, 19), "L3"))
    assert ledger() == [{"dataset": "orders", "day": DAY, "admitted_load_id": "L3"}]
    with connect() as connection:
        stored = connection.execute("select * from ops.gate_results order by load_id").fetchall()
    assert [row["decision"] for row in stored] == ["passed", "refused", "passed"]
    assert stored[1]["rejected_by_reason"] == {"amount_not_a_number": 20}
    assert stored[1]["settings"]["required_fields"] == list(OURS.datasets["orders"].required)
    assert (stored[2]["bad_rate"], stored[2]["max_bad_rate"]) == (Decimal("0.05"), Decimal("0.05"))


def test_a_load_is_judged_again_with_other_settings(warehouse: Settings) -> None:
    assert judge_rows("orders", orders(2, 18)).decision == "refused"
    save_settings(with_max_bad_rate(0.1))
    decision = judge("orders", DAY, "L1")
    assert (decision.decision, decision.settings["max_bad_rate"]) == ("passed", "0.1")
    save(decision)
    save(decision)
    assert len(ledger()) == 1


@pytest.mark.fault(46)
def test_a_load_id_is_not_run_as_sql(warehouse: Settings) -> None:
    assert judge_rows("orders", orders(1, 1), "L'; drop schema raw cascade; --:day%(x)s").row_count == 2


def test_missing_landed_rows_are_an_error(warehouse: Settings) -> None:
    land_rows("orders", DAY, "L1", orders(0, 3))
    with connect() as connection:
        connection.execute("delete from raw.orders where _row_number = 1")
    with pytest.raises(DaybreakError, match="3 rows landed, and the gate found 2"):
        judge("orders", DAY, "L1")


def test_an_unknown_reason_is_an_error(warehouse: Settings) -> None:
    with connect() as connection:
        view = connection.execute("select pg_get_viewdef('staging.stg_shop__orders'::regclass) as sql").fetchall()
        changed = view[0]["sql"].replace("'amount_negative'", "'amount_unheard_of'")
        connection.execute(f"create or replace view staging.stg_shop__orders as {changed}".encode())
    land_rows("orders", DAY, "L1", [order(1, total_amount="-1")])
    with pytest.raises(DaybreakError, match="Staging gave 1 reasons"):
        judge("orders", DAY, "L1")


def test_the_gate_says_what_is_missing(warehouse: Settings) -> None:
    with connect() as connection:
        connection.execute("delete from ops.dataset_settings")
        connection.execute("drop view staging.stg_shop__orders cascade")
    with pytest.raises(ConfigurationError, match="no settings"):
        judge("orders", DAY, "L1")
    save_settings(OURS)
    with pytest.raises(WarehouseError, match="stg_shop__orders"):
        judge("orders", DAY, "L1")


def test_great_expectations_keeps_one_page_per_load_and_no_values(warehouse: Settings) -> None:
    secret = "Erika.Mustermann@example.org"
    judge_rows("orders", [order(n, customer_id=secret, total_amount=secret) for n in range(3)])
    judge("orders", DAY, "L1")
    judge_rows("orders", orders(0, 3), "L2")
    index = build_data_docs()
    assert index == settings().daybreak_home / "gx" / "docs" / "index.html"
    pages = sorted(page.parent.parent.name for page in (gx_home() / "docs" / "validations").rglob("*.html"))
    ours = [page for page in pages if page.startswith("orders_2024-03-31_L")]
    assert {"orders_2024-03-31_L1", "orders_2024-03-31_L2"} <= set(ours)
    for file in gx_home().rglob("*"):
        if file.suffix in {".html", ".json"}:
            text = file.read_text()
            assert secret not in text
            assert "example.org" not in text
            assert "http" not in text.lower()  # pages need no network
    linked = re.findall(r'<a href="([^"]+)"', index.read_text())
    assert len(linked) == len(pages)
    assert all((index.parent / unquote(page)).exists() for page in linked)
    built = index.stat().st_mtime_ns
    assert build_data_docs().stat().st_mtime_ns == built  # nothing has changed


def test_a_page_is_red_exactly_when_the_day_is_refused(warehouse: Settings) -> None:
    for load_id, rows in {"green": orders(1, 19), "red": orders(2, 18)}.items():
        decision = judge_rows("orders", rows, load_id)
        (file,) = (gx_home() / "results" / "orders" / f"orders_{DAY}_{load_id}").rglob("*.json")
        result = json.loads(file.read_text())
        assert result["success"] == (decision.decision != "refused") == (load_id == "green")


@given(st.integers(0, 50), st.integers(0, 50), st.decimals(0, 1, places=3))
def test_decisions_follow_from_counts(accepted: int, rejected: int, max_bad_rate: Decimal) -> None:
    judged_by = DatasetSettings(
        "orders", "UTC", ["order_id"], None, 1, max_bad_rate, "en", Decimal(1), [], "iso", "order_date"
    )
    counts = RowCounts(accepted + rejected + 1, 1, accepted, rejected, {}, 0)
    decision = decide(judged_by, DAY, "L1", counts)
    assert decision.row_count == decision.accepted + decision.rejected + decision.identical_copies
    assert (decision.decision == "empty") == (accepted + rejected == 0)
    assert (decision.decision == "refused") == (rejected > max_bad_rate * (accepted + rejected))


def forget_load(load_id: str) -> None:
    with connect() as connection:
        connection.execute("delete from raw.orders where _load_id = %s", [load_id])
        connection.execute("delete from ops.loads where load_id = %s", [load_id])
