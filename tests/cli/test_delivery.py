"""`daybreak deliver`: messages, output and exit codes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from monitoring.alerting.alerts import report_failure
from pipeline_errors import ShopError
from pipeline_settings import Settings, settings
from tests.dbt_project.loads import FIRST, Loads, orders, reviews
from tests.monitoring.alerting.test_outbox import ORDERS, Inbox, configure, execute, inbox, queue_success, wait_is_over

__all__ = ["configure", "inbox"]  # fixtures


def daybreak_deliver(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["deliver", *arguments])


def test_undelivered_messages_are_listed_on_standard_error_with_exit_code_0(
    inbox: Inbox, configure: Callable[..., None]
) -> None:
    configure(ALERT_URLS=f"{inbox.alert_url('/one')} {inbox.alert_url('/two')}")
    inbox.fail("/two")
    queue_success()
    result = daybreak_deliver()
    assert (result.exit_code, result.stdout) == (0, "1 message sent.\n")
    assert result.stderr == "Kept, alert: 1 wait (HTTP 500), the oldest for 0 min.\n"
    inbox.heal()
    wait_is_over()
    result = daybreak_deliver()
    assert (result.stdout, result.stderr) == ("1 message sent.\n", "")
    assert daybreak_deliver().stdout == "Nothing was sent.\n"


def test_messages_without_a_receiver_are_not_on_standard_error(inbox: Inbox, configure: Callable[..., None]) -> None:
    configure()
    queue_success()
    result = daybreak_deliver()
    assert (
        result.stdout
        == "Nothing was sent.\nKept, alert: 1 without a receiver (set ALERT_URLS), the oldest for 0 min.\n"
    )
    assert result.stderr == ""


def test_deliver_sends_reminders_and_prunes(inbox: Inbox, configure: Callable[..., None]) -> None:
    configure(ALERT_URLS=inbox.alert_url())
    report_failure(ORDERS, FIRST, "run-1", ShopError("It is down"))
    assert daybreak_deliver().stdout == "1 message sent.\n"
    execute("update ops.outbox set created_at = created_at - interval '31 days', "
            "delivered_at = delivered_at - interval '31 days'")  # fmt: skip
    shown_as_data = json.loads(daybreak_deliver("--json").stdout)
    assert (shown_as_data["reminders"], shown_as_data["delivery"]["sent"]) == (1, 1)
    assert shown_as_data["pruned"] == {"messages": 1, "step_runs": 0, "loads": 0}


def test_old_superseded_loads_are_removed_from_raw(inbox: Inbox, configure: Callable[..., None]) -> None:
    loads = Loads()
    for _ in range(2):
        loads.admit("orders", FIRST, orders(FIRST))
        loads.admit("reviews", FIRST, reviews(FIRST))
    execute("update ops.loads set landed_at = landed_at - interval '91 days'")
    assert daybreak_deliver().stdout == "Nothing was sent.\nRemoved 2 superseded loads from raw.\n"
    left = execute("select _load_id from raw.orders union select _load_id from raw.reviews order by 1")
    assert [row["_load_id"] for row in left] == ["load-003", "load-004"]


def test_a_warehouse_that_is_down_is_exit_code_4(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch, inbox: Inbox, configure: Callable[..., None]
) -> None:
    configure(ALERT_URLS=inbox.alert_url())
    monkeypatch.delenv("DAYBREAK_EMBEDDED")
    monkeypatch.setenv("PGPORT", "9")
    settings.cache_clear()
    result = daybreak_deliver()
    assert result.exit_code == 4
    assert "cannot be reached" in result.stderr


def test_a_run_whose_servers_do_not_start_is_reported_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inbox: Inbox
) -> None:
    (tmp_path / "home").write_text("no directory")
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ALERT_URLS", inbox.alert_url())
    settings.cache_clear()
    for command in (["run", str(FIRST)], ["replay", str(FIRST), str(FIRST)]):
        result = CliRunner().invoke(app, [*command, "--pipeline", ORDERS])
        assert result.exit_code == 2
        assert "DAYBREAK_HOME" in result.stderr
    assert [body["title"] for body in inbox.bodies("/chat")] == [f"(critical) {ORDERS} failed"] * 2
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 2
    assert len(inbox.requests) == 2
