"""HTTP to the shop's origin only, with limits of time and size, retries, and one-line errors."""

import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from dlt.sources.helpers.requests import Session
from requests.hooks import default_hooks, dispatch_hook
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay
from tenacity.wait import wait_base, wait_exponential_jitter

from ingestion.declaration.shop_config import ShopConfig
from ingestion.http.deadline import Deadline, DeadlineAdapter
from pipeline_errors import ShopError

logger = logging.getLogger(__name__)

CHUNK_BYTES = 65_536
DEFAULT_PORTS = {"http": 80, "https": 443}

Check = Callable[[requests.Response], None]
Origin = tuple[str, str | None, int | None]
NO_ORIGIN: Origin = ("unreadable", None, None)


class TransientShopError(ShopError):
    """A failure that a retry may fix."""

    def __init__(self, cause: str, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(cause, remedy)
        self.retry_after = retry_after


class ShopSession(Session):
    """dlt's session for one read of the shop. Anything but a complete response with status 2xx is a ShopError.

    It sends no request to another origin and follows no redirect, since either would expose the token.
    """

    def __init__(self, base_url: str, config: ShopConfig, deadline: Deadline, check: Check | None = None) -> None:
        """`check` is called first with each successful response, and may raise ShopError."""
        super().__init__(timeout=config.timeout_seconds, raise_for_status=False)
        self.headers.update(config.headers)
        self._origin = origin(base_url)
        self._config = config
        self._deadline = deadline
        self._check = check
        adapter = DeadlineAdapter(deadline)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return None: redirects are refused, not followed."""
        return None

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send with retries and read the body. Hooks only see a successful response."""
        url = str(request.url)
        if origin(url) != self._origin:
            raise ShopError(
                f"The shop's next page is on another server: {readable(url)}",
                "Nothing was sent there. If that server is the shop, set SHOP_API_URL to it.",
            )
        hooks, request.hooks = request.hooks, default_hooks()
        retrying = Retrying(
            retry=retry_if_exception_type(TransientShopError),
            stop=stop_after_attempt(self._config.max_attempts) | stop_before_delay(self._deadline.remaining()),
            wait=_Backoff(self._config.backoff_seconds),
            before_sleep=_log_retry,
            reraise=True,
        )
        response = retrying(self._attempt, request, **(kwargs | {"stream": True, "allow_redirects": False}))
        # dlt's response_actions would decode the whole body to text first.
        if self._check:
            self._check(response)
        return dispatch_hook("response", hooks, response, **kwargs)

    def _attempt(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        where = readable(str(request.url))
        if self._deadline.is_over():
            raise self._too_late(where)
        kwargs["timeout"] = min(self._config.timeout_seconds, self._deadline.remaining() + 0.1)
        try:
            response: requests.Response = super().send(request, **kwargs)  # type: ignore[no-untyped-call]
            with response:
                _refuse_status(response, where)
                response._content = b"".join(self._chunks(response, where))
                return response
        except requests.RequestException as error:
            if self._deadline.is_over():
                raise self._too_late(where) from None
            raise _unreadable(error, where, kwargs["timeout"]) from None

    def _chunks(self, response: requests.Response, where: str) -> Iterator[bytes]:
        size = 0
        for chunk in response.iter_content(CHUNK_BYTES):
            size += len(chunk)
            if size > self._config.max_page_bytes:
                raise ShopError(
                    f"{where} sent a page of more than {self._config.max_page_bytes:,} bytes",
                    "Lower page_size or raise max_page_bytes in shop.toml.",
                )
            yield chunk
        # A closed connection looks like the end of a body without Content-Length.
        if self._deadline.is_over():
            raise self._too_late(where)

    def _too_late(self, where: str) -> ShopError:
        return ShopError(
            f"{where} was not read within {self._deadline.seconds:g} s",
            "Run again when the shop is faster, or raise deadline_seconds in shop.toml.",
        )


def origin(url: str) -> Origin:
    """Return scheme, host and port of a URL, which must not change between two requests with a token."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return NO_ORIGIN


def readable(url: str) -> str:
    """Return a URL for a message: without user, password and query, any of which may hold a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an unreadable URL"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))[:300]


class _Backoff(wait_base):
    """Retry-After if the shop sent one, else exponential backoff with jitter."""

    def __init__(self, first_seconds: float) -> None:
        self._doubling = wait_exponential_jitter(multiplier=first_seconds, max=60, jitter=first_seconds / 2)

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        if isinstance(error, TransientShopError) and error.retry_after is not None:
            return error.retry_after
        return self._doubling(retry_state)


def _log_retry(retry_state: RetryCallState) -> None:
    error = retry_state.outcome.exception() if retry_state.outcome else None
    wait = retry_state.next_action.sleep if retry_state.next_action else 0
    logger.warning("attempt %d: %s Trying again in %.1f s", retry_state.attempt_number, error, wait)


def _refuse_status(response: requests.Response, where: str) -> None:
    status = response.status_code
    if 200 <= status < 300:
        return
    answer = f"{where} answered {status} {printable(response.reason)}".rstrip()
    if status == 429 or status >= 500:
        wait = _retry_after(response.headers.get("Retry-After", ""))
        asking = f", asking to wait {wait:.0f} s" if wait is not None else ""
        raise TransientShopError(answer + asking, "Run again when the shop has recovered.", wait)
    if 300 <= status < 400:
        target = readable(response.headers.get("Location", ""))
        raise ShopError(
            f"{answer}, redirecting to {printable(target)}",
            "Redirects are not followed, to protect the token. Correct SHOP_API_URL, or path in shop.toml.",
        )
    if status in (401, 403):
        raise ShopError(answer, "Set SHOP_API_TOKEN to a token that may read this.")
    raise ShopError(answer, "Check SHOP_API_URL, and path and the parameters in shop.toml.")


def _retry_after(header: str) -> float | None:
    """Parse seconds or a date into seconds to wait; None if it is neither."""
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _unreadable(error: requests.RequestException, where: str, timeout: float) -> ShopError:
    """Return the error for a failed request, from its innermost cause: the message of `requests` has the whole URL."""
    innermost = _innermost(error)
    if isinstance(error, requests.exceptions.SSLError):
        return ShopError(
            f"{where} has no trusted TLS certificate: {_reason(innermost)}", "Check the shop's certificate."
        )
    if isinstance(error, requests.Timeout):
        return TransientShopError(f"{where} sent no byte for {timeout:g} s", "Check that the shop is up.")
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return TransientShopError(
            f"{where} cannot be read: {_reason(innermost)}", "Check SHOP_API_URL, and that the shop is up."
        )
    return ShopError(f"{where} cannot be read: {type(error).__name__}", "Check SHOP_API_URL.")


def _innermost(error: BaseException) -> BaseException:
    while True:
        reason = getattr(error, "reason", None)
        causes = (error.__cause__, error.__context__, reason, *error.args)
        cause = next((cause for cause in causes if isinstance(cause, BaseException)), None)
        if cause is None:
            return error
        error = cause


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)
    if isinstance(error, socket.gaierror):
        return "unknown host"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"the connection broke ({type(error).__name__})"


def printable(text: str | bytes, limit: int = 80) -> str:
    """Return text from the shop for a message: short, on one line, escaped."""
    plain = text.decode("latin-1") if isinstance(text, bytes) else text
    return ascii(plain[:limit])[1:-1]
