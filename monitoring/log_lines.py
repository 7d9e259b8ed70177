"""Log records as lines: `key=value` (logfmt) or JSON, one per record, with its run, pipeline, day and step.

No line holds a secret or a row: an exception is logged by its type and traceback locations, and by its text only if it
is one of Daybreak's errors.
"""

import json
import logging
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from pipeline_errors import public_text

PLAIN = re.compile(r"[^\s\"=\\\x00-\x1f]+")  # written without quotes

_context: ContextVar[Mapping[str, Any]] = ContextVar("log_context", default={})  # noqa: B039 - never changed, replaced


@contextmanager
def context(**fields: object) -> Iterator[None]:
    """Add these fields to every line logged in the block."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def logfmt(fields: Mapping[str, Any]) -> str:
    """Return fields as `key=value`, quoted if needed. None is left out."""
    return " ".join(f"{name}={_value(value)}" for name, value in fields.items() if value is not None)


class LogfmtFormatter(logging.Formatter):
    """A record as one line of logfmt."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return logfmt(_fields(record))


class JsonFormatter(logging.Formatter):
    """A record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = {name: value for name, value in _fields(record).items() if value is not None}
        return json.dumps(fields, default=str, ensure_ascii=False)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of a record. Time is UTC. A record with extra fields needs no message."""
    own: Mapping[str, Any] | None = getattr(record, "fields", None)
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return {
        "time": time.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        **_context.get(),
        **(own or {"message": " ".join(record.getMessage().split())}),
        "exception": _exception(record.exc_info[1]) if record.exc_info else None,
        "logger": record.name,
    }


def _exception(error: BaseException | None) -> str | None:
    """Return type, public text and traceback locations, innermost first; then those of its causes."""
    chain: list[str] = []
    while error and len(chain) < 5:
        frames = reversed(traceback.extract_tb(error.__traceback__))
        places = [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
        chain.append(f"{public_text(error)} at {' < '.join(places)}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return " from ".join(chain) or None


def _value(value: object) -> str:
    text = str(value)
    return text if PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
