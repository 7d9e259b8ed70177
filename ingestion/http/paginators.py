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
from ingestion.http.page_values import more_flag, reported_total, unusable
from ingestion.http.signs_of_more import ReadSoFar
from ingestion.http.urls import NO_ORIGIN, origin, readable
from ingestion.values.json_text import ABSENT, get_path
from pipeline_errors import ShopError

ENDS = "has_more_path, total_selector or total_header"


def paginator_of(dataset: DatasetConfig, page_size: int) -> BasePaginator:
    """Return the paginator of a dataset."""
    declared = dataset.paginator
    if isinstance(declared, JsonLink):
        return NextUrlPaginator(declared.next_url_path, dataset)
    if isinstance(declared, HeaderLink):
        return LinkPaginator(declared, dataset)
    if isinstance(declared, HeaderCursor):
        return HeaderPaginator(declared, dataset)
    if isinstance(declared, Cursor):
        return CursorPaginator(declared, dataset)
    if isinstance(declared, Offset | PageNumber):
        return CountingPaginator(declared, dataset, page_size)
    return OnlyPagePaginator(dataset, page_size)


class OnlyPagePaginator(SinglePagePaginator):
    """A day is one page. A full page is an error: it may be the first of many, and a total may be that of the page."""

    def __init__(self, dataset: DatasetConfig, page_size: int) -> None:
        super().__init__()
        self._read = ReadSoFar(dataset, "shop.toml declares no paginator")
        self._most = page_size if dataset.page_size_param or dataset.page_size_body_path else None

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """End. Raises ShopError after a full page, or one that shows that there is more."""
        super().update_state(response, data)
        if self._most is not None and len(data or []) >= self._most:
            raise ShopError(
                f"{readable(response.url)} returned a full page of {self._most:,} rows, but shop.toml declares no "
                "paginator",
                "Declare the paginator, or a larger page_size.",
            )
        self._read.add(data, is_place_found=reported_total(response, self._read.dataset) is not None)
        self._read.end(response)


class NextUrlPaginator(BaseNextUrlPaginator):
    """Follows the URL in the body, or in a list of links with `rel`, until it is null, "" or false."""

    def __init__(self, path: Path, dataset: DatasetConfig) -> None:
        super().__init__()
        self._path = path
        self._read = ReadSoFar(dataset, f"the page has no URL at next_url_path {'.'.join(map(str, path))!r}")

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Read the next page's URL. Raises ShopError if the value is not a URL."""
        following = get_path(response.json(), self._path)
        if isinstance(following, list):
            following = next_link(following)
        self._read.add(data, is_place_found=following is not ABSENT)
        if following is ABSENT or not following:
            self._next_reference = None
            self._read.end(response)
        elif type(following) is not str or origin(following) == NO_ORIGIN:
            raise unusable(response, following, "next_url_path", self._path, "a URL")
        else:
            self._next_reference = following


class LinkPaginator(HeaderLinkPaginator):
    """Follows the URL in the header Link until there is none."""

    def __init__(self, declared: HeaderLink, dataset: DatasetConfig) -> None:
        super().__init__(declared.links_next_key)
        self._read = ReadSoFar(dataset, f"the page has no rel={declared.links_next_key!r} in its header Link")

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Read the next page's URL."""
        super().update_state(response, data)
        self._read.add(data, is_place_found=self.has_next_page)
        if not self.has_next_page:
            self._read.end(response)


class HeaderPaginator(HeaderCursorPaginator):
    """Sends the cursor of a header until it is absent or empty, as GitLab's `X-Next-Page` is on the last page."""

    def __init__(self, declared: HeaderCursor, dataset: DatasetConfig) -> None:
        super().__init__(declared.cursor_key, declared.cursor_param)
        self._read = ReadSoFar(dataset, f"the page has no header {declared.cursor_key}")

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Read the cursor."""
        self._next_reference = response.headers.get(self.cursor_key) or None
        self._read.add(data, is_place_found=self.has_next_page)
        if not self.has_next_page:
            self._read.end(response)


class CursorPaginator(BaseReferencePaginator):
    """Sends the cursor of the body, a string or a number, until there is none or a flag ends the day."""

    def __init__(self, declared: Cursor, dataset: DatasetConfig) -> None:
        super().__init__()
        self._declared = declared
        self._read = ReadSoFar(
            dataset, f"the page has no cursor at cursor_path {'.'.join(map(str, declared.cursor_path))!r}"
        )

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Read the cursor. Raises ShopError if the value is not a cursor, or the flag promises one in vain."""
        path = self._declared.cursor_path
        cursor = get_path(response.json(), path)
        self._read.add(data, is_place_found=cursor is not ABSENT)
        flag = more_flag(response, self._declared.has_more_path, has_rows=bool(data))
        is_repeated = isinstance(cursor, str) and cursor == self._next_reference
        if flag is False or (is_repeated and not data and not flag):
            self._next_reference = None
        elif cursor is ABSENT or not cursor or cursor == "0":
            if flag:
                raise unusable(
                    response, cursor, "cursor_path", path, "a cursor, although has_more_path says that more follows"
                )
            self._next_reference = None
            self._read.end(response)
        elif not isinstance(cursor, str):
            raise unusable(response, cursor, "cursor_path", path, "a cursor")
        elif is_repeated:
            raise ShopError(
                f"{readable(response.url)} returned the cursor that it was asked with (page {self._read.pages})",
                f"If that is how the shop ends a day, declare {ENDS}; else correct cursor_param in shop.toml.",
            )
        else:
            self._next_reference = str(cursor)

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
        self._is_last_empty = False

    def init_request(self, request: requests.Request) -> None:
        """Start at the first page."""
        self._read = ReadSoFar(self._dataset, f"its first page, by {self._declared.type}, has no rows")
        self._has_next_page = True
        self.update_request(request)

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Count the rows of a page.

        A total that the first page fulfils may be that of the page: it is believed after one more page.
        """
        self._read.add(data)
        flag = more_flag(response, self._declared.has_more_path, has_rows=bool(data))
        total = reported_total(response, self._dataset)
        is_all = total is not None and self._read.rows >= total and (self._read.pages > 1 or not data)
        self._has_next_page = (bool(data) and not is_all) if flag is None else flag
        if flag and not data:
            self._refuse_empty(response)
        self._is_last_empty = not data
        if not data and self._read.pages == 1 and not flag and total is None:
            self._read.end(response)

    def update_request(self, request: requests.Request) -> None:
        """Set the place of the next page."""
        declared = self._declared
        if isinstance(declared, PageNumber):
            page = declared.base_page + self._read.pages
            _ask(request, declared.page_param, declared.page_body_path, page)
        elif declared.offset_body_path:
            _ask(request, None, declared.offset_body_path, self._read.rows)
        else:
            at = declared.offset_format.format(offset=self._read.rows, page_size=self._page_size)
            _ask(request, declared.offset_param, None, at)

    def _refuse_empty(self, response: requests.Response) -> None:
        """Refuse an empty page with more to come, unless the next page has another number."""
        if isinstance(self._declared, Offset) or self._is_last_empty:
            raise ShopError(
                f"{readable(response.url)} returned an empty page {self._read.pages}, although has_more_path says that "
                "more follows",
                "Correct has_more_path, or the paginator, in shop.toml; else report it to the shop.",
            )


def next_link(links: list[Any]) -> Any:
    """Return the URL of the next page in a list such as `[{"rel": "next", "href": "…"}]`.

    "" if the list has other links only, ABSENT if it is not a list of links.
    """
    named = {
        name: link.get("href") or link.get("url") or link.get("uri")
        for link in links
        if isinstance(link, dict) and isinstance(rel := link.get("rel") or link.get("relation"), str | list)
        for name in (rel.split() if isinstance(rel, str) else map(str, rel))
    }
    return named.get("next", "") if named else ABSENT


def _ask(request: requests.Request, param: str | None, body_path: str | None, value: str | int | None) -> None:
    """Put a value into the request: into its body if there is a path, else into its parameters."""
    if body_path:
        jsonpath.set_value_at_path(cast("dict[str, Any]", request.json), body_path, value)
    elif param:
        request.params = {**cast("dict[str, Any]", request.params or {}), param: str(value)}
