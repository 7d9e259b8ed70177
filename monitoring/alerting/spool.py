"""Spool of alerts that the warehouse cannot store: a file until it can. Failures are sent immediately.

DAYBREAK_HOME/messages/spool.json is a list of alerts, oldest first, each with the receivers that have it. An incident
is sent once per QUIET_HOURS, with its later key in the outbox. Best effort: it never blocks a run.
"""

import fcntl
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from monitoring.alerting import receivers
from monitoring.alerting.alert_store import BAD, Alert
from monitoring.alerting.outbox import SECONDS_A_REQUEST, key_of
from monitoring.plain_text import as_json_value, first_line
from pipeline_settings import settings

logger = logging.getLogger(__name__)

FILE_NAME = "messages/spool.json"  # below DAYBREAK_HOME
QUIET_HOURS = 23  # a nightly run may be a few minutes early
SECONDS_TO_SEND = 15.0
LOCK_SECONDS = 20.0


@dataclass(frozen=True)
class SpooledAlert:
    """An alert in the spool. `sent_to`: identities of the receivers that took it."""

    alert: Alert
    sent_to: Sequence[str] = ()

    @property
    def incident(self) -> tuple[str, str]:
        """The incident of a failure or refusal."""
        return self.alert.pipeline, self.alert.kind


def keep(alert: Alert) -> None:
    """Spool an alert, and send it now if it is bad and its incident was not reported lately."""
    alert = alert if alert.raised_at else replace(alert, raised_at=datetime.now(UTC))
    try:
        with _locked() as file:
            kept = _read(file)
            if any(_is_reported(other.alert, alert) for other in kept):
                return
            # before it is sent: a process killed in between sends it twice with one key
            _write(file, [*kept, SpooledAlert(alert)])
            since = datetime.now(UTC) - timedelta(hours=QUIET_HOURS)
            _write(file, [*kept, _sent(SpooledAlert(alert), kept, since)])
    except Exception as failure:
        logger.error("%s could not be spooled, only sent: %s", alert, first_line(failure))
        _sent(SpooledAlert(alert), [])


def send_again() -> None:
    """Send open alerts again to receivers that were down before. Never raises."""
    try:
        if not _file().exists():
            return
        with _locked() as file:
            kept = _read(file)
            newest = {one.incident: number for number, one in enumerate(kept)}
            for number in newest.values():
                kept[number] = _sent(kept[number], kept)
            _write(file, kept)
    except Exception as failure:
        logger.error("Spooled alerts could not be sent again: %s", first_line(failure))


def drain(store: Callable[[Alert, Sequence[str]], None]) -> int:
    """Pass each spooled alert to `store`, oldest first, with the receivers that have its incident; return how many.

    An error of `store` stops it; that alert and the ones behind it stay in the spool.
    """
    if not _file().exists():
        return 0
    with _locked() as file:
        kept = _read(file)
        for number, one in enumerate(kept):
            try:
                store(one.alert, [name for other in kept if other.incident == one.incident for name in other.sent_to])
            except BaseException:
                _write(file, kept[number:])
                raise
        file.unlink(missing_ok=True)
    return len(kept)


def _sent(one: SpooledAlert, kept: Sequence[SpooledAlert], since: datetime | None = None) -> SpooledAlert:
    """Send a failure or refusal to the receivers without a message of its incident since then, or ever."""
    if one.alert.kind not in BAD:
        return one
    of_it = [other for other in kept if other.incident == one.incident]
    recent = [other for other in of_it if not since or (other.alert.raised_at or since) > since]
    reported = {name for other in recent for name in other.sent_to}
    payload, key = _payload(one.alert, of_it), key_of(f"{one.alert.event}0")
    deadline, taken_by = time.monotonic() + SECONDS_TO_SEND, list(one.sent_to)
    for receiver in receivers.configured():
        left = deadline - time.monotonic()
        if receiver.channel != receivers.ALERT or receiver.identity in reported or left <= 0:
            continue
        error = receivers.send(receiver, key, payload, min(left, SECONDS_A_REQUEST))
        if error is None:
            taken_by.append(receiver.identity)
        else:
            logger.warning("%s did not take %s, which is kept: %s", receiver, key, error)
    return replace(one, sent_to=taken_by)


def _payload(alert: Alert, before: Sequence[SpooledAlert]) -> dict[str, Any]:
    """Return the payload that the outbox would send, in JSON types."""
    reported: dict[str, Any] = {
        "title": alert.title,
        "severity": alert.severity,
        "event_key": f"{alert.event}0",
        "sending": "opened",
    }
    if any(one.sent_to for one in before):
        days = {one.alert.day for one in before} | {alert.day}
        since = min(one.alert.raised_at for one in before if one.alert.raised_at)
        reported |= {"sending": "reminder", "days_affected": len(days), "open_since": str(since.date())}
    plain: dict[str, Any] = json.loads(json.dumps({**asdict(alert), **reported}, default=as_json_value))
    return plain | {"figures": plain["figures"] or {}}


def _is_reported(other: Alert, alert: Alert) -> bool:
    is_of_the_run = (other.pipeline, other.run_id, other.day) == (alert.pipeline, alert.run_id, alert.day)
    return other.event == alert.event or (alert.only_if_unreported and is_of_the_run and other.kind in BAD)


def _file() -> Path:
    return settings().daybreak_home.resolve() / FILE_NAME


@contextmanager
def _locked() -> Iterator[Path]:
    """Lock and yield the file; raise BlockingIOError after LOCK_SECONDS."""
    file = _file()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield file
    finally:
        os.close(descriptor)


def _read(file: Path) -> list[SpooledAlert]:
    """Return the spooled alerts; set an unreadable file aside."""
    try:
        entries = json.loads(file.read_text())
        return [SpooledAlert(_alert(entry["alert"]), entry["sent_to"]) for entry in entries]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError) as failure:
        file.replace(file.with_suffix(".unreadable"))
        logger.error("%s could not be read and was set aside: %s", file, first_line(failure))
        return []


def _alert(entry: dict[str, Any]) -> Alert:
    day = date.fromisoformat(entry["day"]) if entry["day"] else None
    return Alert(**{**entry, "day": day, "raised_at": datetime.fromisoformat(entry["raised_at"])})


def _write(file: Path, kept: Sequence[SpooledAlert]) -> None:
    """Replace the whole file."""
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps([asdict(one) for one in kept], default=as_json_value))
    draft.replace(file)
