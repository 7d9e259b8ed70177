"""The shop's API as a dlt REST source: the endpoint, the request for a day, the paths of rows and of the next page."""

from datetime import date
from typing import Any

import requests
from dlt.common import jsonpath
from dlt.extract import DltSource
from dlt.sources.rest_api import rest_api_source
from dlt.sources.rest_api.typing import ClientConfig, Endpoint, RESTAPIConfig
from requests.auth import AuthBase

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.declaration.endpoint import fill, fill_body
from ingestion.declaration.field_path import Path
from ingestion.http.paginators import paginator_of
from ingestion.landing import dlt_settings

dlt_settings.apply()


def shop_source(
    dataset: str,
    declared: DatasetConfig,
    day: date,
    base_url: str,
    page_size: int,
    auth: AuthBase | None = None,
    *,
    session: requests.Session | None = None,
) -> DltSource:
    """Return a dlt source with one resource, `<dataset>_pages`, which yields a day of a dataset page by page.

    `session` sends the requests. Without one, the source uses dlt's session, for a look at an API and not for a load.
    """
    client: ClientConfig = {"base_url": base_url}
    if auth:
        client["auth"] = auth  # type: ignore[typeddict-item]  # any of requests' will do
    if session:
        client["session"] = session
    declaration: RESTAPIConfig = {
        "client": client,
        "resources": [{"name": f"{dataset}_pages", "endpoint": _endpoint(declared, day, page_size)}],
    }
    return rest_api_source(declaration, name=f"shop_{dataset}")


def _endpoint(declared: DatasetConfig, day: date, page_size: int) -> Endpoint:
    """Return the endpoint for a day, with its templates filled."""
    zone = declared.time_zone
    params: dict[str, str | list[str]] = {
        name: fill(value, day, zone) if isinstance(value, str) else [fill(text, day, zone) for text in value]
        for name, value in declared.params.items()
    }
    if declared.page_size_param:
        params[declared.page_size_param] = str(page_size)
    endpoint: Endpoint = {
        "path": _for_dlt(fill(declared.path, day, zone)),
        "method": declared.method,
        "params": _for_dlt(params),
        "data_selector": _json_path(declared.data_selector),
        "paginator": paginator_of(declared, page_size),
    }
    if declared.body is not None:
        body = fill_body(declared.body, day, zone)
        if declared.page_size_body_path:
            jsonpath.set_value_at_path(body, declared.page_size_body_path, page_size)
        endpoint["json"] = _for_dlt(body)
    return endpoint


def _for_dlt(value: Any) -> Any:
    """Double the braces, since dlt expands placeholders in strings and keys."""
    if isinstance(value, str):
        return value.replace("{", "{{").replace("}", "}}")
    if isinstance(value, dict):
        return {_for_dlt(key): _for_dlt(part) for key, part in value.items()}
    return [_for_dlt(part) for part in value] if isinstance(value, list) else value


def _json_path(path: Path) -> jsonpath.TJsonPath:
    """Return a path as compiled JSONPath; dlt would compile a string again for each page."""
    return jsonpath.compile_path(
        ".".join(f"[{step}]" if isinstance(step, int) else f"'{step}'" for step in path) or "$"
    )
