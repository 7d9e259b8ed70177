"""The receivers of outbox messages: people by apprise (ALERT_URLS), a program by HTTP (METRICS_URL).

A URL holds secrets: it is in no table, log line or error. Its scheme and a hash identify a receiver instead.
"""

import hashlib
import json
import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monitoring.alerting.message_text import body_of, title_of
from pipeline_errors import ConfigurationError
from pipeline_settings import settings

ALERT, METRICS = "alert", "metrics"
NEXT_URL = re.compile(r"[\s,]+(?=[A-Za-z][\w+.-]*://)|\s+")  # URLs contain commas too: mailto://…?to=a@b.org,c@d.org
KEY_HEADER = "Idempotency-Key"
STATUS = re.compile(r"\berror=(\d{3})\b")  # in the log lines of apprise's plugins
GENERIC = {"json", "jsons", "form", "forms", "xml", "xmls"}  # apprise's web hooks, which accept extra headers


@dataclass(frozen=True)
class Receiver:
    """One receiver of a channel."""

    channel: str
    url: str = field(repr=False)

    @property
    def identity(self) -> str:
        """The name of the receiver in the tables."""
        return hashlib.sha256(f"{self.channel} {self.url}".encode()).hexdigest()[:16]

    def __str__(self) -> str:
        scheme = re.match(r"[A-Za-z][\w+.-]*(?=://)", self.url)
        return f"{scheme[0] if scheme else '?'}#{self.identity[:6]}"


def configured() -> list[Receiver]:
    """Return the receivers in the settings; none if the settings cannot be read."""
    try:
        known = settings()
    except ConfigurationError:
        return []
    alerts = known.alert_urls.get_secret_value() if known.alert_urls else ""
    metrics = known.metrics_url.get_secret_value().strip() if known.metrics_url else ""
    urls = dict.fromkeys(part for part in (part.strip(",") for part in NEXT_URL.split(alerts)) if part)
    return [*(Receiver(ALERT, url) for url in urls), *([Receiver(METRICS, metrics)] if metrics else [])]


def send(receiver: Receiver, key: str, payload: Mapping[str, Any], seconds: float) -> str | None:
    """Send a message; return None on success, otherwise the cause in plain words without secrets.

    Returns after `seconds` in any case. A receiver that answers a byte at a time keeps its thread, so a message may
    have arrived although it counts as not sent: receivers recognize it by its key.
    """
    _keep_urls_out_of_logs()
    result: list[str | None] = [f"no answer within {seconds:.0f} s"]
    transport = _send_alert if receiver.channel == ALERT else _send_metrics

    def work() -> None:
        try:
            result[0] = transport(receiver.url, key, payload, seconds)
        except Exception as failure:
            result[0] = type(failure).__name__

    thread = threading.Thread(target=work, name=f"send to {receiver}", daemon=True)
    thread.start()
    thread.join(seconds)
    return result[0]


def _send_metrics(url: str, key: str, payload: Mapping[str, Any], seconds: float) -> str | None:
    import requests

    if not url.lower().startswith(("http://", "https://")):
        return "METRICS_URL is not an http:// or https:// URL"
    answer = requests.post(
        url,
        data=json.dumps(payload),
        headers={KEY_HEADER: key, "Content-Type": "application/json"},
        timeout=seconds,
        allow_redirects=False,
        stream=True,  # the body is not read
    )
    with answer:
        return None if 200 <= answer.status_code < 300 else f"HTTP {answer.status_code}"


def _send_alert(url: str, key: str, payload: Mapping[str, Any], seconds: float) -> str | None:
    from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
    from apprise.common import OverflowMode

    asset = AppriseAsset(async_mode=False, http_redirects=False, storage_mode="memory", service_timeout=seconds)
    service: Any = Apprise.instantiate(url, asset=asset)
    if service is None:
        return "apprise does not know this kind of URL"
    service.redirects = False
    if service.overflow_mode == OverflowMode.UPSTREAM:
        service.overflow_mode = OverflowMode.TRUNCATE
    if url.split("://", 1)[0].lower() in GENERIC:
        service.headers[KEY_HEADER] = key
        service.payload_extras.setdefault("idempotency_key", key)
    kinds = {"critical": NotifyType.FAILURE, "warning": NotifyType.WARNING}
    kind = kinds.get(str(payload["severity"]), NotifyType.SUCCESS)
    sender = Apprise(service, asset=asset)
    with _Overheard() as overheard:
        is_sent = sender.notify(body_of(payload), title_of(payload), kind, body_format=NotifyFormat.TEXT)
    return None if is_sent else overheard.reason()


class _Overheard(logging.Handler):
    """Collects apprise's log lines for the HTTP status: its result is a boolean. The lines name hosts, so drop them."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    def reason(self) -> str:
        status = next((found for text in self.texts if (found := STATUS.search(text))), None)
        return f"HTTP {status[1]}" if status else "not reached, or not accepted"

    def __enter__(self) -> "_Overheard":
        logging.getLogger("apprise").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)


def _keep_urls_out_of_logs() -> None:
    """Silence both loggers for good: they log paths and hosts, and a web hook's path is its secret."""
    apprise, urllib3 = logging.getLogger("apprise"), logging.getLogger("urllib3")
    apprise.propagate = False
    apprise.setLevel(logging.WARNING)
    if not any(isinstance(handler, logging.NullHandler) for handler in apprise.handlers):
        apprise.addHandler(logging.NullHandler())  # otherwise unhandled records go to standard error
    urllib3.setLevel(max(urllib3.level, logging.ERROR))
