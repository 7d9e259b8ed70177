"""Texts that may leave the machine: one bounded line, without secrets and without rows quoted by drivers."""

import re
from datetime import date
from decimal import Decimal

from pipeline_errors import LONGEST_CAUSE, ConfigurationError
from pipeline_settings import settings

LONGEST_LINE = 4 * LONGEST_CAUSE  # characters searched: a driver's line can hold a whole page

HIDDEN = (
    (re.compile(r"(?<!\S)\S*@"), "***@"),  # scheme://user:password@host, and the name in an e-mail address
    (re.compile(r"(?i)((?:passw|pwd|token|secret|key)\w*(?:[\"']\s*:|\s*=)\s*)\S+"), r"\1***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w+/.=~-]{8,}"), r"\1 ***"),
    # Postgres and Python quote the values that cause an error.
    (re.compile(r"\s(?:DETAIL|CONTEXT|LINE \d+):.*"), ""),
    (re.compile(r"(?i)((?:invalid input|out of range|could not convert|invalid literal)[^'\"]*)['\"].*"), r"\1…"),
)
USER_OF_URL = re.compile(r"(?<=://)[^/\s]*@")


def without_secrets(text: str) -> str:
    """Return the text as one line for Postgres, without passwords, tokens, e-mail addresses or quoted rows."""
    line = " ".join(_storable(text).split())[:LONGEST_LINE]
    for secret in _known_secrets():
        line = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", line)
    for pattern, replacement in HIDDEN:
        line = pattern.sub(replacement, line)
    return line[:LONGEST_CAUSE]


def without_user(url: str) -> str:
    """Return the URL without user and password."""
    return USER_OF_URL.sub("", _storable(url))


def first_line(error: BaseException) -> str:
    """Return the error's type and the first line of its message, without secrets: safe for foreign errors."""
    lines = str(error).strip().splitlines()
    return without_secrets(": ".join([type(error).__name__, *lines[:1]]))


def as_json_value(value: object) -> object:
    """Convert a value for json.dumps: decimals to numbers, times and days to ISO, others to text."""
    return float(value) if isinstance(value, Decimal) else value.isoformat() if isinstance(value, date) else str(value)


def _storable(text: str) -> str:
    return text.encode(errors="replace").decode().replace("\0", "")


def _known_secrets() -> list[str]:
    try:
        known = settings()
    except ConfigurationError:
        return []
    secrets = (known.pgpassword, known.shop_api_token, known.redis_url, known.metrics_url, known.alert_urls)
    texts = [secret.get_secret_value() for secret in secrets if secret]
    return [*texts, *(url for text in texts for url in text.replace(",", " ").split() if "://" in url)]
