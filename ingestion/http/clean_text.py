"""Texts of the shop for messages: cleaned of secrets and customers' data as a whole, and only then cut."""

import re
from base64 import b64decode
from collections.abc import Iterable

import requests

from ingestion.http.urls import readable
from pipeline_errors import one_line
from pipeline_settings import settings

HIDDEN = "…"
LONGEST_SECRETLESS = 3  # characters: replacing shorter texts would only garble the message
PLAIN_HEADERS = {"accept", "accept-encoding", "connection", "content-length", "content-type", "user-agent"}

URL = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
QUERY = re.compile(r"\?[^\s\"'<>]*=[^\s\"'<>]*")
ADDRESS = re.compile(r"[^\s\"'<>,;:()=&\[\]{}]+(?:@|%40|&#64;)[^\s\"'<>,;:()=&\[\]{}]+", re.IGNORECASE)
NAMED_SECRET = re.compile(
    r"((?:token|key|secret|password|passwd|authorization|signature)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&]+", re.IGNORECASE
)
SCHEME = re.compile(r"\b(bearer|basic|token) +(?=\S*[0-9]|\S{20})[\w.~+/=-]{12,}", re.IGNORECASE)
LONG_CODE = re.compile(r"(?=[\w.-]*[0-9])[\w-]{24,}(?:\.[\w-]+)*")
DIGITS = re.compile(r"(?<![\w.-])(?![0-9]{4}-[0-9]{2}-[0-9]{2})\+?[0-9][0-9 ()/-]{7,}[0-9]")


def clean(text: str | bytes, request: requests.PreparedRequest | None = None, limit: int = 160) -> str:
    """Return a text of the shop for a message: short, on one line, without secrets, addresses, queries and numbers.

    `request`: the request that it answers, whose credentials it may quote.
    """
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    for secret in sorted(_secrets(request), key=len, reverse=True):
        plain = plain.replace(secret, HIDDEN)
    plain = URL.sub(lambda match: readable(match.group()), plain)
    plain = QUERY.sub(f"?{HIDDEN}", plain)
    plain = ADDRESS.sub(HIDDEN, plain)
    plain = NAMED_SECRET.sub(rf"\g<1>{HIDDEN}", plain)
    plain = SCHEME.sub(rf"\g<1> {HIDDEN}", plain)
    plain = DIGITS.sub(HIDDEN, LONG_CODE.sub(HIDDEN, plain))
    line = one_line(plain)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + HIDDEN


def _secrets(request: requests.PreparedRequest | None) -> set[str]:
    token = settings().shop_api_token
    found = {token.get_secret_value().strip()} if token else set()
    if request is not None:
        found.update(_words_of_headers(request))
    return {secret for secret in found if len(secret) > LONGEST_SECRETLESS}


def _words_of_headers(request: requests.PreparedRequest) -> Iterable[str]:
    for name, value in request.headers.items():
        if name.lower() in PLAIN_HEADERS:
            continue
        word = (value.decode("latin-1") if isinstance(value, bytes) else value).rpartition(" ")[2]
        yield word
        if name.lower() == "authorization" and value[:6] == "Basic ":
            yield from b64decode(word).decode("latin-1").split(":", 1)
