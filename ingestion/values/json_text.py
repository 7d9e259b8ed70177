"""Lossless reading and writing of JSON: 1.50 stays 1.50, and differs from "1.50"."""

import gc
import json
import re
from json.encoder import encode_basestring
from typing import Any

# UTF-8, and so Postgres, cannot encode a lone surrogate. NUL is valid UTF-8, but Postgres does not store it in text.
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


ABSENT = object()


class Number(str):
    """A JSON number literal with its original spelling. A str, so that columns accept it unchanged."""

    __slots__ = ()


def parse_json(body: bytes | bytearray) -> Any:
    """Parse JSON; numbers become `Number`, NaN and Infinity too.

    Raises ValueError if the body is not JSON, RecursionError if it nests too deep.
    """
    # A page is a tree of a hundred thousand new objects, none of them garbage. The garbage collector would walk it
    # repeatedly while it grows, which takes a third of the time of a big day.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return json.loads(body, parse_float=Number, parse_int=Number, parse_constant=Number)
    finally:
        if collecting:
            gc.enable()


def get_path(body: Any, path: tuple[str | int, ...]) -> Any:
    """Return the value at a path of keys and list positions in parsed JSON, or ABSENT. -1 is the last item."""
    for step in path:
        if isinstance(step, int):
            if type(body) is not list or not -len(body) <= step < len(body):
                return ABSENT
        elif type(body) is not dict or step not in body:
            return ABSENT
        body = body[step]
    return body


def json_text(value: Any) -> str:
    """Return a parsed value as JSON text: keys sorted, no spaces, numbers as sent, valid UTF-8."""
    if type(value) is str:
        return LONE_SURROGATE.sub(_escape, encode_basestring(value))
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json_text(key)}:{json_text(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    return {None: "null", True: "true", False: "false"}[value]


def field_text(value: Any) -> str | None:
    """Return the text of a declared field: strings without quotes, null as None, anything else as JSON text."""
    return value if value is None or isinstance(value, str) else json_text(value)


def storable(text: str) -> str:
    """Return the text with NUL and lone surrogates as JSON escapes, so that Postgres can store it."""
    return UNSTORABLE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"
