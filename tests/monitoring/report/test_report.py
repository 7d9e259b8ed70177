"""The report: correct figures, inert contents, and pages for an empty warehouse."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from monitoring.report.figures import DROPS_SHOWN
from monitoring.report.site import DAYS_CHARTED, DAYS_KEPT, write_report
from pipeline_errors import ConfigurationError, WarehouseError
from pipeline_settings import Settings, settings
from tests.dbt_project.loads import FIRST
from tests.monitoring.report.html_page import Page
from tests.monitoring.report.report_history import (
    DATASETS,
    EVIL,
    LAST,
    ORDERS,
    create_history,
    create_long_history,
    execute,
    judged,
)


@pytest.fixture(autouse=True)
def state(warehouse: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A private state directory."""
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path))
    settings.cache_clear()
    return tmp_path


def report(page: str = "index.html") -> Page:
    return Page((write_report(DATASETS).parent / page).read_text(encoding="utf-8"))


@pytest.fixture
def history(warehouse: Settings) -> None:
    """Five days of orders, one of each state; reviews of the first day only."""
    create_history()


def test_an_empty_warehouse_has_a_report(warehouse: Settings) -> None:
    page = report()
    assert "Nothing published yet" in page.text
    assert page.tables == {}


def test_a_warehouse_without_schemas_has_a_report(warehouse: Settings) -> None:
    execute("drop schema ops cascade")
    execute("drop schema marts cascade")
    assert "Nothing published yet" in report().text


def test_each_day_has_its_state(history: None) -> None:
    days = [FIRST + timedelta(number) for number in range(5)]
    states = ["published, volume drop", "published, newer load refused, loaded again", "waiting", "missing", "refused"]
    reviews = ["published", "missing", "missing", "missing", "missing"]
    expected = [f"{day}: {state}" for day, state in zip(days * 2, states + reviews, strict=True)]
    assert sorted(report().cells()) == sorted(expected)


def test_incidents_come_first(history: None) -> None:
    page = report()
    assert page.text.index("1 to fix") < page.text.index("What readers see")
    assert f"was refused, 2 times since {date.today()}: 5 of 12 are bad {EVIL}. Call the shop." in page.text
    assert "1205 orders where 5000 were expected" in page.text
    assert "Not on the front page" not in page.text


def test_figures_are_those_of_the_tables(history: None) -> None:
    page = report()
    assert page.table("orders, from the newest load") == [
        ["missing_order_id", "12", "", "4", str(LAST)],
        ["amount_negative", "8", "", "4", str(LAST)],
    ]
    day = [cells for cells in page.table("Figures by day") if cells[0] == str(FIRST)]
    assert day == [
        [str(FIRST), "1,200", "5", "1,234.50", "1,234,567.50", "0.995851", "3.5", "10", "0", "–"],
    ]
    assert page.table("Figures by day")[1][:5] == [str(FIRST + timedelta(1)), "1", "5", "–", "0.00"]
    assert page.table("The worst first: 1 of 1") == [[EVIL, "4.5000 (20)", "2.2500 (1,000)", "-2.2500"]]
    assert page.table("By their last rating") == [["1", "1", "10.25"], ["2", "1", "1,000.00"]]
    assert "2 of high value who have turned unhappy; lifetime value 1,010.25" in page.text


def test_the_newest_run_is_a_flow(history: None) -> None:
    (stages,) = report().lists(f"{ORDERS} {LAST}, run r")
    assert [" ".join(stage.split()) for stage in stages] == [
        "Landing extract_load 1.500 s 14 rows",
        "Gate gate 0.250 s failed refused 41.67% bad 5.00% allowed "
        "7 accepted 5 rejected → quarantine 2 identical copies",
    ]


def test_a_day_has_its_page(history: None) -> None:
    second = FIRST + timedelta(1)
    page = report(f"days/{second}.html")
    (stages,) = page.lists(f"{ORDERS} {second}, run r")
    assert " ".join(stages[-1].split()) == "Publish publish 2.000 s daily_sales 2 fct_orders 4,321 2 days together"
    loads = [row[1:] for row in page.table("Loads of orders")]
    assert loads == [
        ["o2", "102", "passed", "95", "5", "2", "5.00%", "readers see it"],
        ["o2-refused", "8", "refused", "1", "5", "2", "83.33%", ""],
    ]
    assert "by nora: load o2, with 1 other days." in page.text
    assert "Rejected of the newest load: missing_order_id 3, amount_negative 2." in page.text
    assert f"It is bad: {EVIL}" in report(f"days/{LAST}.html").text


def test_bars_have_the_height_of_their_figures(history: None) -> None:
    page = report()
    plots = page.text_of_titles()
    assert f"{FIRST}: accepted 1,200, rejected 5, expected 1,234.50" in plots
    bars = [attrs for tag, attrs in page.tags if tag == "rect" and attrs["class"] == "b-accepted" and attrs.get("y")]
    assert [bar["height"] for bar in bars[:2]] == ["60.00", "0.05"]  # of 2,000


@pytest.mark.fault(14)
def test_the_pages_have_no_scripts_and_load_nothing(history: None) -> None:
    folder = write_report(DATASETS).parent
    pages = sorted(folder.rglob("*.html"))
    assert {page.name for page in pages} >= {"index.html", "days.html", f"{LAST}.html"}
    for file in pages:
        html = file.read_text(encoding="utf-8")
        page = Page(html)
        assert not {"script", "img", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
        names = {name for _, attrs in page.tags for name in attrs}
        assert not {name for name in names if name.startswith("on")} | names & {"src", "srcset", "xlink:href", "style"}
        assert "://" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in (folder / "index.html").read_text(encoding="utf-8")
    assert "url(" not in (folder / "report.css").read_text()


def test_every_link_has_a_target(history: None, state: Path) -> None:
    for site in ("gx/docs/index.html", "docs/static_index.html", "gx/docs/validations/orders/orders_x_o2/t/b.html"):
        (state / site).parent.mkdir(parents=True, exist_ok=True)
        (state / site).touch()
    for file in sorted(write_report(DATASETS).parent.rglob("*.html")):
        page = Page(file.read_text(encoding="utf-8"))
        ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
        for link in [str(attrs["href"]) for tag, attrs in page.tags if tag == "a"]:
            path, _, fragment = link.partition("#")
            assert (file.parent / path).resolve().is_file() if path else fragment in ids, f"{file.name}: {link}"


def test_tables_are_accessible_to_screen_readers(history: None) -> None:
    page = report()
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table")
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")
    assert all({"aria-label", "aria-hidden"} & attrs.keys() for tag, attrs in page.tags if tag == "svg")


def test_only_the_newest_days_and_the_worst_drops_are_shown(history: None, state: Path) -> None:
    newest = FIRST + timedelta(DAYS_KEPT)
    assert (write_report(DATASETS).parent / f"days/{FIRST}.html").exists()
    judged("later", "orders", newest, 1, 0)
    execute(
        "insert into marts.product_metrics (product_id, prior_average, prior_count, recent_average, recent_count,"
        " rating_delta, is_rating_drop) select 'p' || n, 5, 1, 1, 1, -4, true from generate_series(1, 30) as n"
    )
    page = report()
    assert len(page.cells()) == 2 * DAYS_CHARTED
    assert f"{newest - timedelta(DAYS_CHARTED - 1)}: missing" in page.cells()
    assert len(page.table("The worst first: 20 of 31")) == DROPS_SHOWN
    assert not (state / f"report/days/{FIRST}.html").exists()


def test_a_long_history_is_a_few_megabytes(warehouse: Settings) -> None:
    create_long_history(DAYS_KEPT)
    files = [file for file in write_report(DATASETS).parent.rglob("*") if file.is_file()]
    assert len([file for file in files if file.parent.name == "days"]) == DAYS_KEPT
    assert sum(file.stat().st_size for file in files) < 5_000_000


def test_a_day_on_which_nothing_landed_is_missing(history: None) -> None:
    execute(
        "insert into ops.pipeline_runs (pipeline, step, logical_date, run_id, status)"
        " values (%s, 'x', %s, 'r', 'failed')",
        (ORDERS, LAST + timedelta(1)),
    )
    assert f"{LAST + timedelta(1)}: missing" in report().cells()


def test_the_command_prints_the_path_of_the_page(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBREAK_HOME", str(home))
    settings.cache_clear()
    result = CliRunner().invoke(app, ["report"])
    assert result.exit_code == 0, result.output
    assert Path(result.stdout.strip()) == settings().daybreak_home.resolve() / "report" / "index.html"


def test_a_page_that_cannot_be_written_is_an_error(warehouse: Settings, state: Path) -> None:
    (state / "report").touch()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_report(DATASETS)


def test_an_unreachable_warehouse_is_an_error(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "9")
    settings.cache_clear()
    with pytest.raises(WarehouseError):
        write_report(DATASETS)
