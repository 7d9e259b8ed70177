"""Log records as lines: `key=value` (logfmt) or JSON, one a record, with the run, pipeline, day and step it belongs to.

No line holds a secret or what is in a row: of an exception it tells the type and the places it came through, and its
text only if the error is ours.
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

PLAIN = re.compile(r"[^\s\"=\\\x00-\x1f]+")  # logfmt writes it without quotes

_context: ContextVar[Mapping[str, Any]] = ContextVar("log_context", default={})  # noqa: B039 - never changed, replaced


@contextmanager
def context(**fields: object) -> Iterator[None]:
    """Add these fields to every line that is logged in the block."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def logfmt(fields: Mapping[str, Any]) -> str:
    """Fields as `key=value`, quoted where a value needs it. A None is left out."""
    return " ".join(f"{name}={_value(value)}" for name, value in fields.items() if value is not None)


class LogfmtFormatter(logging.Formatter):
    """A record as one line of logfmt."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return logfmt(_fields(record))


class JsonFormatter(logging.Formatter):
    """A record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields = {name: value for name, value in _fields(record).items() if value is not None}
        return json.dumps(fields, default=str, ensure_ascii=False)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Time is UTC. A record that brings its own fields needs no message."""
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
    """Type, own text, and the way the error took, innermost place first; then what it came from."""
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
