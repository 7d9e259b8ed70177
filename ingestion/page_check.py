"""What a page of the shop's API must look like before a row of it is believed."""

from hashlib import blake2b
from typing import Any

import requests

from ingestion.json_text import ABSENT, Number, found, parse_json
from ingestion.shop_api import Cursor, JsonLink, Offset, PageNumber
from ingestion.shop_config import DatasetConfig
from ingestion.shop_session import NO_ORIGIN, origin, printable, readable
from pipeline_errors import ShopError

WRONG_SHAPE = "Check SHOP_API_URL, and the dataset's path and selectors in shop.toml."


class PageCheck:
    """The judge of one reading of a day: refuses what is no page, and keeps count.

    dlt's REST client takes a missing list or an error body for an empty page, and follows a `next` for ever.
    """

    def __init__(self, dataset: DatasetConfig, max_pages: int) -> None:
        self.pages = 0
        self._dataset = dataset
        self._max_pages = max_pages
        self._seen: set[str] = set()
        self._contents: set[bytes] = set()
        self._totals: set[int] = set()

    def check(self, response: requests.Response) -> None:
        """Refuse the response with a ShopError, or let its JSON be read, exactly and without parsing it again."""
        where = readable(response.url)
        self._count(response.url, where)
        body = _parse(response.content, where)
        rows = self._require_rows(body, where)
        if rows and isinstance(self._dataset.paginator, Offset | PageNumber):
            self._require_news(response.content, where)
        self._settle_pagination(body, where)
        if self._dataset.total_selector:
            self._note_total(found(body, self._dataset.total_selector), where)
        # The data selector and the paginator each call json(): parsing once halves the time of a page, and it must be
        # our parser, since the usual one turns 19.990 into a float.
        response.json = lambda **_: body  # type: ignore[method-assign]
        response._content = b""  # parsed: a big page need not stand in memory twice

    def totals_differ_from(self, rows: int) -> str:
        """What the shop told as the day's total, if that is not the number of rows that came; else ''."""
        return " and ".join(map(str, sorted(self._totals))) if self._totals - {rows} else ""

    def _count(self, url: str, where: str) -> None:
        page_url = url.partition("#")[0]
        if page_url in self._seen:
            raise ShopError(
                f"{where} is named as the next page although it was read before (page {self.pages + 1})",
                "The shop's pagination loops: report it to the shop.",
            )
        self._seen.add(page_url)
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
        """How many rows the page has."""
        selector = self._dataset.data_selector
        rows = body if selector == "$" else found(body, selector)
        if isinstance(rows, list):
            return len(rows)
        said_of_rows = (
            f"has no list {selector!r}" if rows is ABSENT else f"has {_kind(rows)} as {selector!r}, not a list"
        )
        if not isinstance(body, dict):
            raise ShopError(f"{where} {said_of_rows}: its body is {_kind(body)}", WRONG_SHAPE)
        said = next((body[key] for key in ("error", "message", "detail") if type(body.get(key)) is str), None)
        keys = ", ".join(printable(key) for key in list(body)[:10])
        told = f", and says: {printable(said)}" if said else f", only: {keys}" if rows is ABSENT and keys else ""
        raise ShopError(f"{where} {said_of_rows}{told}", WRONG_SHAPE)

    def _settle_pagination(self, body: Any, where: str) -> None:
        paginator = self._dataset.paginator
        if isinstance(paginator, JsonLink):
            _settle_next(body, paginator.next_url_path, where)
        elif isinstance(paginator, Cursor):
            _settle_cursor(body, paginator.cursor_path, where)

    def _note_total(self, total: Any, where: str) -> None:
        if total is ABSENT or total is None:
            return
        if not (isinstance(total, str) and total.isdecimal() and len(total) < 19):
            raise ShopError(f"{where} tells a total of rows that is no count ({_kind(total)})", WRONG_SHAPE)
        self._totals.add(int(total))


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


def _settle_next(body: Any, selector: str, where: str) -> None:
    """Leave a URL or None as the next page: '' and false mean the end too, and dlt would ask for them."""
    *path, key = selector.split(".")
    parent = found(body, ".".join(path)) if path else body
    following = parent.get(key) if isinstance(parent, dict) else None
    if not following:
        if isinstance(parent, dict):
            parent[key] = None
    elif type(following) is not str or origin(following) == NO_ORIGIN:
        raise ShopError(f"{where} has {_kind(following)} as {selector!r}, not a URL", WRONG_SHAPE)


def _settle_cursor(body: Any, selector: str, where: str) -> None:
    """Leave a text or None as the next cursor; a number is its text."""
    *path, key = selector.split(".")
    parent = found(body, ".".join(path)) if path else body
    cursor = parent.get(key) if isinstance(parent, dict) else None
    if isinstance(cursor, str) or not cursor:
        if isinstance(parent, dict):
            parent[key] = str(cursor) if cursor else None
        return
    raise ShopError(f"{where} has {_kind(cursor)} as {selector!r}, not a cursor", WRONG_SHAPE)


def _kind(value: Any) -> str:
    if isinstance(value, Number):
        return "a number"
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names[type(value)]
