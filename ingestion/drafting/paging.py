"""Guesses of how a shop pages, from one response and its URL."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from requests.utils import parse_header_links

from ingestion.drafting.field_names import plain
from ingestion.http.paginators import next_link
from ingestion.values.json_text import ABSENT, Number

PAGE_PARAMS = ("page", "pagenumber", "currentpage", "p")
OFFSET_PARAMS = ("offset", "skip", "start", "fromrow", "startindex")
SIZE_PARAMS = ("limit", "perpage", "pagesize", "size", "itemsperpage", "take", "maxresults")
NEXT_KEYS = (
    "next", "nexturl", "nexturi", "nextpage", "nextpageurl", "nextlink", "odatanextlink", "nexthref", "nextpagelink",
    "nextpageuri",
)  # fmt: skip
WITHIN_NEXT = ("href", "url", "uri", "link")  # as in `_links.next.href`
CURSOR_KEYS = (
    "nextcursor", "nextpagecursor", "endcursor", "nextpagetoken", "nexttoken", "continuationtoken", "continuation",
    "nextkey", "nextmarker", "nextid", "nextstartingafter", "lastevaluatedkey", "lastkey", "scrollid", "pagetoken",
    "bookmark", "cursor", "after", "next", "nextpage",
)  # fmt: skip
MORE_KEYS = ("hasmore", "hasnext", "hasnextpage", "hasmorepages", "hasmoreitems", "moreresults", "ismore", "more")
COUNT_OF_PAGES_KEYS = ("totalpages", "pagecount", "pagescount", "lastpage", "numpages", "numberofpages", "pages")
TOTAL_KEYS = (
    "total", "totalcount", "totalitems", "totalresults", "totalelements", "totalrecords", "totalrows", "filtercount",
    "numfound", "odatacount", "count",
)  # fmt: skip
TOTAL_HEADERS = ("X-Total-Count", "X-WP-Total", "X-Total", "Total-Count", "Content-Range")
CURSOR_HEADERS = (
    "X-Next-Cursor",
    "X-Next-Page-Token",
    "X-Next-Token",
    "X-Next-Page",
    "Next-Cursor",
    "X-Continuation-Token",
)
COUNT_OF_PAGES_HEADERS = ("X-WP-TotalPages", "X-Total-Pages", "X-Page-Count", "X-Pagination-Page-Count")

# Names of the parameter that takes a cursor, where it is not named like the cursor.
CURSOR_PARAMS = ("cursor", "after", "page_token", "pageToken", "next", "_next", "next_token", "starting_after", "page")
UNSELECTABLE = set("[]*'\"\\")  # what a selector in shop.toml cannot have
DEEPEST = 4

Parts = Sequence[tuple[tuple[str, ...], Any]]  # values of nested objects, outside the rows, with their paths


@dataclass(frozen=True)
class Paging:
    """How a shop may page.

    `candidates`: paginators, the most likely first. `shown_by`: what shows the first of them: a parameter of the URL, a
    header, a key of the body; empty if nothing does, and all of them are common guesses. `is_certain`: no need to try.
    """

    candidates: tuple[dict[str, Any], ...]
    shown_by: str = ""
    is_certain: bool = False


def draft_paging(query: dict[str, list[str]], body: Any, headers: Mapping[str, str], selector: str) -> Paging:
    """Return the paginators that a response suggests. Removes the paginator's parameter from the query."""
    parts = list(_parts(body, selector))
    flags = [path for path, value in parts if _is_named(path, MORE_KEYS) and isinstance(value, bool)]
    more = {"has_more_path": written(flags[0])} if flags else {}
    return (
        _by_url(query, parts, more)
        or _by_link(parts, headers)
        or _by_cursor(parts, headers, more)
        or _by_number(parts, headers, more)
        or Paging(({"type": "page_number"}, {"type": "offset"}))
    )


def draft_total(body: Any, selector: str, rows: int) -> tuple[str | list[str], int] | None:
    """Return the path and value of the day's row count. A `count` may be the page's, unless it is larger."""
    for path, value in _parts(body, selector):
        if _is_named(path, TOTAL_KEYS) and _is_count(value) and int(value) >= rows + (plain(path[-1]) == "count"):
            return written(path), int(value)
    return None


def written(path: Sequence[str]) -> str | list[str]:
    """Return a path as in shop.toml: keys joined by dots, or a list if a key has a dot itself."""
    return [*path] if any("." in step for step in path) else ".".join(path)


def is_number(query: Mapping[str, Sequence[str]], name: str, known: Sequence[str]) -> bool:
    """Return whether a parameter is one number with a known name, whole or in its last brackets: `page[size]`."""
    last = re.split(r"[\[.]", name.rstrip("]"))[-1]
    return {plain(name), plain(last)} & set(known) != set() and len(query[name]) == 1 and query[name][0].isdecimal()


def _by_url(query: dict[str, list[str]], parts: Parts, more: dict[str, Any]) -> Paging | None:
    for name in list(query):
        if is_number(query, name, (*PAGE_PARAMS, "number")):
            paginator = {"type": "page_number", "page_param": name, "base_page": min(int(query.pop(name)[0]), 1)}
            return Paging((paginator | more,), name, is_certain=True)
        if is_number(query, name, OFFSET_PARAMS):
            del query[name]
            return Paging(({"type": "offset", "offset_param": name} | more,), name, is_certain=True)
    return None


def _by_link(parts: Parts, headers: Mapping[str, str]) -> Paging | None:
    rels = {rel for link in parse_header_links(_header(headers, "Link") or "") for rel in link.get("rel", "").split()}
    if rels & {"next", "prev", "first", "last"}:
        return Paging(({"type": "header_link"},), "Link", is_certain="next" in rels)
    for path, value in parts:
        is_link = value is None or (isinstance(value, str) and value.startswith(("http://", "https://", "/", "?")))
        is_next = _is_named(path[:-1], ("next",)) if _is_named(path, WITHIN_NEXT) else _is_named(path, NEXT_KEYS)
        if is_link and is_next and not {"prev", "previous"} & {*path}:
            return Paging(({"type": "json_link", "next_url_path": written(path)},), path[-1], is_certain=True)
        if isinstance(value, list) and (found := next_link(value)) is not ABSENT:
            return Paging(({"type": "json_link", "next_url_path": written(path)},), path[-1], is_certain=bool(found))
    return None


def _by_cursor(parts: Parts, headers: Mapping[str, str], more: dict[str, Any]) -> Paging | None:
    for header in CURSOR_HEADERS:
        if (value := _header(headers, header)) is not None:
            names = _cursor_params(header.removeprefix("X-").replace("-", "_").lower())
            found = [{"type": "header_cursor", "cursor_key": header, "cursor_param": name} for name in names]
            return Paging(tuple(found), header)
    named = [
        (path, value) for path, value in parts if _is_named(path, CURSOR_KEYS) and not {"prev", "previous"} & {*path}
    ]
    for path, value in sorted(named, key=lambda part: not part[1]):  # a value before null
        if value in (None, "") or isinstance(value, str):
            cursor = {"type": "cursor", "cursor_path": written(path)}
            return Paging(tuple(cursor | {"cursor_param": name} | more for name in _cursor_params(path[-1])), path[-1])
    return None


def _cursor_params(key: str) -> Sequence[str]:
    """Return names for the parameter of a cursor: `next_page_token` is sent as `page_token`, most likely."""
    stripped = re.sub(r"^(next|end)[_-]?", "", key, flags=re.IGNORECASE)
    if key[0].islower():
        stripped = stripped[:1].lower() + stripped[1:]
    return list(dict.fromkeys(name for name in (stripped, key, *CURSOR_PARAMS) if name))


def _by_number(parts: Parts, headers: Mapping[str, str], more: dict[str, Any]) -> Paging | None:
    numbers = [(path, int(value)) for path, value in parts if _is_count(value)]
    for path, _ in numbers:
        if _is_named(path, OFFSET_PARAMS):
            return Paging(
                ({"type": "offset", "offset_param": path[-1]} | more, {"type": "page_number"} | more), path[-1]
            )
    counted = [path[-1] for path, _ in numbers if _is_named(path, COUNT_OF_PAGES_KEYS)]
    counted += [name for name in COUNT_OF_PAGES_HEADERS if _header(headers, name) is not None]
    current = [(path[-1], page) for path, page in numbers if _is_named(path, (*PAGE_PARAMS, "pageindex"))]
    current += [(path[-1], page) for path, page in numbers if counted and _is_named(path, ("number",))]
    shown = [*counted, *(name for name, _ in current), *(["has_more"] if more else [])]
    if not shown:
        return None
    base = {"base_page": 0} if current and current[0][1] == 0 else {}
    names = dict.fromkeys(("page", *(name for name, _ in current), "p", "page_number", "pageNumber", "page[number]"))
    pages = [{"type": "page_number", "page_param": name} | base | more for name in names]
    return Paging((*pages, {"type": "offset"} | more), shown[0])


def _parts(body: Any, selector: str, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the values of nested objects with their paths, but none of the rows."""
    if not isinstance(body, dict) or len(path) >= DEEPEST or ".".join(path) == selector or selector == "$":
        return
    for key, value in body.items():
        if not UNSELECTABLE & set(key):
            yield (*path, key), value
            yield from _parts(value, selector, (*path, key))


def _is_named(path: Sequence[str], names: Sequence[str]) -> bool:
    return bool(path) and plain(path[-1]) in names


def _is_count(value: Any) -> bool:
    return isinstance(value, Number) and value.isdecimal()


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return next((value for other, value in headers.items() if other.lower() == name.lower()), None)
