"""Alerts while Postgres is stopped: sent at once without repetition, and afterwards neither repeated nor lost."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local import servers as local_servers
from local.postgres import Postgres
from monitoring.alerting import spool
from monitoring.alerting.alerts import report_failure, report_published, report_success, store_kept
from monitoring.alerting.outbox import deliver
from orchestration.run_messages import keep_up
from pipeline_errors import ShopError, WarehouseError
from pipeline_settings import Settings, settings
from tests.dbt_project.loads import FIRST
from tests.monitoring.alerting.test_outbox import (
    CANARY,
    HEALTH,
    ORDERS,
    REVIEWS,
    Inbox,
    configure,
    execute,
    inbox,
    one_receiver,
)

__all__ = ["configure", "inbox", "one_receiver"]  # fixtures

DOWN = WarehouseError("Postgres cannot be reached", "Start it.")


@pytest.fixture
def stopped(warehouse: Settings, home: Path) -> Callable[[], Any]:
    """Stop the Postgres of the tests for a block; it keeps its data."""

    @contextmanager
    def stop() -> Iterator[None]:
        assert Postgres(home / "servers").stop()
        try:
            yield
        finally:
            local_servers.ensure()

    return stop


@pytest.fixture
def unreachable(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Make Postgres unreachable, which is quicker than stopping it."""

    @contextmanager
    def hide() -> Iterator[None]:
        with monkeypatch.context() as patched:
            patched.setenv("PGPORT", "9")
            settings.cache_clear()
            yield
        settings.cache_clear()

    return hide


def kept(home: Path) -> list[dict[str, Any]]:
    file = home / spool.FILE_NAME
    return json.loads(file.read_text()) if file.exists() else []


def titles(of: Inbox, path: str = "/chat") -> list[str]:
    return [body["title"] for body in of.bodies(path)]


def days_ago(home: Path, days: float) -> None:
    """Let time pass: date the spooled alerts earlier."""
    file = home / spool.FILE_NAME
    entries = json.loads(file.read_text())
    for entry in entries:
        raised_at = datetime.fromisoformat(entry["alert"]["raised_at"])
        entry["alert"]["raised_at"] = (raised_at - timedelta(days=days)).isoformat()
    file.write_text(json.dumps(entries))


def test_ten_days_without_postgres_are_one_message_reminders_and_a_resolve(
    one_receiver: Inbox, stopped: Callable[[], Any], home: Path
) -> None:
    with stopped():
        for night in range(10):
            if night:
                days_ago(home, 1)
            for attempt in range(3):
                assert not report_failure(ORDERS, None, f"night-{night}-{attempt}", DOWN)
            assert not report_failure(ORDERS, None, f"night-{night}-0", DOWN)
        assert deliver().sent == 0
    sent = titles(one_receiver)
    assert sent[0] == f"(critical) {ORDERS} failed"
    assert sent[1:] == [f"(critical) still open: {ORDERS} failed"] * 9
    assert len(set(one_receiver.keys("/chat"))) == 10
    assert len(kept(home)) == 30

    report_success(ORDERS, FIRST, "good")
    deliver()
    assert titles(one_receiver)[10:] == [f"(info) resolved: {ORDERS} {FIRST} recovered"]
    rows = execute("select kind, raised_at < now() - interval '8 days' as is_old from ops.alerts order by alert_id")
    assert [row["kind"] for row in rows] == ["failure"] * 30 + ["recovery"]
    assert sum(row["is_old"] for row in rows) == 6  # each with its original time
    assert kept(home) == []
    assert deliver().sent == 0
    assert len(titles(one_receiver)) == 11


def test_a_receiver_that_was_down_too_is_served_from_the_outbox_and_none_twice(
    inbox: Inbox, configure: Callable[..., None], unreachable: Callable[[], Any], home: Path
) -> None:
    configure(ALERT_URLS=f"{inbox.alert_url('/one')} {inbox.alert_url('/two')}")
    inbox.fail("/two")
    with unreachable():
        report_failure(ORDERS, FIRST, "run-1", DOWN)
        report_failure(REVIEWS, FIRST, "run-1", DOWN)
    inbox.heal()
    assert store_kept()
    assert not store_kept()
    deliver()
    keys = [f"{name}/{FIRST}/run-1/failure/0" for name in (ORDERS, REVIEWS)]
    assert (inbox.keys("/one"), inbox.keys("/two")) == (keys, [*keys, *keys])  # sent twice, accepted once
    assert all(row["delivered_at"] for row in execute("select * from ops.outbox"))


def test_between_runs_only_receivers_without_the_alert_are_retried(
    inbox: Inbox, configure: Callable[..., None], unreachable: Callable[[], Any]
) -> None:
    configure(ALERT_URLS=f"{inbox.alert_url('/one')} {inbox.alert_url('/two')}")
    inbox.fail("/two")
    with unreachable():
        report_failure(ORDERS, FIRST, "run-1", DOWN)
        report_failure(ORDERS, FIRST, "run-2", DOWN)
        for _ in range(2):
            assert keep_up().error
        inbox.heal()
        for _ in range(2):
            assert keep_up().error
    assert len(inbox.keys("/one")) == 1
    assert len(inbox.keys("/two")) == 5  # at both failures, and three times between runs


def test_a_success_that_could_not_be_stored_is_stored_later_in_order(
    one_receiver: Inbox, unreachable: Callable[[], Any]
) -> None:
    report_failure(ORDERS, FIRST, "run-1", DOWN)
    with unreachable():
        report_success(ORDERS, FIRST, "run-2", figures={"rows": 20})
    assert one_receiver.requests == []
    report_failure(ORDERS, FIRST, "run-3", DOWN)
    deliver()
    assert [title.split(")")[1][:11] for title in titles(one_receiver)] == [" ecommerce_", " resolved: ", " ecommerce_"]
    kinds = [row["kind"] for row in execute("select kind from ops.alerts order by alert_id")]
    assert kinds == ["failure", "recovery", "failure"]


def test_a_publishing_run_resolves_spooled_alerts(one_receiver: Inbox, unreachable: Callable[[], Any]) -> None:
    with unreachable():
        report_failure(HEALTH, FIRST, "run-1", ShopError("It is down"))
    execute(
        "insert into ops.publications (pipeline, build_id, as_of_date, day_count, rows_published) "
        "values (%s, 'b', %s, 1, '{}')",
        HEALTH, FIRST + timedelta(1),
    )  # fmt: skip
    report_published(HEALTH, None, [], "run-2")
    rows = execute("select kind, logical_date from ops.alerts order by alert_id")
    assert [(row["kind"], row["logical_date"]) for row in rows] == [
        ("failure", FIRST), ("recovery", FIRST), ("success", FIRST + timedelta(1))
    ]  # fmt: skip


def test_a_killed_process_is_not_reported_beside_its_failure(
    one_receiver: Inbox, unreachable: Callable[[], Any], home: Path
) -> None:
    with unreachable():
        report_failure(ORDERS, FIRST, "run-1", DOWN)
        report_failure(ORDERS, FIRST, "run-1", None)
    assert len(kept(home)) == 1


def test_concurrent_processes_send_one_message(one_receiver: Inbox, unreachable: Callable[[], Any], home: Path) -> None:
    with unreachable():
        at_once = [
            threading.Thread(target=report_failure, args=(ORDERS, FIRST + timedelta(number), f"run-{number}", DOWN))
            for number in range(5)
        ]
        for thread in at_once:
            thread.start()
        for thread in at_once:
            thread.join()
    assert len(one_receiver.requests) == 1
    assert len(kept(home)) == 5


def test_an_unusable_spool_file_breaks_nothing(
    one_receiver: Inbox, unreachable: Callable[[], Any], home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (home / "messages").write_text("in the way")
    with unreachable():
        report_failure(ORDERS, FIRST, "run-1", DOWN)
    assert len(one_receiver.requests) == 1
    assert "could not be spooled" in caplog.text
    (home / "messages").unlink()
    (home / "messages").mkdir()
    (home / spool.FILE_NAME).write_text("[{")
    assert report_success(ORDERS, FIRST, "run-2")
    assert "set aside" in caplog.text


def test_an_alert_that_cannot_be_stored_blocks_no_other(
    one_receiver: Inbox, unreachable: Callable[[], Any], home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with unreachable():
        report_failure(ORDERS, FIRST, "run-1", DOWN)
        report_failure(REVIEWS, FIRST, "run-1", DOWN)
    file = home / spool.FILE_NAME
    file.write_text(file.read_text().replace('"kind": "failure"', '"kind": "unknown"', 1))
    caplog.set_level(logging.ERROR)
    assert store_kept()
    assert "cannot be stored at all" in caplog.text
    assert [row["pipeline"] for row in execute("select pipeline from ops.alerts")] == [REVIEWS]


def test_no_secret_is_spooled(one_receiver: Inbox, unreachable: Callable[[], Any], home: Path) -> None:
    with unreachable():
        error = RuntimeError(f"cannot post to {one_receiver.alert_url()}")
        report_failure(ORDERS, date(2026, 3, 1), "run-1", error, link=f"https://me:{CANARY}@airflow/runs/1")
    assert CANARY not in (home / spool.FILE_NAME).read_text()
    assert CANARY not in json.dumps(one_receiver.bodies("/chat"))
    assert (home / spool.FILE_NAME).parent.stat().st_mode & 0o077 == 0
