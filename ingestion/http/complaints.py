"""Errors that a shop reports in a body of JSON, with or without rows beside them."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from ingestion.values.json_text import Number

# Keys in lower case, without signs. What they hold is an error unless it says that there is none.
ERROR_KEY = re.compile(
    r"(has|is)?(user)?(error|err|fault|exception|failure|problem)s?(code|description|details?|messages?|msg|string|text)?"
    r"|(has|is)?failed"
)
SUCCESS_KEYS = {"success", "ok", "issuccess", "successful"}
STATUS_KEYS = {
    "status", "result", "state", "ack", "code", "statuscode", "resultcode", "responsecode", "httpstatus", "httpcode",
}  # fmt: skip
ENVELOPES = {"meta", "metadata", "response", "result", "status", "header", "shards", "data"}
NO_ERROR = {"", "0", "200", "false", "n", "no", "none", "null", "ok", "success"}
FAILURE = {"", "0", "false", "n", "no"}
FAILED = {"error", "fail", "failed", "failure", "nok", "ko", "denied", "partial", "partialfailure", "unauthorized"}
MESSAGE_KEYS = (
    "message", "error_description", "detail", "details", "description", "title", "reason", "error", "errors", "params",
    "faultstring", "error_message", "msg", "Message",
)  # fmt: skip
CODE_KEYS = ("code", "type")
THROTTLED = ("throttled", "rate limit", "rate_limit", "ratelimit", "too many requests", "too_many_requests")
MOST_MESSAGES = 3


def reported_error(body: Any, accepted: Collection[str | int] = ()) -> tuple[str, str] | None:
    """Return the key and the message of an error that a body reports, or of `success: false`; None without an error.

    `accepted`: keys that are no error in this shop, or that hold the rows.
    """
    if not isinstance(body, dict):
        return None
    reported = {key: value for key, value in body.items() if key not in accepted}
    for key, value in reported.items():
        name = _name(key)
        if name in ENVELOPES and isinstance(value, dict) and (inner := reported_error(value, accepted)):
            return inner
        if (ERROR_KEY.fullmatch(name) and not _is_one_of(value, NO_ERROR)) or (
            name in SUCCESS_KEYS and not isinstance(value, dict | list) and _is_one_of(value, FAILURE)
        ):
            return key, _said(reported) or (f"{key}: {value}".lower() if isinstance(value, bool | str) else key)
        if name in STATUS_KEYS and isinstance(value, str) and _is_failure(value):
            return key, _said(reported) or f"{key}: {value}"
    return None


def error_message(body: Any) -> str | None:
    """Return the text in which an error body says what is wrong; None if there is none."""
    texts = list(dict.fromkeys(_messages(body, 3)))
    return "; ".join(texts[:MOST_MESSAGES]) or None


def is_throttling(body: Any, message: str) -> bool:
    """Return whether an error only says that there were too many requests."""
    errors = body.get("errors") if isinstance(body, dict) else None
    codes = [
        str(extensions.get("code", ""))
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict) and isinstance(extensions := error.get("extensions"), dict)
    ]
    said = " ".join([message, *codes]).lower()
    return any(word in said for word in THROTTLED)


def _said(body: Mapping[str, Any]) -> str | None:
    """Return the message of a page, from the keys of errors alone: the others may hold customers."""
    parts = {
        key: value for key, value in body.items() if key.lower() in MESSAGE_KEYS or ERROR_KEY.fullmatch(_name(key))
    }
    return error_message(parts)


def _messages(value: Any, depth: int) -> list[str]:
    if isinstance(value, str) and not isinstance(value, Number):
        return [value] if value.strip() else []
    if depth == 0:
        return []
    if isinstance(value, list):
        return [text for part in value[:MOST_MESSAGES] for text in _messages(part, depth - 1)]
    if not isinstance(value, dict):
        return []
    named = [text for key in MESSAGE_KEYS if key in value for text in _messages(value[key], depth - 1)]
    data = value.get("data")
    if isinstance(data, dict) and "params" in data:  # WordPress names the wrong parameters there
        named += _messages(data["params"], depth - 1)
    codes = [text for key in CODE_KEYS for text in _messages(value.get(key), 0)]
    return named or _named_reasons(value) or codes


def _named_reasons(value: Mapping[str, Any]) -> list[str]:
    """Return reasons by the name of a parameter, `{"limit": ["must be below 100"]}`."""
    reasons = [(key, _messages(part, 1)) for key, part in list(value.items())[:MOST_MESSAGES]]
    return [f"{key}: {texts[0]}" for key, texts in reasons if texts]


def _is_failure(status: str) -> bool:
    is_code = status.isdecimal() and status[0] in "45" and len(status) in (3, 5)  # 503, 40001
    return is_code or _name(status) in FAILED


def _is_one_of(value: Any, words: Collection[str]) -> bool:
    if isinstance(value, dict | list):
        return not value
    return value is None or str(value).strip().lower() in words


def _name(key: str) -> str:
    return "".join(letter for letter in key.lower() if letter.isalnum())
