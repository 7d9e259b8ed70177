"""Signs in a page that it is not the last: the usual words of APIs, in the body around the rows or in the headers."""

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.declaration.field_path import Path
from ingestion.http.clean_text import clean
from ingestion.http.urls import readable
from ingestion.values.json_text import get_path, parse_json
from pipeline_errors import ShopError

# Keys in lower case, without signs: hasNextPage is hasnextpage, @odata.nextLink odatanextlink, X-Next-Page nextpage.
FLAG = re.compile(
    r"(has|is|are)?(more|next|truncated|additional|partial|incomplete)(page|item|result|record|row|order|data|available)*s?"
    r"|timedout"
)
LAST_FLAG = re.compile(
    r"(is)?(last|final)(page)?|done|complete|iscomplete|finished|(is)?end(of(list|data|results))?|eof"
)
NEXT = re.compile(
    r"(odata|hydra|links?|paging|pagination|page)?(next|continuation)"
    r"(page|url|uri|links?|href|cursor|token|offset|start|key|marker|id|index|number|batch|results?|records?)*"
    r"|cursornext|lastevaluatedkey|nextpage(url|link|token|cursor|number)?"
)
PAGES = re.compile(r"(total|num|number|max)(of)?pages|pages?(total|count)|pages|lastpage")
TOTAL = re.compile(
    r"(hydra|odata)?total(count|items?|results?|elements?|records?|rows|orders|hits|size|found)?|(odata)?count|numfound"
    r"|(item|result|record|row|order|hit)s?(count|total)|overallcount|num(ber)?of(items|results|records|orders)|hits"
)
REMAINING = re.compile(
    r"remaining(pages|items|results|records|rows|orders)|(pages|items|results|records|rows|orders)remaining"
)
CURSOR = re.compile(r"cursor|scroll|bookmark|marker|continu|next|more|^(page|list)?_?token$|^after$")
DATE = re.compile(r"\d{4}-\d\d-\d\d")  # of the filter, which many shops repeat
BACK = re.compile(r"prev|previous|first|last|self|before|back|start|current")
NOTHING = {"", "0", "false", "null", "none", "no"}
YES, NO = {"true", "yes", "1"}, {"false", "no", "0"}
DEEPEST = 5  # keys around the rows: data.orders.pageInfo.hasNextPage
MOST_KEYS = 200
HEADER_PREFIX = re.compile(r"^(x-)?((wp|ms|pagination)-)?")
PARTIAL = "206 Partial Content"
DECLARE = "Declare in shop.toml how its pages follow each other."


@dataclass
class ReadSoFar:
    """The rows and pages of a day so far, and whether a page had the declared place of the next one."""

    dataset: DatasetConfig
    declared: str
    rows: int = 0
    pages: int = 0
    is_place_found: bool = False

    def add(self, data: list[Any] | None, *, is_place_found: bool = False) -> None:
        """Count a page."""
        self.rows += len(data or [])
        self.pages += 1
        self.is_place_found |= is_place_found

    def end(self, response: requests.Response) -> None:
        """Raise ShopError if the page that ends the day shows that there is more."""
        sign = sign_of_more(
            response,
            self.rows,
            self.pages,
            self.dataset.data_selector,
            self.dataset.accept,
            is_place_found=self.is_place_found,
        )
        if sign:
            body = response.json()
            is_dotted = isinstance(body, dict) and sign in body and "." in sign
            sign = clean(sign, limit=60)
            remedy = f'A key that contains a dot is written as a list: ["{sign}"].' if is_dotted else DECLARE
            raise ShopError(
                f"{readable(response.url)} shows by {sign!r} that more rows follow, but {self.declared}",
                f'{remedy} If it means something else, set accept = ["{sign}"].',
            )


def sign_of_more(
    response: requests.Response,
    rows: int,
    pages: int,
    rows_at: Path,
    accepted: Collection[str],
    *,
    is_place_found: bool,
) -> str | None:
    """Return the key or header that shows that more rows follow; None without one.

    `rows` and `pages`: those read so far. `rows_at`: the place of the rows, which are not searched. `accepted`: keys
    that are no sign in this shop. `is_place_found`: the declared place of the next page was found, so that only a flag
    or another next page contradicts it; otherwise counts do so, too, and so does any key that might hold a cursor.
    """
    if "next" in response.links and "Link" not in accepted:
        return "Link"
    if response.status_code == requests.codes.partial_content and not is_place_found and PARTIAL not in accepted:
        return PARTIAL
    values = [
        (shown, name, path, value)
        for shown, name, path, value in [*_of_headers(response), *_of_body(response.json(), rows_at)]
        if not {shown, *path[-1:], *(".".join(map(str, path[:end])) for end in range(1, len(path)))} & set(accepted)
    ]
    if any(_says_end(name, value) for _, name, _, value in values):
        return None
    for shown, name, path, value in values:
        if _says_more(name, value) or (
            not is_place_found and (_counts_more(name, value, rows, pages) or _may_lead(path, value, response))
        ):
            return shown
    return None


def says_end(body: Any, rows_at: Path) -> bool:
    """Return whether a page says by one of the usual flags that it is the last: has_more is false, or done is true."""
    return any(_says_end(name, value) for _, name, _, value in _of_body(body, rows_at))


def _of_headers(response: requests.Response) -> Iterator[tuple[str, str, Path, Any]]:
    for header, value in response.headers.items():
        if (lower := header.lower()) == "content-range":
            yield header, "total", (header,), value.rpartition("/")[2]
        elif value.startswith("{"):  # X-Pagination: {"TotalCount":60,"HasNext":true}
            with suppress(ValueError):
                inner = _of_body(parse_json(value.encode()), ())
                yield from ((header, name, (), part) for _, name, _, part in inner)
        elif lower not in ("link", "date", "server", "age"):
            yield header, _plain(HEADER_PREFIX.sub("", lower)), (), value


def _of_body(body: Any, rows_at: Path) -> Iterator[tuple[str, str, Path, Any]]:
    for path, value in _around(body, (), rows_at):
        # {"next": {"href": "…"}}, {"total": {"value": 60}}: the name is that of the object around it.
        step = -2 if len(path) > 1 and str(path[-1]).lower() in ("href", "url", "link", "value") else -1
        yield ".".join(map(str, path)), _plain(str(path[step])), path, value


def _says_end(name: str, value: Any) -> bool:
    text = str(value).strip().lower()
    return (bool(FLAG.fullmatch(name)) and text in NO) or (bool(LAST_FLAG.fullmatch(name)) and text in YES)


def _says_more(name: str, value: Any) -> bool:
    text = str(value).strip().lower()
    if (FLAG.fullmatch(name) and text in YES) or (LAST_FLAG.fullmatch(name) and text in NO):
        return True
    if isinstance(value, dict):  # {"next": {"after": "20"}}
        is_given = any(isinstance(part, str) and part.lower() not in NOTHING for part in value.values())
    else:
        is_given = isinstance(value, str) and text not in NOTHING
    return is_given and bool(NEXT.fullmatch(name) or REMAINING.fullmatch(name))


def _counts_more(name: str, value: Any, rows: int, pages: int) -> bool:
    if not isinstance(value, str) or not value.strip().isdecimal() or len(value) > 18:
        return False
    count = int(value)
    return (bool(PAGES.fullmatch(name)) and count > pages) or (bool(TOTAL.fullmatch(name)) and count > rows)


def _may_lead(path: Path, value: Any, response: requests.Response) -> bool:
    """Return whether a value may be a cursor, or the URL of another page, although its key is no usual one."""
    name = str(path[-1]).lower() if path else ""
    if not name or not isinstance(value, str) or value.lower() in NOTHING or BACK.search(name) or DATE.match(value):
        return False
    if CURSOR.search(name):
        return True
    if not value.startswith(("http://", "https://", "/", "?")):
        return False
    try:
        target, own = urlsplit(urljoin(response.url, value)), urlsplit(response.url)
    except ValueError:
        return False
    return target.path == own.path and target.query not in ("", own.query)


def _around(value: Any, path: Path, rows_at: Path) -> Iterator[tuple[Path, Any]]:
    """Yield the paths and values of a body, without those of its rows."""
    if not isinstance(value, dict) or len(path) >= DEEPEST:
        return
    for key, inner in list(value.items())[:MOST_KEYS]:
        at = (*path, key)
        if at == rows_at:
            continue
        if isinstance(inner, list):
            yield from _links(inner, at)
        else:
            yield at, inner
            yield from _around(inner, at, rows_at)


def _links(links: list[Any], path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield the links of a list such as `[{"rel": "next", "href": "…"}]` under the names of their relations."""
    for link in links[:20]:
        relation = get_path(link, ("rel",))
        if isinstance(relation, str):
            yield (*path, relation), get_path(link, ("href",))


def _plain(key: str) -> str:
    """Return a key in lower case, without its signs."""
    return "".join(letter for letter in key.lower() if letter.isalnum())
