"""Files below DAYBREAK_HOME hold rows of customers: nobody else on the machine can read them, from the first byte."""

import json
import sys
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.commands import run

DAY = "2026-03-02"


def open_files(home: Path) -> list[str]:
    """Files and folders that other users may open; the account of an embedded Postgres may pass through folders."""
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.stat().st_mode & 0o067)


@pytest.mark.fault(70)
def test_a_run_leaves_nothing_for_others(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, seen = tmp_path / "home", list[list[str]]()

    def orders(request: Request) -> Response:
        seen.append(open_files(home))
        first = int(request.args.get("page", 1)) * 1000
        rows = [
            {"order_id": number, "customer_id": "c", "order_date": DAY, "total_amount": "1.00", "status": "paid"}
            for number in range(first, first + 1000)
        ]
        following = None if "page" in request.args else httpserver.url_for(f"/api/v1/orders?date={DAY}&page=2")
        return Response(json.dumps({"orders": rows, "next": following, "total": 2000}))

    httpserver.expect_request("/health").respond_with_data("ok")
    httpserver.expect_request("/api/v1/orders").respond_with_handler(orders)
    monkeypatch.setenv("DAYBREAK_HOME", str(home))
    monkeypatch.setenv("SHOP_API_URL", httpserver.url_for(""))
    program = Path(sys.executable).with_name("daybreak")
    try:
        run(["sh", "-c", f"umask 022; exec {program} run {DAY} --pipeline ecommerce_order_pipeline"])
    finally:
        run([program, "down"])
    assert (home / "loads").exists()
    assert seen == [[], []]
    assert open_files(tmp_path) == []
