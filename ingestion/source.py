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
        "paginator": _paginator(declared.paginator),
    }
    declaration: RESTAPIConfig = {
        "client": client,
        "resources": [{"name": f"{dataset}_pages", "endpoint": endpoint}],
    }
    return rest_api_source(declaration, name=f"shop_{dataset}")


def _paginator(declared: Paginator) -> Any:
    if isinstance(declared, Offset):
        return RowsSeenPaginator(declared.offset_param)
    if isinstance(declared, PageNumber):
        return declared.model_dump() | {"total_path": None}  # till a page without rows: totals are checked by us
    return declared.model_dump()


class RowsSeenPaginator(BasePaginator):
    """Asks on from as many rows as have come, until none come.

    dlt's own goes on by the size that was asked for: rows would be left out where a shop gives smaller pages.
    """

    def __init__(self, param: str) -> None:
        """`param` carries the number of rows that have been seen."""
        super().__init__()
        self._param = param
        self._seen = 0

    def init_request(self, request: requests.Request) -> None:
        """Begin with the first row."""
        self._seen = 0
        self._has_next_page = True
        self.update_request(request)

    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        """Count the rows of a page."""
        self._seen += len(data or [])
        self._has_next_page = bool(data)

    def update_request(self, request: requests.Request) -> None:
        """Ask for what follows."""
        request.params = {**cast("dict[str, str]", request.params or {}), self._param: str(self._seen)}
