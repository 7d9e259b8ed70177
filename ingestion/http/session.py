"""HTTP to the shop's origin only, with limits of time and size, retries, and one-line errors."""

import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol, runtime_checkable

import requests
from dlt.sources.helpers.requests import Session
from requests.hooks import default_hooks, dispatch_hook
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay
from tenacity.wait import wait_base, wait_exponential_jitter

from ingestion.declaration.shop_config import ShopConfig
from ingestion.http.deadline import Deadline, DeadlineAdapter
from ingestion.http.page_body import unzipped
from ingestion.http.refusals import ERROR_BYTES, NO_CONTENT, RefusedRequestError, refuse_status
from ingestion.http.urls import origin, readable, with_tls_of
from ingestion.http.waits import TransientShopError
from pipeline_errors import ShopError

logger = logging.getLogger(__name__)

CHUNK_BYTES = 65_536

Check = Callable[[requests.Response], None]
Accept = Callable[[RefusedRequestError], bool]


@runtime_checkable
class RenewableAuth(Protocol):
    """An authentication with a token that the shop may end before its time."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign the request; it may have been signed before."""

    def drop_token(self) -> None:
        """Forget the token, so that the next signature takes a new one."""


class ShopSession(Session):
    """dlt's session for one read of the shop. Anything but a complete response with status 2xx is a ShopError.

    It sends no request to another origin and follows no redirect, since either would expose the token.
    """

    def __init__(
        self,
        base_url: str,
        config: ShopConfig,
        deadline: Deadline,
        check: Check | None = None,
        accept: Accept | None = None,
    ) -> None:
        """`check` is called first with each successful response, and may raise ShopError.

        `accept` is called with a refusal: if it returns True, the refusal counts as a response without content.
        """
        super().__init__(timeout=config.timeout_seconds, raise_for_status=False)
        self.headers.update(config.headers)
        self._base_url = base_url
        self._config = config
        self._deadline = deadline
        self._check = check
        self._accept = accept
        self._auth: Any = None
        adapter = DeadlineAdapter(deadline)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return None: redirects are refused, not followed."""
        return None

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare a request. Raises ShopError if its URL, which may be a link of the shop, is broken."""
        url = str(request.url)
        self._auth = request.auth
        request.url = with_tls_of(self._base_url, url)
        self._refuse_elsewhere(request.url)
        try:
            return super().prepare_request(request)
        except (requests.RequestException, ValueError):  # a broken host name is a UnicodeError, a ValueError
            raise ShopError(
                f"{readable(url)} is not a URL that can be requested",
                "Check SHOP_API_URL, and path in shop.toml; if it is the shop's next page, report it to the shop.",
            ) from None

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send with retries and read the body. Hooks only see a successful response."""
        self._refuse_elsewhere(str(request.url))
        hooks, request.hooks = request.hooks, default_hooks()
        retrying = Retrying(
            retry=retry_if_exception_type(TransientShopError),
            stop=stop_after_attempt(self._config.max_attempts) | stop_before_delay(self._deadline.remaining()),
            wait=_Backoff(self._config.backoff_seconds),
            before_sleep=_log_retry,
            reraise=True,
        )
        response = retrying(self._attempt, request, **(kwargs | {"stream": True, "allow_redirects": False}))
        return dispatch_hook("response", hooks, response, **kwargs)

    def _refuse_elsewhere(self, url: str) -> None:
        if origin(url) == origin(self._base_url):
            return
        remedy = "Nothing was sent there. If that server is the shop, set SHOP_API_URL to it."
        if self._base_url.startswith("https:") and not url.startswith("https:"):
            remedy = "Nothing was sent there, to protect the token: the shop must link its pages with https."
        raise ShopError(f"The shop's next page is on another server: {readable(url)}", remedy)

    def _attempt(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send once; once more with a new token if the shop refuses one that can be renewed."""
        auth = self._auth if isinstance(self._auth, RenewableAuth) else None
        if auth:
            auth(request)  # the token may have ended while waiting
        try:
            response = self._read(request, **kwargs)
        except RefusedRequestError as error:
            if auth and error.response.status_code == 401:
                auth.drop_token()
                response = self._read(auth(request), **kwargs)
            elif self._accept and self._accept(error):
                response = error.response
                response.status_code, response._content = NO_CONTENT, b""
            else:
                raise
        # dlt's response_actions would decode the whole body to text first.
        if self._check:
            self._check(response)
        return response

    def _read(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        where = readable(str(request.url))
        if self._deadline.is_over():
            raise self._too_late(where)
        kwargs["timeout"] = min(self._config.timeout_seconds, self._deadline.remaining() + 0.1)
        try:
            response: requests.Response = super().send(request, **kwargs)  # type: ignore[no-untyped-call]
            with response:
                if not 200 <= response.status_code < 300:
                    refuse_status(response, self._config.auth, _start_of(response), self._base_url)
                content = b"".join(self._chunks(response, where))
                response._content = unzipped(content, self._config.max_page_bytes)
                self._refuse_too_big(len(response._content), where)
                return response
        except requests.RequestException as error:
            if self._deadline.is_over():
                raise self._too_late(where) from None
            raise _unreadable(error, where, kwargs["timeout"]) from None

    def _chunks(self, response: requests.Response, where: str) -> Iterator[bytes]:
        size = 0
        for chunk in response.iter_content(CHUNK_BYTES):
            size += len(chunk)
            self._refuse_too_big(size, where)
            yield chunk
        # A closed connection looks like the end of a body without Content-Length.
        if self._deadline.is_over():
            raise self._too_late(where)

    def _refuse_too_big(self, size: int, where: str) -> None:
        if size > self._config.max_page_bytes:
            raise ShopError(
                f"{where} sent a page of more than {self._config.max_page_bytes:,} bytes",
                "Lower page_size or raise max_page_bytes in shop.toml.",
            )

    def _too_late(self, where: str) -> ShopError:
        return ShopError(
            f"{where} was not read within {self._deadline.seconds:g} s",
            "Run again when the shop is faster, or raise deadline_seconds in shop.toml.",
        )


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


def _start_of(response: requests.Response) -> bytes:
    """Return the start of an error body; what can be read of it before the connection ends."""
    start = b""
    with suppress(requests.RequestException):
        for chunk in response.iter_content(ERROR_BYTES):
            start += chunk
            if len(start) >= ERROR_BYTES:
                break
    return start


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
