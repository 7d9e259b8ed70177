"""dlt's paginators, with an error for a malformed response instead of an early end or an endless loop."""

from typing import Any, cast

import requests
from dlt.common import jsonpath
from dlt.sources.helpers.rest_client.paginators import (
    BaseNextUrlPaginator,
    BasePaginator,
    BaseReferencePaginator,
    HeaderCursorPaginator,
    HeaderLinkPaginator,
    SinglePagePaginator,
)

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.declaration.field_path import Path
from ingestion.declaration.pages import Cursor, HeaderCursor, HeaderLink, JsonLink, Offset, PageNumber
from ingestion.http.session import NO_ORIGIN, origin, readable
from ingestion.values.json_text import ABSENT, Number, get_path
from pipeline_errors import ShopError

WRONG_SHAPE = "Check SHOP_API_URL, and the dataset's path and selectors in shop.toml."
FLAGS = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}


def paginator_of(dataset: DatasetConfig, page_size: int) -> BasePaginator:
    """Return the paginator of a dataset."""
    declared = dataset.paginator
    if isinstance(declared, JsonLink):
        return NextUrlPaginator(declared.next_url_path)
    if isinstance(declared, HeaderLink):
        return HeaderLinkPaginator(declared.links_next_key)
    if isinstance(declared, HeaderCursor):
        return NextHeaderPaginator(declared.cursor_key, declared.cursor_param)
    if isinstance(declared, Cursor):
        return CursorPaginator(declared)
    if isinstance(declared, Offset | PageNumber):
        return CountingPaginator(declared, dataset, page_size)
    return OnlyPagePaginator(dataset, page_size)


def reported_total(response: requests.Response, dataset: DatasetConfig) -> int | None:
    """Return the day's total of rows, None if the shop reports none. Raises ShopError if it is not a count."""
    if dataset.total_header:
        header = response.headers.get(dataset.total_header, "*")
        total: Any = header.rpartition("/")[2].strip()  # also for `Content-Range: 0-24/100`
        if total == "*":
            return None
    elif dataset.total_selector:
        total = get_path(response.json(), dataset.total_selector)
    else:
        return None
    if total is ABSENT or total is None:
        return None
    if not (isinstance(total, str) and total.isdecimal() and len(total) < 19):
        raise ShopError(f"{_where(response)} reports a total of rows that is not a count ({kind(total)})", WRONG_SHAPE)
    return int(total)


class OnlyPagePaginator(SinglePagePaginator):
    """A day is one page. A full page without a reported total is an error: it may be the first of many."""

    def __init__(self, dataset: DatasetConfig, page_size: int) -> None:
        super().__init__()
        self._dataset = dataset
        self._most = page_size if dataset.page_size_param or dataset.page_size_body_path else None

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """End. Raises ShopError after a full page."""
        super().update_state(response, data)
        if self._most is not None and len(data or []) >= self._most and reported_total(response, self._dataset) is None:
            raise ShopError(
                f"{_where(response)} returned a full page of {self._most:,} rows, but shop.toml declares no paginator",
                "Declare the paginator, a total_selector or total_header, or a larger page_size.",
            )


class NextUrlPaginator(BaseNextUrlPaginator):
    """Follows the URL in the body, or in a list of links with `rel`, until it is null, "" or false."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Read the next page's URL. Raises ShopError if the value is not a URL."""
        following = get_path(response.json(), self._path)
        if isinstance(following, list):
            following = next_link(following)
        if following is ABSENT or not following:
            self._next_reference = None
        elif type(following) is not str or origin(following) == NO_ORIGIN:
            raise _unusable(response, following, self._path, "a URL")
        else:
            self._next_reference = following


class NextHeaderPaginator(HeaderCursorPaginator):
    """Sends the cursor of a header until it is absent or empty, as GitLab's `X-Next-Page` is on the last page."""

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Read the cursor."""
        self._next_reference = response.headers.get(self.cursor_key) or None


class CursorPaginator(BaseReferencePaginator):
    """Sends the cursor of the body, a string or a number, until there is none or a flag ends the day."""

    def __init__(self, declared: Cursor) -> None:
        super().__init__()
        self._declared = declared

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Read the cursor. Raises ShopError if the value is not a cursor."""
        path = self._declared.cursor_path
        cursor = get_path(response.json(), path)
        if cursor is ABSENT or not cursor or cursor == "0" or not _has_more(response, self._declared.has_more_path):
            self._next_reference = None
        elif isinstance(cursor, str):
            self._next_reference = str(cursor)
        else:
            raise _unusable(response, cursor, path, "a cursor")

    def update_request(self, request: requests.Request) -> None:
        """Set the place of the next page."""
        _ask(request, self._declared.cursor_param, self._declared.cursor_body_path, self._next_reference)


class CountingPaginator(BasePaginator):
    """Counts offsets or pages until the reported total, an empty page, or a flag that ends the day.

    dlt's paginators rely on the requested page size, and would skip rows where a shop returns smaller pages.
    """

    def __init__(self, declared: Offset | PageNumber, dataset: DatasetConfig, page_size: int) -> None:
        super().__init__()
        self._declared = declared
        self._dataset = dataset
        self._page_size = page_size
        self._rows = self._pages = 0

    def init_request(self, request: requests.Request) -> None:
        """Start at the first page."""
        self._rows = self._pages = 0
        self._has_next_page = True
        self.update_request(request)

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Count the rows of a page."""
        self._rows += len(data or [])
        self._pages += 1
        total = reported_total(response, self._dataset)
        is_all = total is not None and self._rows >= total
        self._has_next_page = bool(data) and not is_all and _has_more(response, self._declared.has_more_path)

    def update_request(self, request: requests.Request) -> None:
        """Set the place of the next page."""
        declared = self._declared
        if isinstance(declared, PageNumber):
            page = declared.base_page + self._pages
            _ask(request, declared.page_param, declared.page_body_path, page)
        elif declared.offset_body_path:
            _ask(request, None, declared.offset_body_path, self._rows)
        else:
            at = declared.offset_format.format(offset=self._rows, page_size=self._page_size)
            _ask(request, declared.offset_param, None, at)


def next_link(links: list[Any]) -> Any:
    """Return the URL of the next page in a list such as `[{"rel": "next", "href": "…"}]`.

    "" if the list has other links only, None if it is not a list of links.
    """
    named = {
        name: link.get("href") or link.get("url") or link.get("uri")
        for link in links
        if isinstance(link, dict) and isinstance(rel := link.get("rel") or link.get("relation"), str | list)
        for name in (rel.split() if isinstance(rel, str) else map(str, rel))
    }
    return named.get("next", "") if named else None


def kind(value: Any) -> str:
    """Name the type of a parsed JSON value, for a message that must not quote it."""
    if isinstance(value, Number):
        return "a number"
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names[type(value)]


def _ask(request: requests.Request, param: str | None, body_path: str | None, value: str | int | None) -> None:
    """Put a value into the request: into its body if there is a path, else into its parameters."""
    if body_path:
        jsonpath.set_value_at_path(cast("dict[str, Any]", request.json), body_path, value)
    elif param:
        request.params = {**cast("dict[str, Any]", request.params or {}), param: str(value)}


def _has_more(response: requests.Response, path: Path | None) -> bool:
    if path is None:
        return True
    flag = get_path(response.json(), path)
    if flag is ABSENT and response.json() == []:  # a page without rows
        return False
    if not isinstance(flag, bool | str) or (has_more := FLAGS.get(flag)) is None:
        raise _unusable(response, flag, path, "true or false")
    return has_more


def _unusable(response: requests.Response, value: Any, path: Path, wanted: str) -> ShopError:
    named = ".".join(map(str, path))
    what = f"nothing as {named!r}" if value is ABSENT else f"{kind(value)} as {named!r}, not {wanted}"
    return ShopError(f"{_where(response)} has {what}", WRONG_SHAPE)


def _where(response: requests.Response) -> str:
    return readable(response.url)
