"""A preview of a day's first page: the request, the response, the parsed fields. Nothing is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

import requests

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.declaration.endpoint import ApiKeyAuth
from ingestion.declaration.field_path import Constant, EachOf, FirstOf, Source, values_of
from ingestion.declaration.shop_config import ShopConfig
from ingestion.http.access import shop_access, shop_auth
from ingestion.http.deadline import Deadline
from ingestion.http.page_check import PageCheck
from ingestion.http.session import ShopSession
from ingestion.http.url_secrets import masked
from ingestion.landing.day_file import DayFile
from ingestion.landing.day_pipeline import write_pages
from ingestion.landing.dlt_errors import translated_errors
from ingestion.readers.rest import shop_source
from ingestion.readers.rows_of_day import RowsOfDay
from ingestion.values.json_text import field_text, json_text

LOAD_ID = "first page"  # a placeholder: these rows belong to no load


@dataclass(frozen=True)
class FirstPage:
    """The first page of a day.

    `request`: method, URL without secrets, body. `first_row`: as the shop sent it, None without rows. `fields`: the
    path of each field and its value in the first row. `skipped`: rows of other days on all `pages` read.
    """

    request: str
    file: DayFile
    first_row: str | None
    fields: dict[str, tuple[str, str | None]]
    skipped: int
    pages: int


def read_first_page(config: ShopConfig, dataset: str, day: date, directory: Path, *, search: bool = True) -> FirstPage:
    """Request a day's first page and write its rows to a file in the directory, as a load would.

    With skip_other_days, pages are read up to the first one that has a row of the day, unless `search` is off.
    Raises ShopError if there is no such page, ConfigurationError if settings or shop.toml are wrong.
    """
    declared, access = config.dataset(dataset), shop_access(config)
    check, of_day = PageCheck(declared, config.max_pages), RowsOfDay(declared, day)
    asked, rows = list[str](), list[Any]()

    def keep_first(row: Any) -> Any:
        rows[:] = rows or [row]
        return row

    def look(response: requests.Response) -> None:
        asked.append(_request_of(response, config))
        check.check(response)

    with (
        Deadline(config.deadline_seconds) as deadline,
        translated_errors(directory),
        ShopSession(access.base_url, config, deadline, look, check.accept_refusal) as session,
        DayFile(directory / f"{dataset}.csv", LOAD_ID, day, declared.fields, declared.sources()) as file,
    ):
        auth = shop_auth(config, access, deadline)
        source = shop_source(dataset, declared, day, access.base_url, config.page_size, auth, session=session)
        pages = source.resources[f"{dataset}_pages"]
        if not (search and declared.skip_other_days):
            pages.add_limit(1, count_rows=False)
        pages.add_map(keep_first)
        write_pages(pages, check, file, of_day, until_a_row=True)
        check.refuse_missing_places()
    return FirstPage(
        request=asked[0],
        file=file,
        first_row=json_text(rows[0]) if rows else None,
        fields=_fields_of(rows, declared),
        skipped=of_day.skipped,
        pages=check.pages,
    )


def _request_of(response: requests.Response, config: ShopConfig) -> str:
    key = [config.auth.name] if isinstance(config.auth, ApiKeyAuth) and config.auth.location == "query" else []
    url = masked(str(response.url), *key)
    line = f"{response.request.method} {url}"
    body = cast("bytes | None", response.request.body)
    return f"{line} {body.decode()}" if body else line


def _place_of(source: Source) -> str:
    if isinstance(source, Constant):
        return "constant"
    paths = source.paths if isinstance(source, FirstOf | EachOf) else (source,)
    return " or ".join(".".join(map(str, path)) for path in paths)


def _fields_of(rows: Sequence[Any], declared: DatasetConfig) -> dict[str, tuple[str, str | None]]:
    """Return the path of each field, and its value in the first row."""
    fields = {}
    for field, source in zip(declared.fields, declared.sources(), strict=True):
        where = _place_of(source)
        values = values_of([row if isinstance(row, dict) else {} for row in rows], source)
        fields[field] = (where, field_text(values[0]) if values else None)
    return fields
