"""Sends lineage events in a thread, by OpenLineage's client and its standard variables.

A receiver that is down or slow delays a run by at most SECONDS_TO_CLOSE, and leaves one line in the log. Undelivered
events are dropped: the ledger in ops has the facts.
"""

import logging
import threading
from queue import SimpleQueue
from typing import Any

from pipeline_errors import ConfigurationError

logger = logging.getLogger(__name__)

SECONDS_TO_CLOSE = 5.0


class Sender:
    """Accepts events without blocking and sends them in order. Close it.

    Raises ConfigurationError if OpenLineage's variables or file are invalid.
    """

    def __init__(self) -> None:
        self._client = _client()  # not in the thread: imports would run concurrently
        self._events: SimpleQueue[Any] = SimpleQueue()  # None ends it
        self._taken = self._sent = 0
        self._cause = ""  # of the latest failure; no message: it could hold a key
        self._is_closed = False
        self._thread = threading.Thread(target=self._send_all, name="lineage", daemon=True)
        self._thread.start()

    def send(self, event: Any) -> None:
        """Queue an event."""
        self._taken += 1
        self._events.put(event)

    def close(self) -> None:
        """Send the rest within SECONDS_TO_CLOSE, then drop it."""
        self._events.put(None)
        self._thread.join(SECONDS_TO_CLOSE)
        self._is_closed = True
        left = self._taken - self._sent
        if left:
            cause = self._cause or f"not accepted within {SECONDS_TO_CLOSE:g} s"
            logger.warning("%d of %d lineage events did not arrive: %s", left, self._taken, cause)

    def _send_all(self) -> None:
        for event in iter(self._events.get, None):
            if self._is_closed:
                break
            try:
                self._client.emit(event)
                self._sent += 1
            except Exception as error:
                status = getattr(getattr(error, "response", None), "status_code", "")
                self._cause = f"{type(error).__name__} {status}".strip()
        self._client.close(0)


def _client() -> Any:
    """Return OpenLineage's client; without a transport it would print events, so that is an error."""
    from openlineage.client import OpenLineageClient

    try:
        client = OpenLineageClient()
        if client.transport.kind == "console" and not (client.config.transport or {}).get("type"):
            raise ValueError
    except Exception as error:
        raise ConfigurationError(
            f"OpenLineage's configuration is invalid ({type(error).__name__})",
            "Configure a transport, or set OPENLINEAGE_DISABLED=true.",
        ) from None
    return client
