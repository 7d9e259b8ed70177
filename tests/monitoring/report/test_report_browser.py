"""The report in a real browser: no foreign requests, no errors in the console, and accessible pages."""

import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from local.demo_shop.shop_server import ShopServer
from local.demo_shop.simulated_shop import SimulatedShop
from monitoring.report.server import ReportServer
from monitoring.report.site import write_report
from orchestration.day_run import run_days
from pipeline_settings import Settings, settings
from tests.commands import run
from tests.dbt_project.loads import FIRST
from tests.monitoring.report.report_history import DATASETS, EVIL, LAST, ORDERS, create_history

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# As root there is no sandbox; the other options keep the browser from calling home.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
DBT_ICONS = ("getIcon", "favicon.ico")  # dbt's page requests its icons before it knows their names
SIZES = {"desktop": (1280, 900, "light"), "phone": (390, 844, "dark")}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian's package is chromium)"),
]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def folder(warehouse: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A report of five days, with empty dbt docs and Data Docs."""
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path))
    settings.cache_clear()
    for site in ("gx/docs/index.html", "docs/static_index.html"):
        (tmp_path / site).parent.mkdir(parents=True)
        (tmp_path / site).write_text("<title>Beside</title>")
    create_history()
    return write_report(DATASETS).parent


@pytest.fixture(params=SIZES)
def page(browser: "Browser", request: pytest.FixtureRequest) -> "Iterator[Page]":
    """A page that collects console messages, errors and foreign requests, and fails the test for any."""
    width, height, scheme = SIZES[request.param]
    opened = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(f"{message.text} {message.location}"))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda asked: complaints.append(asked.url) if not is_here(asked.url) else None)
    yield opened
    opened.close()
    assert [complaint for complaint in complaints if not any(icon in complaint for icon in DBT_ICONS)] == []


def is_here(url: str) -> bool:
    return url.startswith(("file:", "data:", "http://127.0.0.1:"))


@pytest.mark.parametrize("name", ["index.html", f"days/{FIRST + timedelta(1)}.html", f"days/{LAST}.html", "days.html"])
def test_pages_are_accessible(folder: Path, page: "Page", name: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.goto((folder / name).as_uri())
    found = Axe().run(page, options={"preload": False}).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it scrolls sideways"
    assert page.evaluate("getComputedStyle(document.body).fontSize") == "16px", "the stylesheet is not applied"


def test_the_keyboard_opens_a_day_and_returns(folder: Path, page: "Page") -> None:
    page.goto((folder / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    cell = page.get_by_role("link", name=f"{LAST}: refused")
    cell.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/days/{LAST}.html#{ORDERS}")
    assert page.get_by_role("heading", level=1).inner_text().startswith(str(LAST))
    assert EVIL in page.inner_text("main")
    page.get_by_role("link", name="Daybreak report").first.click()
    page.wait_for_url("**/index.html")


def test_figures_are_visible(folder: Path, page: "Page") -> None:
    page.goto((folder / "index.html").as_uri())
    flow = page.get_by_role("list", name=f"{ORDERS} {LAST}")
    assert flow.get_by_text("7 accepted").is_visible()
    page.get_by_text("The figures of the trends, as a table").click()
    row = page.get_by_role("region", name="Figures by day").get_by_role("row", name=str(FIRST))
    assert [cell.inner_text() for cell in row.get_by_role("cell").all()][:4] == [
        "1,200",
        "5",
        "1,234.50",
        "1,234,567.50",
    ]
    assert page.get_by_text("lifetime value 1,010.25 together").is_visible()


@pytest.mark.slow
@pytest.mark.parametrize("page", ["desktop"], indirect=True)
def test_data_docs_and_lineage_are_reachable(
    warehouse: Settings, cache: object, page: "Page", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two real days, served by `daybreak report --serve`: the validation of a load, and a mart's lineage."""
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path))
    with ShopServer(SimulatedShop()) as shop:
        monkeypatch.setenv("SHOP_API_URL", shop.url)
        settings.cache_clear()
        assert run_days([FIRST, FIRST + timedelta(1)], list(DATASETS)).exit_code == 0
    docs = ["--static", "--target-path", str(tmp_path / "docs"), "--log-path", str(tmp_path / "docs")]
    options = ["--project-dir", "dbt_project", "--profiles-dir", ".", "--quiet", *docs]
    run([sys.executable, "-m", "dbt.cli.main", "docs", "generate", *options])
    write_report(DATASETS)
    with ReportServer(tmp_path, 0) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        page.goto(server.url)
        page.get_by_role("link", name="validation", exact=True).first.click()
        page.wait_for_url("**/gx/docs/validations/orders/**")
        assert page.get_by_text("Expectation").first.is_visible()
        page.go_back()
        page.get_by_role("link", name="fct_orders").first.click()
        page.get_by_text("One row per accepted order").first.wait_for()
        page.get_by_title("View Lineage Graph").click()
        page.locator("canvas").first.wait_for()
        server.shutdown()
