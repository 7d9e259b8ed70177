"""What a page of the shop's API must look like before a row of it is believed."""

from hashlib import blake2b
from typing import Any

import requests

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.declaration.pages import Offset, PageNumber
from ingestion.http.paginators import WRONG_SHAPE, kind, reported_total
from ingestion.http.session import printable, readable
from ingestion.readers.keyed_rows import with_rows_listed
from ingestion.values.json_text import ABSENT, found, parse_json
from pipeline_errors import ShopError

NO_CONTENT = 204


class PageCheck:
    """The judge of one reading of a day: refuses what is no page, and keeps count.

    dlt's REST client takes a missing list or an error body for an empty page, and follows a `next` for ever.
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
        """Refuse the response with a ShopError, or let its JSON be read, exactly and without parsing it again."""
        where = readable(response.url)
        self._count(response, where)
        body = [] if response.status_code == NO_CONTENT else _parse(response.content, where)
        if self._dataset.row_key:
            body = with_rows_listed(body, self._dataset.data_selector, self._dataset.row_key)
        rows = self._require_rows(body, where)
        if rows and isinstance(self._dataset.paginator, Offset | PageNumber):
            self._require_news(response.content, where)
        # The data selector and the paginator each call json(): parsing once halves the time of a page, and it must be
        # our parser, since the usual one turns 19.990 into a float.
        response.json = lambda **_: body  # type: ignore[method-assign]
        response._content = b""  # parsed: a big page need not stand in memory twice
        if (total := reported_total(response, self._dataset)) is not None:
            self._totals.add(total)

    def release(self) -> None:
        """Free the rows of the page that was read last.

        dlt's client holds them until it has the next page: both would fill memory that the processor has to fetch anew.
        """
        self._rows.clear()

    def totals_differ_from(self, rows: int) -> str:
        """What the shop told as the day's total, if that is not the number of rows that came; else ''."""
        return " and ".join(map(str, sorted(self._totals))) if self._totals - {rows} else ""

    def _count(self, response: requests.Response, where: str) -> None:
        page = response.url.partition("#")[0], response.request.body
        if page in self._seen:
            raise ShopError(
                f"{where} is named as the next page although it was read before (page {self.pages + 1})",
                "The shop's pagination loops: report it to the shop.",
            )
        self._seen.add(page)
        self.pages += 1
        if self.pages > self._max_pages:
            raise ShopError(
                f"{where} has more than {self._max_pages} pages for one day",
                "If that is no loop, raise max_pages in shop.toml.",
            )

    def _require_news(self, content: bytes, where: str) -> None:
        """A shop that does not know the parameter of our paginator would give its first page for ever."""
        digest = blake2b(content, digest_size=16).digest()
        if digest in self._contents:
            raise ShopError(
                f"{where} gave the same page twice (page {self.pages})",
                "Check the dataset's paginator in shop.toml: the shop may know no such parameter.",
            )
        self._contents.add(digest)

    def _require_rows(self, body: Any, where: str) -> int:
        """How many rows the page has. An empty list in place of the whole page is one without rows: PHP writes that."""
        path = self._dataset.data_selector
        rows = found(body, path)
        if isinstance(rows, list) or body == []:
            self._rows = rows if isinstance(rows, list) else []
            return len(self._rows)
        selector = ".".join(map(str, path)) or "$"
        said_of_rows = (
            f"has no list {selector!r}" if rows is ABSENT else f"has {kind(rows)} as {selector!r}, not a list"
        )
        if isinstance(rows, dict) and rows and all(isinstance(row, dict) for row in rows.values()):
            raise ShopError(
                f"{where} {said_of_rows}, but an object of objects",
                "If its keys are ids of rows, row_key in shop.toml takes them.",
            )
        if not isinstance(body, dict):
            raise ShopError(f"{where} {said_of_rows}: its body is {kind(body)}", WRONG_SHAPE)
        said = _said(body)
        keys = ", ".join(printable(key) for key in list(body)[:10])
        parts = f", and says: {printable(said)}" if said else f", only: {keys}" if rows is ABSENT and keys else ""
        raise ShopError(f"{where} {said_of_rows}{parts}", WRONG_SHAPE)


def _said(body: dict[str, Any]) -> str | None:
    """What an error body tells people: `{"error": "…"}`, or as in GraphQL `{"errors": [{"message": "…"}]}`."""
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
        # What looks like JSON may begin with a customer's data.
        start = printable(content.lstrip(), 16 if content.lstrip()[:1] in b"{[" else 80)
        raise ShopError(
            f"{where} sent {len(content):,} bytes that are no JSON, or JSON cut short, beginning {start!r}", WRONG_SHAPE
        ) from None
