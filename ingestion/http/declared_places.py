"""The places that shop.toml declares in the shop's pages: a day on which no page has one of them is not believed."""

from collections.abc import Sequence
from typing import Any

import requests

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.declaration.field_path import Constant, Path
from ingestion.declaration.pages import Cursor, JsonLink
from ingestion.http.clean_text import clean
from ingestion.http.signs_of_more import says_end
from ingestion.values.json_text import ABSENT, get_path, parse_json
from pipeline_errors import ShopError


class DeclaredPlaces:
    """Notes page by page which declared places a day has, and refuses a day that lacks one.

    A shop may leave the next page's place out of its last page. So this place only counts as missing if the object
    around it is missing, too, and neither a total nor a flag, declared or not, shows that the day is whole.
    """

    def __init__(self, declared: DatasetConfig) -> None:
        self._declared = declared
        self._next = next_place(declared)
        self._is_next_found = self._next is None
        self._is_total_found = not (declared.total_selector or declared.total_header)
        self._parts: dict[str, Path] = {}
        if declared.items:
            parts = {name: getattr(declared.items, name) for name in type(declared.items).model_fields}
            self._parts = {name: path for name, path in parts.items() if path}
        self._items_at = dict(zip(declared.fields, declared.sources(), strict=True)).get("items")
        self._item_keys: dict[str, None] = {}
        self._refunds_at = _first_key(declared, "refunds") if declared.refunds else None  # until an order has it
        self._alike: str | None = None  # a key of the page that is the declared path, written with its dots

    def note(self, response: requests.Response, rows: Sequence[Any]) -> None:
        """Note which places this page has."""
        body = response.json()
        if self._next and not self._is_next_found:
            self._note_next(body, self._next[1])
        if not self._is_total_found:
            selector, header = self._declared.total_selector, self._declared.total_header
            self._is_total_found = (
                get_path(body, selector) is not ABSENT if selector else (header or "") in response.headers
            )
            self._note_alike(body, selector or ())
        if self._parts:
            self._note_items(rows)
        if self._refunds_at and any(isinstance(row, dict) and self._refunds_at in row for row in rows):
            self._refunds_at = None

    def refuse_missing(self, rows: int, *, is_whole: bool) -> None:
        """Raise ShopError if a place is on no page. `is_whole`: a total or a flag showed that the day is whole."""
        if not rows:
            return
        accepted = self._declared.accept
        if self._next and not self._is_next_found and not is_whole and self._next[0] not in accepted:
            name, path = self._next
            raise self._on_no_page(name, path, f'If the last page leaves it out, set accept = ["{name}"].')
        total = "total_selector" if self._declared.total_selector else "total_header"
        if not self._is_total_found and total not in accepted:
            path = self._declared.total_selector or (str(self._declared.total_header),)
            raise self._on_no_page(total, path, "If the shop reports no total, remove it.")
        missing = [name for name in self._parts if f"items.{name}" not in accepted]
        if missing and self._item_keys:
            name, keys = missing[0], ", ".join(clean(key, limit=30) for key in self._item_keys)
            raise ShopError(
                f"items.{name} {_written(self._parts[name])!r} of shop.toml is in no item of the day",
                f'Correct it: the items have the keys {keys}. If it is often left out: accept = ["items.{name}"].',
            )

        if self._refunds_at and "refunds" not in accepted:
            raise ShopError(
                f"No order of the day has the key {self._refunds_at!r}, where shop.toml finds refunds",
                'Correct it. If the shop leaves it out of orders without refunds: accept = ["refunds"].',
            )

    def _on_no_page(self, name: str, path: Path, otherwise: str) -> ShopError:
        written = _written(path)
        if self._alike == written:
            remedy = f'A key that contains a dot is written as a list: {name} = ["{written}"].'
        elif len(path) > 1:
            remedy = f'Correct it in shop.toml; a key that contains a dot is written as a list: ["{written}"].'
        else:
            remedy = "Correct it in shop.toml."
        return ShopError(f"{name} {written!r} of shop.toml is on no page of the day", f"{remedy} {otherwise}")

    def _note_next(self, body: Any, path: Path) -> None:
        rows_at = self._declared.data_selector
        is_in_rows = len(path) > len(rows_at) and path[: len(rows_at)] == rows_at
        around = path[:-1] if len(path) > 1 and not is_in_rows else path
        is_there = get_path(body, around) not in (ABSENT, None) or get_path(body, path) is None
        self._is_next_found = is_there or says_end(body, rows_at)
        self._note_alike(body, path)

    def _note_alike(self, body: Any, path: Path) -> None:
        if len(path) > 1 and isinstance(body, dict) and _written(path) in body:
            self._alike = _written(path)

    def _note_items(self, rows: Sequence[Any]) -> None:
        for row in rows:
            for item in _items(get_path(row, self._items_at)) if isinstance(self._items_at, tuple) else ():
                self._item_keys.update(dict.fromkeys(list(item)[:10]) if len(self._item_keys) < 10 else {})
                for name in [name for name, path in self._parts.items() if get_path(item, path) is not ABSENT]:
                    del self._parts[name]
                if not self._parts:
                    return


def next_place(declared: DatasetConfig) -> tuple[str, Path] | None:
    """Return the key of shop.toml that declares where the body leads to the next page, and its path."""
    if isinstance(declared.paginator, JsonLink):
        return "next_url_path", declared.paginator.next_url_path
    if isinstance(declared.paginator, Cursor):
        return "cursor_path", declared.paginator.cursor_path
    return None


def _first_key(declared: DatasetConfig, field: str) -> str | None:
    source = dict(zip(declared.fields, declared.sources(), strict=True))[field]
    return None if isinstance(source, Constant) else str((source if isinstance(source, tuple) else source.paths[0])[0])


def _items(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        try:
            value = parse_json(value.encode())
        except (ValueError, RecursionError):
            return []
    items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]


def _written(path: Path) -> str:
    return ".".join(map(str, path))
