"""Requests to Airflow's API, without an Airflow."""

import pytest
from pytest_httpserver import HTTPServer

from local.airflow_services import fetch_token
from pipeline_errors import DaybreakError


def test_another_airflow_at_the_port_is_noticed(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/auth/token").respond_with_data(status=401)
    with pytest.raises(DaybreakError, match="refused the login: HTTP Error 401"):
        fetch_token(httpserver.url_for("").rstrip("/"), "daybreak", "ours")
