"""The shop's API as a declaration that dlt reads: which endpoint, which day, where rows and the next page stand."""

from datetime import date
from typing import Any, cast

import requests
from dlt.extract import DltSource
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from dlt.sources.rest_api import rest_api_source
from dlt.sources.rest_api.typing import ClientConfig, Endpoint, RESTAPIConfig
from requests.auth import AuthBase

from ingestion import dlt_settings
from ingestion.json_text import found
from ingestion.shop_api import Offset, PageNumber, Paginator, filled
from ingestion.shop_config import ShopConfig

dlt_settings.apply()


def shop_source(
    config: ShopConfig,
    dataset: str,
    day: date,
    base_url: str,
    auth: AuthBase | None = None,
    *,
    session: requests.Session | None = None,
) -> DltSource:
    """A dlt source with one resource, `<dataset>_pages`, which yields a day of a dataset page by page.

    `session` sends the requests; without one the source is what dlt makes of the declaration alone, good for a look at
    an API and not for a load.
    """
    declared = config.dataset(dataset)
    client: ClientConfig = {"base_url": base_url}
    if auth:
        client["auth"] = auth  # type: ignore[typeddict-item]  # any of requests' will do
    if session:
        client["session"] = session

    params = {name: filled(template, day, config.time_zone) for name, template in declared.params.items()}
    if declared.page_size_param:
        params[declared.page_size_param] = str(config.page_size)
    endpoint: Endpoint = {
        "path": filled(declared.path, day, config.time_zone),
        "params": dict(params),
        "data_selector": declared.data_selector,
        "paginator": _paginator(declared.paginator, declared.total_selector),
    }
    declaration: RESTAPIConfig = {
        "client": client,
        "resources": [{"name": f"{dataset}_pages", "endpoint": endpoint}],
    }
    return rest_api_source(declaration, name=f"shop_{dataset}")


def _paginator(declared: Paginator, total_selector: str | None) -> Any:
    if isinstance(declared, Offset):
        return CountingPaginator(declared.offset_param, total_selector)
    if isinstance(declared, PageNumber):
        return CountingPaginator(declared.page_param, total_selector, declared.base_page)
    return declared.model_dump()


class CountingPaginator(BasePaginator):
    """Asks on by offset or page number, until as many rows have come as there are, or none come.

    dlt's own believe in the size of page that was asked for, and would leave rows out where a shop gives smaller pages.
    """

    def __init__(self, param: str, total_selector: str | None, base_page: int | None = None) -> None:
        """`param` carries the number of rows that have been seen, or, with a `base_page`, that of the page."""
        super().__init__()
        self._param = param
        self._total_selector = total_selector
        self._base_page = base_page
        self._rows = self._pages = 0

    def init_request(self, request: requests.Request) -> None:
        """Begin with the first page."""
        self._rows = self._pages = 0
        self._has_next_page = True
        self.update_request(request)

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Count the rows of a page."""
        self._rows += len(data or [])
        self._pages += 1
        told = found(response.json(), self._total_selector) if self._total_selector else None
        # PageCheck has refused by now what is told and is no count
        is_all = isinstance(told, str) and told.isdecimal() and self._rows >= int(told)
        self._has_next_page = bool(data) and not is_all

    def update_request(self, request: requests.Request) -> None:
        """Ask for what follows."""
        at = self._rows if self._base_page is None else self._base_page + self._pages
        request.params = {**cast("dict[str, str]", request.params or {}), self._param: str(at)}
