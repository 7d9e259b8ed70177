"""The report: its figures are the tables', whatever they hold is inert, and it works before anything is there."""

import re
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitoring.report import DAYS_SHOWN, DROPS_SHOWN, write_report
from orchestration.cli import app
from pipeline_errors import ConfigurationError, WarehouseError
from pipeline_settings import PROJECT_ROOT, Settings, settings
from tests.dbt_project.loads import FIRST
from warehouse.connection import connect

pytestmark = pytest.mark.integration

ORDERS, REVIEWS = "ecommerce_order_pipeline", "customer_feedback_pipeline"
EVIL = "<script>alert(1)</script>"
LAST = FIRST + timedelta(4)
CONTRACTS = {"daily_sales": "orders", "product_metrics": "reviews", "customer_health": "health"}


class Page(HTMLParser):
    """The tables of a page by caption, as rows of texts; every tag, and every text outside of style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self._caption = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "caption":
            self._caption = ""
        elif tag == "tr":
            self.tables.setdefault(self._caption, []).append([])
        elif tag in ("td", "th"):
            self.tables[self._caption][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data
        if "caption" in self._open:
            self._caption += data
        elif "td" in self._open or "th" in self._open:
            self.tables[self._caption][-1][-1] += data

    def table(self, caption: str) -> list[list[str]]:
        """The rows, without the head, of the one table whose caption begins so."""
        (found,) = [rows for name, rows in self.tables.items() if name.startswith(caption)]
        return found[1:]

    def cells(self) -> list[str]:
        """Day and state of each cell of the strips."""
        return [str(attrs["title"]) for tag, attrs in self.tags if tag == "li" and "title" in attrs]


def report() -> Page:
    return Page(write_report().read_text(encoding="utf-8"))


def execute(query: str, *rows: tuple[object, ...]) -> None:
    with connect() as connection:
        connection.cursor().executemany(query.encode(), rows or [()])


def judged(load_id: str, dataset: str, day: date, accepted: int, rejected: int, decision: str = "passed") -> None:
    """A load with two identical copies, and the gate's decision on it."""
    execute(
        "insert into ops.loads (load_id, dataset, day, row_count, page_count, seconds, fingerprint)"
        " values (%s, %s, %s, %s, 1, 1, '')",
        (load_id, dataset, day, accepted + rejected + 2),
    )
    execute(
        "insert into ops.gate_results (load_id, dataset, day, row_count, identical_copies, accepted, rejected,"
        " rejected_by_reason, bad_rate, max_bad_rate, decision, settings)"
        """ values (%s, %s, %s, %s, 2, %s, %s, '{"amount_negative": 2, "missing_order_id": 3}', %s, 0.05, %s, '{}')""",
        (
            load_id,
            dataset,
            day,
            accepted + rejected + 2,
            accepted,
            rejected,
            rejected / (accepted + rejected),
            decision,
        ),
    )


def ledger(dataset: str, day: date, admitted: str, published: str | None) -> None:
    execute("insert into ops.day_ledger values (%s, %s, %s, now(), %s, now())", (dataset, day, admitted, published))


def create_marts() -> None:
    """The marts as their contracts declare them: a column that is renamed there is missed here."""
    for mart, folder in CONTRACTS.items():
        contract = (PROJECT_ROOT / f"dbt_project/models/marts/{folder}/{mart}.yml").read_text()
        columns = re.findall(r"- name: (\w+)\n\s+data_type: (.+)", contract)
        execute(f"create table marts.{mart} ({', '.join(' '.join(column) for column in columns)})")


@pytest.fixture
def history(warehouse: Settings) -> None:
    """Five days of orders, one of each state; reviews that stand still since the first day."""
    judged("o1", "orders", FIRST, 1200, 5)
    ledger("orders", FIRST, "o1", "o1")
    judged("o2", "orders", FIRST + timedelta(1), 95, 5)
    ledger("orders", FIRST + timedelta(1), "o2", "o2")
    judged("o2-refused", "orders", FIRST + timedelta(1), 1, 5, "refused")
    judged("o3", "orders", FIRST + timedelta(2), 70, 0)
    ledger("orders", FIRST + timedelta(2), "o3", None)
    judged("o5", "orders", LAST, 7, 5, "refused")
    judged("r1", "reviews", FIRST, 10, 0, "empty")
    ledger("reviews", FIRST, "r1", "r1")
    execute(
        "insert into ops.publications (pipeline, build_id, as_of_date, day_count, rows_published)"
        " values (%s, %s, %s, 1, '{}')",
        (ORDERS, "b1", FIRST),
        (ORDERS, "b2", FIRST + timedelta(1)),
    )
    execute(
        "insert into ops.pipeline_runs (pipeline, step, logical_date, run_id, status, records, seconds, error)"
        " values (%s, %s, %s, 'r', %s, %s, %s, %s)",
        (ORDERS, "gate", FIRST, "success", 1, 1, None),
        (ORDERS, "extract_load", LAST, "success", 1234, 1.5, None),
        (ORDERS, "gate", LAST, "failed", None, 0.25, f"It is bad: {EVIL}"),
    )
    execute(
        "insert into ops.pipeline_metrics values (%s, %s, %s, 1, 1, 0, %s, 1, now() + %s * interval '1 second')",
        (ORDERS, FIRST, "r1", 0.5, 0),
        (ORDERS, FIRST, "r2", 0.995851, 1),
    )
    create_marts()
    execute("insert into marts.daily_sales values (%s, 3, 2, 1234567.50, 4.50)", (FIRST,))
    execute("insert into marts.daily_sales values (%s, 3, 2, 0, 0)", (FIRST + timedelta(1),))
    execute("insert into marts.daily_sales values (%s, 3, 2, 666, 0)", (FIRST - timedelta(1),))
    execute(
        "insert into marts.product_metrics (product_id, prior_average, prior_count, recent_average, recent_count,"
        " rating_delta, is_rating_drop) values (%s, 4.5, 20, 2.25, 1000, %s, %s)",
        (EVIL, -2.25, True),
        ("rises", 1, False),
    )
    execute("insert into marts.customer_health (customer_id, is_at_risk) values ('a', true), ('b', true), ('c', false)")


def test_an_empty_warehouse_has_a_report(warehouse: Settings) -> None:
    page = report()
    assert "Nothing is published yet." in page.text
    assert page.tables == {}


def test_a_warehouse_without_schemas_has_a_report(warehouse: Settings) -> None:
    execute("drop schema ops cascade")
    execute("drop schema marts cascade")
    assert "Nothing is published yet." in report().text


def test_each_day_has_its_state(history: None) -> None:
    days = [FIRST + timedelta(number) for number in range(5)]
    states = ["published", "published, newer load refused", "waiting", "missing", "refused"]
    reviews = ["published", "missing", "missing", "missing", "missing"]
    assert report().cells() == [f"{day}: {state}" for day, state in zip(days * 2, states + reviews, strict=True)]


def test_states_are_those_of_the_status_command(history: None) -> None:
    with connect() as connection:
        told = {f"{row['day']}: {row['state']}" for row in connection.execute("select * from ops.day_states")}
    assert {cell for cell in report().cells() if not cell.endswith("missing")} == told


def test_figures_are_those_of_the_tables(history: None) -> None:
    page = report()
    assert [row[:2] for row in page.table("What readers see")] == [[ORDERS, str(FIRST + timedelta(1))]]
    steps = [[*row[:4], row[5]] for row in page.table(f"{ORDERS}, {LAST}")]
    assert steps == [
        ["extract_load", "success", "1,234", "1.500", ""],
        ["gate", "failed", "–", "0.250", f"It is bad: {EVIL}"],
    ]
    assert page.table("The gate's newest decision") == [
        ["orders", str(LAST), "refused", "14", "2", "7", "5", "41.67%", "5.00%"],
        ["reviews", str(FIRST), "empty", "12", "2", "10", "0", "0.00%", "5.00%"],
    ]
    assert page.table(f"orders, {LAST}: rejected by reason") == [["missing_order_id", "3"], ["amount_negative", "2"]]
    assert page.table("Figures by day") == [
        [str(FIRST), "1,200", "1,234,567.50", "0.995851"],
        [str(FIRST + timedelta(1)), "95", "0.00", "–"],
        *[[str(FIRST + timedelta(number)), "–", "–", "–"] for number in (2, 3, 4)],
    ]
    assert page.table("Products with a rating drop, the worst first: 1 of 1") == [
        [EVIL, "4.5000 (20)", "2.2500 (1,000)", "-2.2500"]
    ]
    assert "Customers at risk: 2 " in page.text


def test_bars_are_as_high_as_their_figures(history: None) -> None:
    bars = [attrs for tag, attrs in report().tags if tag == "rect" and attrs["class"] == "bar"]
    assert [bar["height"] for bar in bars] == ["100.00", "7.92", "100.00", "0.00", "99.59"]


def test_nothing_in_the_page_acts_or_loads(history: None) -> None:
    html = write_report().read_text(encoding="utf-8")
    page = Page(html)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert not {"script", "link", "img", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    names = {name for _, attrs in page.tags for name in attrs}
    assert not {name for name in names if name.startswith("on")} | names & {"src", "srcset", "xlink:href"}
    assert "url(" not in html
    assert "@import" not in html
    assert "://" not in html


def test_tables_can_be_read_aloud(history: None) -> None:
    page = report()
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table") == len(page.tables)
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")
    assert all(attrs.get("aria-label") for tag, attrs in page.tags if tag == "svg")


def test_only_the_newest_days_and_the_worst_drops_are_shown(history: None) -> None:
    newest = FIRST + timedelta(400)
    judged("later", "orders", newest, 1, 0)
    execute(
        "insert into marts.product_metrics (product_id, prior_average, prior_count, recent_average, recent_count,"
        " rating_delta, is_rating_drop) select 'p' || n, 5, 1, 1, 1, -4, true from generate_series(1, 30) as n"
    )
    page = report()
    assert len(page.cells()) == 2 * DAYS_SHOWN
    assert page.cells()[0] == f"{newest - timedelta(DAYS_SHOWN - 1)}: missing"
    assert len(page.table("Products with a rating drop, the worst first: 20 of 31")) == DROPS_SHOWN


def test_a_day_on_which_nothing_landed_is_missing(history: None) -> None:
    execute("update ops.pipeline_runs set logical_date = %s where error is not null", (LAST + timedelta(1),))
    assert f"{LAST + timedelta(1)}: missing" in report().cells()


def test_links_lead_to_the_sites_that_are_there(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path))
    settings.cache_clear()
    assert not [tag for tag, _ in report().tags if tag == "a"]
    for site in ("gx/docs/index.html", "docs/static_index.html"):
        (tmp_path / site).parent.mkdir(parents=True)
        (tmp_path / site).touch()
    links = [str(attrs["href"]) for tag, attrs in report().tags if tag == "a"]
    assert len(links) == 2
    assert all((tmp_path / "report" / link).is_file() for link in links)


def test_the_command_prints_where_the_page_is(warehouse: Settings) -> None:
    result = CliRunner().invoke(app, ["report"])
    assert result.exit_code == 0, result.output
    assert Path(result.stdout.strip()) == settings().daybreak_home.resolve() / "report" / "index.html"
    assert [file.name for file in Path(result.stdout.strip()).parent.iterdir()] == ["index.html"]


def test_a_page_that_cannot_be_written_is_said(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "report").touch()
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path))
    settings.cache_clear()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_report()


def test_a_warehouse_that_cannot_be_reached_is_said(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "9")
    settings.cache_clear()
    with pytest.raises(WarehouseError):
        write_report()
