"""The shop's API as a declaration that dlt reads: which endpoint, which day, where rows and the next page stand."""

from datetime import date

import requests
from dlt.extract import DltSource
from dlt.sources.rest_api import rest_api_source
from dlt.sources.rest_api.typing import ClientConfig, Endpoint, PaginatorConfig, RESTAPIConfig

from ingestion import dlt_settings
from ingestion.shop_config import ShopConfig

dlt_settings.apply()


def shop_source(
    config: ShopConfig,
    dataset: str,
    day: date,
    base_url: str,
    token: str | None,
    *,
    session: requests.Session | None = None,
) -> DltSource:
    """A dlt source with one resource, `<dataset>_pages`, which yields a day of a dataset page by page.

    `session` sends the requests; without one the source is what dlt makes of the declaration alone, good for a look at
    an API and not for a load.
    """
    declared = config.dataset(dataset)
    client: ClientConfig = {"base_url": base_url}
    if token and config.api_key_header:
        client["auth"] = {"type": "api_key", "name": config.api_key_header, "api_key": token, "location": "header"}
    elif token:
        client["auth"] = {"type": "bearer", "token": token}
    if session:
        client["session"] = session

    params = declared.params | {declared.day_param: day.isoformat()}
    if declared.page_size_param:
        params[declared.page_size_param] = str(config.page_size)
    paginator: PaginatorConfig = "single_page"
    if declared.next_selector:
        paginator = {"type": "json_link", "next_url_path": declared.next_selector}
    endpoint: Endpoint = {
        "path": declared.path,
        "params": dict(params),
        "data_selector": declared.data_selector,
        "paginator": paginator,
    }
    declaration: RESTAPIConfig = {
        "client": client,
        "resources": [{"name": f"{dataset}_pages", "endpoint": endpoint}],
    }
    return rest_api_source(declaration, name=f"shop_{dataset}")
