"""A shop with the responses that a test sets."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import hypothesis
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from ingestion.landing.land_days import land
from pipeline_settings import PROJECT_ROOT, settings
from warehouse.load_receipt import LoadReceipt

# Property tests check results. Their duration on a shared machine is meaningless.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

OURS = (PROJECT_ROOT / "ingestion" / "shop.toml").read_text()
IMPATIENT = {
    "page_size": 3,
    "max_pages": 20,
    "timeout_seconds": 2,
    "deadline_seconds": 5,
    "max_attempts": 3,
    "backoff_seconds": 0.01,
}

Answer = Callable[[Request], Response]


class Shop:
    """A shop on 127.0.0.1: set `answer`, then check `requests`."""

    day = date(2024, 2, 29)
    token = "canary-4f1c"

    def __init__(self, server: HTTPServer, config_file: Path) -> None:
        self.config_file = config_file
        self.url = server.url_for("").rstrip("/")
        self.answer: Answer = lambda _: Response(status=404)
        self.health: Answer = lambda _: Response("ok")
        self.requests: list[Request] = []
        server.expect_request("/health").respond_with_handler(self._answer_health)
        server.expect_request("/api/v1/orders").respond_with_handler(self._respond)
        server.expect_request("/api/v1/reviews").respond_with_handler(self._respond)

    def land(self, dataset: str = "orders") -> LoadReceipt:
        """Land the shop's day."""
        return land(dataset, self.day)

    def configure(self, text: str = OURS, **changes: float) -> None:
        """Set a shop.toml: ours by default, with changes to its top-level keys."""
        lines = text.splitlines()
        for key, value in changes.items():
            at = next(i for i, line in enumerate(lines) if line.startswith(f"{key} "))
            lines[at] = f"{key} = {value}"
        self.config_file.write_text("\n".join(lines))

    def serve(self, body: bytes | str, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Send every request the same response."""
        self.answer = lambda _: Response(body, status, headers)

    def serve_in_turn(self, *answers: Response) -> None:
        """Send each request the next response; repeat the last one."""
        waiting = list(answers)
        self.answer = lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def serve_rows(self, *items: str, dataset: str = "orders", total: bool = True) -> None:
        """Serve these JSON texts as rows, in pages of the request's limit."""

        def page(request: Request) -> Response:
            limit, start = int(request.args["limit"]), int(request.args.get("start", 0))
            following = f'"/api/v1/{dataset}?start={start + limit}&limit={limit}"'
            rows = ",".join(items[start : start + limit])
            reported = f', "total": {len(items)}' if total else ""
            return Response(
                f'{{"{dataset}": [{rows}], "next": {following if start + limit < len(items) else "null"}{reported}}}'
            )

        self.answer = page

    def _answer_health(self, request: Request) -> Response:
        return self.health(request)

    def _respond(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answer(request)


@pytest.fixture
def shop(httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop of this test, with our shop.toml and short time limits."""
    shop = Shop(httpserver, tmp_path / "shop.toml")
    shop.configure(OURS, **IMPATIENT)
    monkeypatch.setenv("SHOP_API_URL", shop.url)
    monkeypatch.setenv("SHOP_API_TOKEN", shop.token)
    monkeypatch.setenv("SHOP_CONFIG", str(shop.config_file))
    settings.cache_clear()
    return shop
