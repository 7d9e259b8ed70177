"""Checks of each page of the shop's API before its rows are used."""

from hashlib import blake2b
from typing import Any

import requests

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.declaration.pages import Offset, PageNumber
from ingestion.http.paginators import WRONG_SHAPE, kind, reported_total
from ingestion.http.session import printable, readable
from ingestion.readers.keyed_rows import list_rows
from ingestion.values.json_text import ABSENT, get_path, parse_json
from pipeline_errors import ShopError

NO_CONTENT = 204


class PageCheck:
    """Checks and counts the pages of one read of a day.

    dlt's REST client takes a missing list or an error body for an empty page, and follows a `next` loop forever.
    """

    def __init__(self, dataset: DatasetConfig, max_pages: int) -> None:
        self.pages = 0
        self._dataset = dataset
        self._max_pages = max_pages
        self._seen: set[tuple[str, Any]] = set()
        self._contents: set[bytes] = set()
        self._totals: set[int] = set()
        self._rows: list[Any] = []

    def check(self, response: requests.Response) -> None:
        """Raise ShopError if the response is not a page; otherwise parse its JSON once, keeping numbers exact."""
        where = readable(response.url)
        self._count_page(response, where)
        body = [] if response.status_code == NO_CONTENT else _parse(response.content, where)
        if self._dataset.row_key:
            body = list_rows(body, self._dataset.data_selector, self._dataset.row_key)
        rows = self._count_rows(body, where)
        if rows and isinstance(self._dataset.paginator, Offset | PageNumber):
            self._refuse_repeat(response.content, where)
        # The data selector and the paginator each call json(). Parsing once halves the time of a page. The standard
        # parser would turn 19.990 into a float.
        response.json = lambda **_: body  # type: ignore[method-assign]
        response._content = b""  # do not hold a big page in memory twice
        if (total := reported_total(response, self._dataset)) is not None:
            self._totals.add(total)

    def release(self) -> None:
        """Free the rows of the last page, which dlt's client holds until it has the next one.

        Two pages in memory would also slow the processor's caches.
        """
        self._rows.clear()

    def totals_differ_from(self, rows: int) -> str:
        """Return the total that the shop reported, as text, if it differs from the number of rows; else ''."""
        return " and ".join(map(str, sorted(self._totals))) if self._totals - {rows} else ""

    def _count_page(self, response: requests.Response, where: str) -> None:
        page = response.url.partition("#")[0], response.request.body
        if page in self._seen:
            raise ShopError(
                f"{where} is linked as page {self.pages + 1}, but was already read",
                "The shop's pagination loops: report it to the shop.",
            )
        self._seen.add(page)
        self.pages += 1
        if self.pages > self._max_pages:
            raise ShopError(
                f"{where} has more than {self._max_pages} pages for one day",
                "If that is not a loop, raise max_pages in shop.toml.",
            )

    def _refuse_repeat(self, content: bytes, where: str) -> None:
        """Refuse a repeated page: a shop that ignores the paginator's parameter returns its first page forever."""
        digest = blake2b(content, digest_size=16).digest()
        if digest in self._contents:
            raise ShopError(
                f"{where} returned the same page twice (page {self.pages})",
                "Check the dataset's paginator in shop.toml: the shop may ignore its parameter.",
            )
        self._contents.add(digest)

    def _count_rows(self, body: Any, where: str) -> int:
        """Return the page's number of rows: 0 for an empty list as the whole body, as PHP sends it."""
        path = self._dataset.data_selector
        rows = get_path(body, path)
        if isinstance(rows, list) or body == []:
            self._rows = rows if isinstance(rows, list) else []
            return len(self._rows)
        selector = ".".join(map(str, path)) or "$"
        problem = f"has no list {selector!r}" if rows is ABSENT else f"has {kind(rows)} as {selector!r}, not a list"
        if isinstance(rows, dict) and rows and all(isinstance(row, dict) for row in rows.values()):
            raise ShopError(
                f"{where} {problem}, but an object of objects",
                "If its keys are the ids of rows, set row_key in shop.toml.",
            )
        if not isinstance(body, dict):
            raise ShopError(f"{where} {problem}: its body is {kind(body)}", WRONG_SHAPE)
        message = _error_message(body)
        keys = ", ".join(printable(key) for key in list(body)[:10])
        parts = f", and says: {printable(message)}" if message else f", only: {keys}" if rows is ABSENT and keys else ""
        raise ShopError(f"{where} {problem}{parts}", WRONG_SHAPE)


def _error_message(body: dict[str, Any]) -> str | None:
    """Return the message of an error body: `{"error": "…"}`, or as in GraphQL `{"errors": [{"message": "…"}]}`."""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else errors
    parts = [body, first] if isinstance(first, dict) else [body, {"error": first}]
    texts = (part.get(key) for part in parts for key in ("error", "message", "detail"))
    return next((text for text in texts if type(text) is str), None)


def _parse(content: bytes, where: str) -> Any:
    if not content.strip():
        raise ShopError(f"{where} answered with an empty body", WRONG_SHAPE)
    try:
        return parse_json(content)
    except RecursionError:
        raise ShopError(f"{where} sent JSON that nests too deep", WRONG_SHAPE) from None
    except ValueError:
        # Text that looks like JSON may begin with a customer's data.
        start = printable(content.lstrip(), 16 if content.lstrip()[:1] in b"{[" else 80)
        raise ShopError(
            f"{where} sent {len(content):,} bytes of invalid or truncated JSON, beginning {start!r}", WRONG_SHAPE
        ) from None
