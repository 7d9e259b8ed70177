"""Delivery through the outbox: to receivers that are down, slow, broken or redirecting, and to several at once."""

import contextlib
import io
import itertools
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from monitoring.alerting import incidents, outbox, receivers
from monitoring.alerting.alerts import report_failure, report_success
from monitoring.alerting.outbox import deliver, undelivered
from monitoring.runs.metrics import record_metrics
from orchestration.run_messages import keep_up
from pipeline_errors import ShopError
from pipeline_settings import Settings, settings
from tests.dbt_project.loads import FIRST, Loads, orders
from tests.monitoring.alerting.test_alerts import refusal
from warehouse.connection import connect

ORDERS, REVIEWS, HEALTH = "ecommerce_order_pipeline", "customer_feedback_pipeline", "customer_health_pipeline"
DOWN = ShopError("It is down", "Wait for it.")
CANARY = "canary-7f3a"
KEY = "Idempotency-Key"


class Inbox:
    """Records the requests to a receiver by path; `answers` sets the answer of a path, 200 by default."""

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.requests: list[Request] = []
        self.answers: dict[str, Callable[[], Response]] = {}
        server.expect_request(re.compile(".*")).respond_with_handler(self._take)

    def _take(self, request: Request) -> Response:
        request.get_data()
        self.requests.append(request)
        self.socket = request.environ["werkzeug.socket"]
        return self.answers.get(request.path, Response)()

    def fail(self, path: str, status: int = 500, **headers: str) -> None:
        self.answers[path] = lambda: Response(status=status, headers=headers)

    def heal(self) -> None:
        self.answers.clear()

    def keys(self, path: str) -> list[str]:
        return [request.headers[KEY] for request in self.requests if request.path == path]

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [json.loads(request.get_data()) for request in self.requests if request.path == path]

    def alert_url(self, path: str = "/chat") -> str:
        return f"json://user:{CANARY}@127.0.0.1:{self.server.port}{path}"

    def metrics_url(self) -> str:
        return self.server.url_for(f"/metrics?token={CANARY}")


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with HTTPServer(threaded=True) as server:
        yield Inbox(server)


@pytest.fixture
def configure(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def put(**variables: str) -> None:
        for name in ("ALERT_URLS", "METRICS_URL"):
            monkeypatch.setenv(name, variables.get(name, ""))
        settings.cache_clear()

    return put


@pytest.fixture
def one_receiver(inbox: Inbox, configure: Callable[..., None]) -> Inbox:
    configure(ALERT_URLS=inbox.alert_url())
    return inbox


def execute(statement: str, *values: object) -> list[dict[str, Any]]:
    with connect() as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def wait_is_over() -> None:
    execute("update ops.outbox_deliveries set next_attempt_at = clock_timestamp()")


def queue_success(run_id: str = "run-1", pipeline: str = ORDERS, day: date = FIRST) -> str:
    """Report a success; return its idempotency key."""
    report_success(pipeline, day, run_id, figures={"rows": 20})
    return f"{pipeline}/{day}/{run_id}/success/0"


def waiting() -> dict[str, int]:
    with connect() as connection:
        return {channel: state.waiting for channel, state in undelivered(connection).items()}


def without_receiver() -> dict[str, int]:
    with connect() as connection:
        return {channel: state.without_receiver for channel, state in undelivered(connection).items()}


def test_a_message_is_sent_once_with_its_key(one_receiver: Inbox) -> None:
    key = queue_success()
    assert waiting()["alert"] == 1
    assert (deliver().sent, deliver().sent) == (1, 0)
    assert one_receiver.keys("/chat") == [key]
    (body,) = one_receiver.bodies("/chat")
    assert body["idempotency_key"] == key
    assert body["title"] == f"(info) {ORDERS} {FIRST} succeeded"
    assert "figures: rows 20" in body["message"]
    assert waiting() == {"alert": 0, "metrics": 0}
    (row,) = execute("select * from ops.outbox")
    assert row["delivered_at"] is not None


def test_metrics_are_posted_as_json(inbox: Inbox, configure: Callable[..., None]) -> None:
    configure(METRICS_URL=inbox.metrics_url())
    Loads().admit("orders", FIRST, orders(FIRST, 20))
    for run_id in ("run-1", "run-1", "run-2"):
        with connect() as connection:
            record_metrics(connection, ORDERS, "orders", FIRST, run_id)
    assert deliver().sent == 2
    first, second = inbox.bodies("/metrics")
    assert (first["pipeline"], first["logical_date"], first["run_id"]) == (ORDERS, str(FIRST), "run-1")
    assert (first["records_processed"], first["data_quality_score"], second["run_id"]) == (20, 1.0, "run-2")
    assert len(set(inbox.keys("/metrics"))) == 2


def test_a_rollback_leaves_no_message(one_receiver: Inbox) -> None:
    Loads().admit("orders", FIRST, orders(FIRST, 20))
    with connect() as connection:
        record_metrics(connection, ORDERS, "orders", FIRST, "run-1")
        connection.rollback()
    assert execute("select * from ops.outbox") == []


@pytest.mark.parametrize("status", [500, 404, 302, 301, 307, 308])
@pytest.mark.fault(30)
def test_a_failed_delivery_is_repeated_with_the_same_key(
    inbox: Inbox, configure: Callable[..., None], status: int
) -> None:
    configure(ALERT_URLS=inbox.alert_url(), METRICS_URL=inbox.metrics_url())
    for path in ("/chat", "/metrics"):
        inbox.fail(path, status, Location=inbox.server.url_for("/elsewhere"))
    Loads().admit("orders", FIRST, orders(FIRST, 20))
    with connect() as connection:
        record_metrics(connection, ORDERS, "orders", FIRST, "run-1")
    queue_success()
    assert deliver() == outbox.Delivery(sent=0, failed=2)
    assert {row["last_error"] for row in execute("select * from ops.outbox_deliveries")} == {f"HTTP {status}"}
    assert waiting() == {"alert": 1, "metrics": 1}
    assert deliver() == outbox.Delivery()  # not again at once
    inbox.heal()
    wait_is_over()
    assert deliver() == outbox.Delivery(sent=2)
    for path in ("/chat", "/metrics"):
        assert len(inbox.keys(path)) == 2
        assert len(set(inbox.keys(path))) == 1
    assert inbox.keys("/elsewhere") == []
    assert {row["attempts"] for row in execute("select * from ops.outbox_deliveries")} == {2}


@pytest.mark.fault(30)
def test_retries_to_a_receiver_that_is_down_back_off(configure: Callable[..., None]) -> None:
    configure(ALERT_URLS=f"json://:{CANARY}@127.0.0.1:9/{CANARY}", METRICS_URL=f"http://127.0.0.1:9/{CANARY}")
    queue_success()
    waits = []
    for _ in range(8):
        assert deliver().failed == 1
        (row,) = execute("select *, next_attempt_at - clock_timestamp() as wait from ops.outbox_deliveries")
        waits.append(round(row["wait"].total_seconds() / 60))
        wait_is_over()
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.fault(30)
def test_a_slow_receiver_delays_a_run_for_a_bounded_time(
    inbox: Inbox, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both send a byte at a time for ever, of body or headers, which no timeout between bytes ends."""
    monkeypatch.setattr(outbox, "SECONDS_A_REQUEST", 1.0)
    is_over = threading.Event()

    def drip() -> Iterator[bytes]:
        while not is_over.wait(0.2):
            yield b" "

    inbox.answers["/chat"] = lambda: Response(drip())

    def drip_headers() -> Response:
        for letter in itertools.chain(b"HTTP/1.1 200 OK\r\nX: ", itertools.repeat(ord("x"))):
            if is_over.wait(0.2):
                break
            with contextlib.suppress(OSError):
                inbox.socket.sendall(bytes([letter]))
        return Response()

    inbox.answers["/metrics"] = drip_headers
    configure(ALERT_URLS=inbox.alert_url(), METRICS_URL=inbox.metrics_url())
    Loads().admit("orders", FIRST, orders(FIRST, 20))
    for number in range(9):
        queue_success(f"run-{number}")
        with connect() as connection:
            record_metrics(connection, ORDERS, "orders", FIRST, f"run-{number}")
    started = time.monotonic()
    assert deliver(seconds=4.0).failed >= 2
    is_over.set()
    assert time.monotonic() - started < 6
    inbox.heal()
    wait_is_over()
    deliver()
    assert waiting() == {"alert": 0, "metrics": 0}


@pytest.mark.fault(31)
def test_killed_after_the_post_it_is_sent_twice_with_one_key(
    one_receiver: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = queue_success()
    post = receivers.send

    def killed(*args: Any) -> str | None:
        post(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(receivers, "send", killed)
        with pytest.raises(KeyboardInterrupt):
            deliver()
    assert waiting()["alert"] == 1
    assert deliver().sent == 1
    assert one_receiver.keys("/chat") == [key, key]


def test_two_processes_send_each_message_once_and_in_order(one_receiver: Inbox) -> None:
    keys = [queue_success(f"run-{number}") for number in range(3)]
    is_sending, may_answer = threading.Event(), threading.Event()

    def hold() -> Response:
        is_sending.set()
        may_answer.wait(4)
        return Response()

    one_receiver.answers["/chat"] = hold
    other = threading.Thread(target=deliver)
    other.start()
    assert is_sending.wait(10)
    assert deliver() == outbox.Delivery()
    may_answer.set()
    other.join()
    assert one_receiver.keys("/chat") == keys


def test_a_receiver_gets_no_message_twice_because_another_is_down(inbox: Inbox, configure: Callable[..., None]) -> None:
    configure(ALERT_URLS=f"{inbox.alert_url('/one')}, {inbox.alert_url('/two')}\n{inbox.alert_url('/three')}")
    inbox.fail("/two")
    keys = [queue_success("run-1"), queue_success("run-2")]
    deliver()
    assert (inbox.keys("/one"), inbox.keys("/two"), inbox.keys("/three")) == (keys, keys[:1], keys)
    inbox.heal()
    wait_is_over()
    deliver()
    assert (inbox.keys("/one"), inbox.keys("/two"), inbox.keys("/three")) == (keys, [keys[0], *keys], keys)
    assert all(row["delivered_at"] for row in execute("select * from ops.outbox"))


def test_a_message_that_always_fails_blocks_the_others_only_for_a_while(
    one_receiver: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, good = queue_success("run-1"), queue_success("run-2")
    send = receivers.send

    def choosy(receiver: Any, key: str, *rest: Any) -> str | None:
        return "HTTP 400" if key == poison else send(receiver, key, *rest)

    monkeypatch.setattr(receivers, "send", choosy)
    for attempt in range(1, outbox.GIVES_WAY + 1):
        assert one_receiver.keys("/chat") == []
        assert deliver().failed == 1, attempt
        wait_is_over()
    assert one_receiver.keys("/chat") == [good]
    assert waiting()["alert"] == 1


def test_without_a_receiver_messages_are_kept_without_a_backlog(inbox: Inbox, configure: Callable[..., None]) -> None:
    configure()
    old, key = queue_success("run-0"), queue_success("run-1")
    execute("update ops.outbox set created_at = created_at - interval '8 days' where idempotency_key = %s", old)
    assert deliver() == outbox.Delivery()
    assert (waiting()["alert"], without_receiver()["alert"]) == (0, 2)
    configure(ALERT_URLS=inbox.alert_url())
    deliver()
    assert inbox.keys("/chat") == [key]  # a new receiver does not get the whole history
    configure(ALERT_URLS=inbox.alert_url("/other"))
    deliver()
    assert inbox.keys("/other") == []  # nor messages that another receiver has


def test_a_receiver_that_was_down_for_long_gets_its_messages(one_receiver: Inbox) -> None:
    key = queue_success()
    execute("update ops.outbox set created_at = created_at - interval '30 days'")
    deliver()
    assert one_receiver.keys("/chat") == [key]


@pytest.mark.parametrize("url", [f"nonsense://{CANARY}", CANARY, "json://", "ftp://host"])
def test_an_invalid_url_is_recorded_in_the_table_and_breaks_nothing(configure: Callable[..., None], url: str) -> None:
    configure(ALERT_URLS=url, METRICS_URL=f"file:///{CANARY}")
    Loads().admit("orders", FIRST, orders(FIRST, 20))
    with connect() as connection:
        record_metrics(connection, ORDERS, "orders", FIRST, "run-1")
    queue_success()
    assert deliver().failed == 2
    errors = {row["last_error"] for row in execute("select * from ops.outbox_deliveries")}
    assert errors == {"METRICS_URL is not an http:// or https:// URL", "apprise does not know this kind of URL"}


@pytest.fixture
def whole_log() -> Iterator[io.StringIO]:
    """The log of a program that logs everything. (caplog also captures loggers that do not propagate.)"""
    text = io.StringIO()
    handler, root = logging.StreamHandler(text), logging.getLogger()
    handler.addFilter(lambda record: record.name != "werkzeug")  # the receiver itself
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.fault(48)
def test_no_secret_is_in_tables_logs_or_errors(
    inbox: Inbox, configure: Callable[..., None], whole_log: io.StringIO
) -> None:
    down = f"json://user:{CANARY}@127.0.0.1:9/{CANARY}?+Authorization={CANARY}"
    configure(
        ALERT_URLS=f"{inbox.alert_url(f'/{CANARY}')} {down} slack://{CANARY} nonsense://{CANARY}",
        METRICS_URL=inbox.metrics_url(),
    )
    inbox.fail(f"/{CANARY}")
    Loads().admit("orders", FIRST, orders(FIRST, 20))
    with connect() as connection:
        record_metrics(connection, ORDERS, "orders", FIRST, "run-1")
    report_failure(ORDERS, FIRST, "run-1", RuntimeError(f"cannot post to {inbox.metrics_url()}"))
    assert deliver().failed == 4
    rows = [execute(f"select * from ops.{table}") for table in ("outbox", "outbox_deliveries", "alerts")]
    assert CANARY not in repr(rows) + whole_log.getvalue()
    assert "did not take" in whole_log.getvalue()
    assert CANARY not in repr(receivers.configured()) + repr(settings())


@pytest.mark.fault(14, 48)
def test_mentions_and_markup_are_disarmed(one_receiver: Inbox) -> None:
    nasty = "<b>x</b> <!here> <@U1> @channel @everyone *bold* `code` [text](https://evil.example) ~~gone~~ &lt;i&gt;"
    nasty += " \x1b[1m\u202eR&D"
    report_failure(ORDERS, FIRST, "run-1", ShopError(nasty, nasty), step="<i>", link="https://af/runs/a@b?x=<y>")
    deliver()
    (body,) = one_receiver.bodies("/chat")
    text = body["title"] + body["message"]
    for bad in ("<", ">", "@c", "@e", "@U", "`", "*", "](", "~~", "https://evil", "&lt", "\x1b", "\u202e"):
        assert bad not in text, bad
    assert "R&D" in text
    assert "link: https://af/runs/a%40b?x=%3Cy%3E" in text
    assert [line.split(":")[0] for line in body["message"].splitlines()] == [
        "pipeline", "day", "step", "cause", "remedy", "link",
    ]  # fmt: skip


def test_a_warehouse_that_is_down_breaks_nothing(
    one_receiver: Inbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    queue_success()
    with monkeypatch.context() as broken:
        broken.setenv("PGPORT", "9")
        settings.cache_clear()
        assert deliver() == outbox.Delivery()
    settings.cache_clear()
    assert "cannot be reached" in caplog.text
    execute("drop table ops.outbox cascade")
    assert deliver() == outbox.Delivery()


# ---- Repetition ------------------------------------------------------------------------------------------------------


def nights(count: int, hours: float = 24.0) -> Iterator[date]:
    """Yield logical days, and advance the clock of ops between two of them."""
    for number in range(count):
        yield FIRST + timedelta(number)
        for table, column in (("outbox", "created_at"), ("alerts", "raised_at")):
            execute(f"update ops.{table} set {column} = {column} - %s * interval '1 hour'", hours)


def titles(inbox: Inbox) -> list[str]:
    deliver()
    return [body["title"] for body in inbox.bodies("/chat")]


def test_ten_bad_days_in_a_row_are_not_ten_alerts(one_receiver: Inbox) -> None:
    for number, day in enumerate(nights(10, hours=23.9)):
        for attempt in range(3):
            report_failure(ORDERS, day, f"run-{number}-{attempt}", DOWN)
    failed = titles(one_receiver)
    assert failed[0] == f"(critical) {ORDERS} {FIRST} failed"
    assert len(failed) == 5  # every second night, as 23.9 hours are less than a day
    assert all(title.startswith("(critical) still open: ") for title in failed[1:])
    assert "9 days affected, since " in one_receiver.bodies("/chat")[-1]["message"]
    for number in range(10):
        assert len(titles(one_receiver)) == 5
        report_success(ORDERS, FIRST + timedelta(number), "good")
    assert titles(one_receiver)[5:] == [f"(info) resolved: {ORDERS} {FIRST + timedelta(9)} recovered"]
    assert execute("select count(*) as alerts from ops.alerts") == [{"alerts": 40}]
    report_success(ORDERS, FIRST, "again")
    report_failure(ORDERS, FIRST, "after", DOWN)
    assert titles(one_receiver)[6:] == [
        f"(info) {ORDERS} {FIRST} succeeded",
        f"(critical) {ORDERS} {FIRST} failed",
    ]


def test_an_outage_of_ten_days_is_one_opening_daily_reminders_and_one_end(
    one_receiver: Inbox,
) -> None:
    """The runs fail by night, twice each, and during the day `daybreak deliver` sends due reminders."""
    with connect(autocommit=True) as connection:
        for number in range(10):
            for attempt in range(2):
                report_failure(ORDERS, FIRST + timedelta(number), f"run-{number}-{attempt}", DOWN)
            for _ in range(4):  # six hours pass
                incidents.remind(connection)
                connection.execute("update ops.outbox set created_at = created_at - interval '6 hours'")
                connection.execute("update ops.alerts set raised_at = raised_at - interval '6 hours'")
    for number in range(10):
        report_success(ORDERS, FIRST + timedelta(number), "good")
    sent = titles(one_receiver)
    assert sent[0] == f"(critical) {ORDERS} {FIRST} failed"
    assert [title.split(":")[0] for title in sent[1:]] == ["(critical) still open"] * 9 + ["(info) resolved"]


def test_each_pipeline_and_kind_has_separate_incidents(one_receiver: Inbox) -> None:
    report_failure(ORDERS, FIRST, "run-1", DOWN)
    report_failure(ORDERS, FIRST, "run-2", refusal())
    report_failure(REVIEWS, FIRST, "run-1", DOWN)
    report_failure(REVIEWS, FIRST, "run-2", DOWN)
    assert len(titles(one_receiver)) == 3
    report_success(REVIEWS, FIRST, "run-3")
    report_success(ORDERS, FIRST, "run-3")
    report_success(ORDERS, FIRST, "run-3")
    assert [title.split(")")[1][:11] for title in titles(one_receiver)[3:]] == [" resolved: "] * 2


def test_alerts_of_several_processes_open_one_incident(one_receiver: Inbox) -> None:
    at_once = [
        threading.Thread(target=report_failure, args=(ORDERS, FIRST + timedelta(number), f"run-{number}", DOWN))
        for number in range(6)
    ]
    for thread in at_once:
        thread.start()
    for thread in at_once:
        thread.join()
    assert len(titles(one_receiver)) == 1
    assert len(execute("select * from ops.alerts")) == 6


def test_open_incidents_get_daily_and_later_weekly_reminders(one_receiver: Inbox) -> None:
    report_failure(ORDERS, FIRST, "run-1", DOWN)
    report_failure(ORDERS, FIRST + timedelta(1), "run-2", DOWN)
    reminded_on = []
    with connect(autocommit=True) as connection:
        for number in range(30):
            reminded_on += [number] * (incidents.remind(connection) + incidents.remind(connection))
            connection.execute("update ops.outbox set created_at = created_at - interval '1 day'")
            connection.execute("update ops.alerts set raised_at = raised_at - interval '1 day'")
    assert reminded_on == [1, 2, 3, 4, 5, 6, 13, 20, 27]
    assert titles(one_receiver)[1:] == [f"(critical) still open: {ORDERS} {FIRST + timedelta(1)} failed"] * 9
    assert len(set(one_receiver.keys("/chat"))) == 10
    assert "2 days affected, since " in one_receiver.bodies("/chat")[-1]["message"]
    for day in (FIRST, FIRST + timedelta(1)):
        report_success(ORDERS, day, "good")
    execute("update ops.outbox set created_at = created_at - interval '30 days'")
    with connect() as connection:
        assert incidents.remind(connection) == 0


def test_concurrent_reminders_are_one(one_receiver: Inbox) -> None:
    report_failure(ORDERS, FIRST, "run-1", DOWN)
    execute("update ops.outbox set created_at = created_at - interval '2 days'")
    at_once = [threading.Thread(target=keep_up) for _ in range(4)]
    for thread in at_once:
        thread.start()
    for thread in at_once:
        thread.join()
    assert [title.split(":")[0] for title in titles(one_receiver)] == [
        f"(critical) {ORDERS} {FIRST} failed", "(critical) still open"
    ]  # fmt: skip
