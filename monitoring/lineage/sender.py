"""Sends lineage in a thread of its own, by OpenLineage's client, as its standard variables say.

A receiver that is down or slow holds a run up for SECONDS_TO_CLOSE at most, and leaves one line in the log. What it did
not take is not kept: the ledger in ops knows what happened.
"""

import logging
import threading
from queue import SimpleQueue
from typing import Any

from pipeline_errors import ConfigurationError

logger = logging.getLogger(__name__)

SECONDS_TO_CLOSE = 5.0


class Sender:
    """Takes events at once and sends them in order. Close it.

    Raises ConfigurationError if OpenLineage's variables or file make no client.
    """

    def __init__(self) -> None:
        self._client = _client()  # here, not in the thread: it imports, as the run does
        self._events: SimpleQueue[Any] = SimpleQueue()  # None is the last
        self._taken = self._sent = 0
        self._cause = ""  # of the latest failure; no message: it could hold a key
        self._is_given_up = False
        self._thread = threading.Thread(target=self._send_all, name="lineage", daemon=True)
        self._thread.start()

    def send(self, event: Any) -> None:
        """Take an event to be sent."""
        self._taken += 1
        self._events.put(event)

    def close(self) -> None:
        """Send what is left within SECONDS_TO_CLOSE, and give up the rest."""
        self._events.put(None)
        self._thread.join(SECONDS_TO_CLOSE)
        self._is_given_up = True
        left = self._taken - self._sent
        if left:
            cause = self._cause or f"not taken within {SECONDS_TO_CLOSE:g} s"
            logger.warning("%d of %d lineage events did not arrive: %s", left, self._taken, cause)

    def _send_all(self) -> None:
        for event in iter(self._events.get, None):
            if self._is_given_up:
                break
            try:
                self._client.emit(event)
                self._sent += 1
            except Exception as error:
                status = getattr(getattr(error, "response", None), "status_code", "")
                self._cause = f"{type(error).__name__} {status}".strip()
        self._client.close(0)


def _client() -> Any:
    """OpenLineage's client; without a transport it would print events, which is no use to anybody."""
    from openlineage.client import OpenLineageClient

    try:
        client = OpenLineageClient()
        if client.transport.kind == "console" and not (client.config.transport or {}).get("type"):
            raise ValueError
    except Exception as error:
        raise ConfigurationError(
            f"OpenLineage's configuration is not usable ({type(error).__name__})",
            "Name a transport, or set OPENLINEAGE_DISABLED=true.",
        ) from None
    return client
