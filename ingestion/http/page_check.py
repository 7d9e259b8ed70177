"""Checks of each page of the shop's API before its rows are used."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import requests

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.declaration.pages import Offset, PageNumber
from ingestion.http.clean_text import clean
from ingestion.http.complaints import is_throttling, reported_error
from ingestion.http.declared_places import DeclaredPlaces
from ingestion.http.page_body import parse_page
from ingestion.http.page_values import kind, reported_total
from ingestion.http.refusals import NO_CONTENT, RefusedRequestError
from ingestion.http.urls import readable
from ingestion.http.waits import TransientShopError, retry_after, wait_of_cost
from ingestion.readers.listed_rows import is_no_rows, list_rows, rows_of_object, with_rows
from ingestion.values.json_text import ABSENT, get_path
from pipeline_errors import ShopError

AFTER_THE_LAST = (400, 404, 410, 416, 422)  # what shops answer for a page after the last one
SAMPLE = 16  # rows of a page that identify it


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
        self._row_count = 0
        self._places = DeclaredPlaces(dataset)
        self._needed = [
            source
            for field, source in zip(dataset.fields, dataset.sources(), strict=True)
            if field in dataset.required and isinstance(source, tuple)
        ]
        self._confirms_total = False  # the first page fulfilled the total; the second shows whether it is the day's

    def check(self, response: requests.Response) -> None:
        """Raise ShopError if the response is not a page; otherwise parse its JSON once, keeping numbers exact."""
        where = readable(response.url)
        body = [] if response.status_code == NO_CONTENT else parse_page(response)
        self._refuse_error(body, response, where)
        self._count_page(response, where)
        # The data selector and the paginator each call json(). Parsing once halves the time of a page. The standard
        # parser would turn 19.990 into a float.
        response.json = lambda **_: body  # type: ignore[method-assign]
        response._content = b""  # do not hold a big page in memory twice
        total = reported_total(response, self._dataset)
        listed, self._rows = self._list_rows(body, total, where)
        response.json = lambda **_: listed  # type: ignore[method-assign]
        self._refuse_repeat(where)
        self._places.note(response, self._rows)
        self._count_rows(total, where)

    def accept_refusal(self, error: RefusedRequestError) -> bool:
        """Return whether the refusal of a page only says that the pages before were all.

        Raises a ShopError with a better remedy if shop.toml can prevent the refusal.
        """
        status = error.response.status_code
        if self._confirms_total and status in AFTER_THE_LAST:
            return True
        size = self._dataset.page_size_param
        if size and size in error.said:
            raise ShopError(error.cause, f"Set page_size in shop.toml to what the shop allows for {size}.")
        if self.pages and status in AFTER_THE_LAST and isinstance(self._dataset.paginator, Offset | PageNumber):
            raise ShopError(
                f"{error.cause.rstrip('.')}, for page {self.pages + 1}",
                "If that page is after the last one, declare total_selector, total_header or has_more_path, so that "
                "the day ends before it.",
            )
        return False

    def refuse_missing_places(self) -> None:
        """Raise ShopError if a place that shop.toml declares was on no page of the day."""
        paginator = self._dataset.paginator
        has_flag = getattr(paginator, "has_more_path", None) is not None
        self._places.refuse_missing(self._row_count, is_whole=has_flag or self._totals == {self._row_count})

    def release(self) -> None:
        """Free the rows of the last page, which dlt's client holds until it has the next one.

        Two pages in memory would also slow the processor's caches.
        """
        self._rows.clear()

    def totals_differ_from(self, rows: int) -> str:
        """Return the total that the shop reported, as text, if it differs from the number of rows; else ''."""
        return " and ".join(map(str, sorted(self._totals))) if self._totals - {rows} else ""

    def _refuse_error(self, body: Any, response: requests.Response, where: str) -> None:
        """Refuse a body that reports an error, in an object around the rows, whatever stands beside it."""
        path = self._dataset.data_selector
        around = [(get_path(body, path[:depth]), {*path[depth : depth + 1]}) for depth in range(max(1, len(path)))]
        accepted = {*self._dataset.accept}
        reported = next(filter(None, (reported_error(part, accepted | rows) for part, rows in around)), None)
        if reported is None:
            return
        key, message = reported
        said = clean(message, response.request)
        if is_throttling(body, message):
            wait = retry_after(response.headers)
            raise TransientShopError(
                f"{where} answered that there were too many requests: {said}",
                "Run again later, or lower page_size in shop.toml.",
                wait_of_cost(body) if wait is None else wait,
            )
        raise ShopError(
            f"{where} answered with an error, so its rows may not be all: {said}",
            f'Correct what it names; if it is no error, set accept = ["{clean(key, limit=40)}"] in shop.toml.',
        )

    def _count_page(self, response: requests.Response, where: str) -> None:
        page = response.url.partition("#")[0], response.request.body
        if page in self._seen:
            raise ShopError(
                f"{where} is linked as page {self.pages + 1}, but was already read",
                "The shop's pagination loops: declare has_more_path or total_selector, or report it to the shop.",
            )
        self._seen.add(page)
        self.pages += 1
        if self.pages > self._max_pages:
            raise ShopError(
                f"{where} has more than {self._max_pages} pages for one day",
                "If that is not a loop, raise max_pages in shop.toml.",
            )

    def _count_rows(self, total: int | None, where: str) -> None:
        """Count the rows of a page, and refuse a total that is that of each page."""
        rows = len(self._rows)
        self._row_count += rows
        self._confirms_total = False
        if total is None:
            return
        if self.pages > 1 and total == rows < self._row_count:
            key = "total_header" if self._dataset.total_header else "total_selector"
            raise ShopError(
                f"{where} reports a total of {total:,} rows on page {self.pages}, after {self._row_count:,} rows: it "
                "is that of the page, not of the day",
                f"Remove {key} from shop.toml, or name the place of the day's total.",
            )
        is_counting = isinstance(self._dataset.paginator, Offset | PageNumber)
        self._confirms_total = is_counting and self.pages == 1 and total == rows > 0
        self._totals.add(total)

    def _refuse_repeat(self, where: str) -> None:
        """Refuse a repeated page: a shop that ignores the paginator's parameter returns its first page forever.

        After a first page that fulfilled the total, the same page again shows that there is no other.
        """
        if not self._rows:
            return
        if (digest := _digest(self._rows)) in self._contents:
            if not self._confirms_total:
                raise ShopError(
                    f"{where} returned the same page twice (page {self.pages})",
                    "Check the dataset's paginator in shop.toml: the shop may ignore its parameter.",
                )
            self._rows.clear()
        self._contents.add(digest)

    def _list_rows(self, body: Any, total: int | None, where: str) -> tuple[Any, list[Any]]:
        """Return the page with its rows as a list, and the rows.

        A shop may write an empty list as null, `{}`, "" or nothing: that is believed where the total is 0, or after
        rows of the day. PHP sends an empty list as the whole body.
        """
        path = self._dataset.data_selector
        if self._dataset.row_key:
            self._refuse_unkeyed(get_path(body, path), self._dataset.row_key, where)
            body = list_rows(body, path, self._dataset.row_key)
        rows = get_path(body, path)
        if isinstance(rows, list):
            return body, rows
        if body == [] or (is_no_rows(rows) and (total == 0 or self._row_count)):
            return with_rows(body, path, []), []
        if (listed := rows_of_object(rows, self._needed)) is not None:
            return with_rows(body, path, listed), listed
        raise self._no_list(body, rows, where)

    def _refuse_unkeyed(self, rows: Any, row_key: str, where: str) -> None:
        if isinstance(rows, list) and rows and all(isinstance(row, dict) and row_key not in row for row in rows):
            raise ShopError(
                f"{where} has a list of rows without the key {row_key!r} (row_key)",
                "Their positions would become ids: remove row_key, and map the field to the rows' id in keys.",
            )

    def _no_list(self, body: Any, rows: Any, where: str) -> ShopError:
        selector = ".".join(map(str, self._dataset.data_selector)) or "$"
        problem = f"has no list {selector!r}" if rows is ABSENT else f"has {kind(rows)} as {selector!r}, not a list"
        if isinstance(rows, dict) and rows and all(isinstance(row, dict) for row in rows.values()):
            return ShopError(
                f"{where} {problem}, but an object of objects",
                "If its keys are the ids of rows, set row_key in shop.toml.",
            )
        if rows is not ABSENT and is_no_rows(rows):
            return ShopError(
                f"{where} {problem}, on the first page of the day",
                "If that is a day without rows, declare total_selector or total_header, which is 0 on such a day.",
            )
        remedy = "Correct data_selector in shop.toml"
        if not isinstance(body, dict):
            return ShopError(f"{where} {problem}: its body is {kind(body)}", f"{remedy}.")
        lists = [clean(key, limit=40) for key, value in body.items() if isinstance(value, list)]
        keys = ", ".join(clean(key, limit=40) for key in list(body)[:10])
        only = f", only: {keys}" if rows is ABSENT and keys else ""
        candidates = f": the lists of the page are {', '.join(lists[:5])}" if lists else ", or path"
        return ShopError(f"{where} {problem}{only}", f"{remedy}{candidates}.")


def _digest(rows: Sequence[Any]) -> bytes:
    """Return a hash of a page's rows by a sample of them; hashing all would double the time of a large page."""
    sample = [*rows[:: max(1, len(rows) // SAMPLE)], rows[-1], len(rows)]
    return blake2b(repr(sample).encode("utf-8", "surrogatepass"), digest_size=16).digest()
