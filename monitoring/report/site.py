"""Writes the report below <DAYBREAK_HOME>/report: index.html, days.html, a page per day in days/, and a stylesheet.

All figures come from the warehouse in one read-only snapshot. The pages hold ids and counts, no texts of reviews; every
value from a shop is escaped. The pages have no scripts and load nothing from other hosts.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from psycopg import sql

from monitoring.report.charts import Chart, Series, chart
from monitoring.report.figures import days_until, index_figures, known_days
from monitoring.report.flow import STAGES, flow_of
from monitoring.runs.day_history import DayStory, read_stories
from pipeline_errors import LONGEST_CAUSE, ConfigurationError
from pipeline_settings import settings
from warehouse.connection import Connection, connect, create_schemas
from warehouse.roles import READER, acting_as

DAYS_CHARTED = 91  # 13 weeks
DAYS_KEPT = 400  # days with a page
TEMPLATES = Path(__file__).with_name("templates")
# The symbol of a day's state beside its colour, the good state first; a day without any load is `missing`.
STATES = {
    "published": "✓", "published, newer load refused": "!", "waiting": "…", "refused": "✗", "missing": "·",
    "unpublished": "–",
}  # fmt: skip
DBT_DOCS, DATA_DOCS = "docs/static_index.html", "gx/docs/index.html"  # below DAYBREAK_HOME, written by other commands
LOWEST_QUALITY = Decimal("0.8")  # bottom of a score's chart, unless a day is worse

Stories = Mapping[tuple[str, date], DayStory]


@dataclass(frozen=True)
class Week:
    """A column of a calendar: Monday to Sunday, None for a day that is not shown."""

    monday: date
    days: Sequence[date | None]


def write_report(datasets: Mapping[str, str | None]) -> Path:
    """Write the site and return its first page. `datasets`: the dataset of each pipeline, None if it has none.

    Raises WarehouseError if Postgres fails, ConfigurationError if a page cannot be written.
    """
    home = settings().daybreak_home.resolve()
    folder = home / "report"
    with connect() as connection:
        create_schemas(connection)
    with _one_state() as (connection, reader):
        content, stories = _content(connection, reader, datasets)
    pages = _Pages(folder)
    links = _other_sites(home)
    try:
        (folder / "days").mkdir(parents=True, exist_ok=True)
        pages.write("report.css", (TEMPLATES / "report.css").read_text(encoding="utf-8"))
        days = sorted({day for _, day in stories}, reverse=True)
        pages.render("day.html.jinja", [(f"days/{day}.html", _day(day, days, stories, content, links)) for day in days])
        pages.render("days.html.jinja", [("days.html", {**content, "stories": stories, "days": days, **links})])
        pages.render("index.html.jinja", [("index.html", {**content, **links})])
        for old in set((folder / "days").glob("*.html")) - pages.written:
            old.unlink(missing_ok=True)  # another process may have removed it
    except OSError as error:
        raise ConfigurationError(f"The report cannot be written: {error}", "Check DAYBREAK_HOME.") from error
    return folder / "index.html"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"count": _count, "percent": "{:.2%}".format, "cause": _cause, "utc": _utc}
    environment.globals |= {"symbols": STATES, "stage_titles": STAGES}
    return environment


class _Pages:
    """Writes the site's files; a reader never sees half of one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: set[Path] = set()

    def render(self, template: str, pages: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        found: Template = _environment().get_template(template)
        for name, content in pages:
            self.write(name, found.render(content))

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        unfinished = file.with_name(f"{file.name}.{os.getpid()}.tmp")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(file)
        self.written.add(file)


@contextmanager
def _one_state() -> Iterator[tuple[Connection, Connection]]:
    """Yield connections of the login user and of the reader, which see the same state of the warehouse.

    The reader reads the marts: a view that somebody put in the place of one runs its functions as whoever reads it.
    """
    begin = "set transaction isolation level repeatable read, read only"
    with connect() as connection, acting_as(READER), connect() as reader:
        connection.execute(begin)
        (name,) = (row["name"] for row in connection.execute("select pg_export_snapshot() as name"))
        reader.execute(begin)
        reader.execute(sql.SQL("set transaction snapshot {}").format(name))
        yield connection, reader


def _content(
    connection: Connection, reader: Connection, datasets: Mapping[str, str | None]
) -> tuple[dict[str, Any], Stories]:
    """Return the content of the front page by name, and the story of each day."""
    known = known_days(connection, datasets)
    last = known["last_day"]
    kept = days_until(last, known["first_day"], DAYS_KEPT) if last else []
    charted = kept[-DAYS_CHARTED:]
    stories = read_stories(connection, datasets, kept[0], kept[-1]) if kept else {}
    figures = index_figures(connection, reader, charted)
    newest = {name: max((day for of, day in stories if of == name), default=None) for name in datasets}
    return {
        **figures,
        "datasets": datasets,
        "publications": {row["pipeline"]: row for row in figures["publications"]},
        "written_at": known["written_at"],
        "charted": charted,
        "weeks": _weeks(charted),
        "stories_by_place": stories,
        "newest": {name: stories[name, day] for name, day in newest.items() if day},
        "flows": {name: flow_of(stories[name, day]) for name, day in newest.items() if day},
        "charts": _charts(figures, stories, datasets, charted),
    }, stories


def _day(
    day: date, days: Sequence[date], stories: Stories, content: Mapping[str, Any], links: Mapping[str, Any]
) -> dict[str, Any]:
    of_day = [story for name in content["datasets"] if (story := stories.get((name, day)))]
    place = days.index(day)
    return {
        "day": day,
        "newer": days[place - 1] if place else None,
        "older": days[place + 1] if place + 1 < len(days) else None,
        "stories": of_day,
        "flows": {story.pipeline: flow_of(story) for story in of_day},
        "written_at": content["written_at"],
        **links,
    }


def _weeks(days: Sequence[date]) -> list[Week]:
    if not days:
        return []
    first = days[0] - timedelta(days[0].weekday())
    mondays = [first + timedelta(7 * number) for number in range((days[-1] - first).days // 7 + 1)]
    shown = set(days)
    return [
        Week(monday, [day if (day := monday + timedelta(number)) in shown else None for number in range(7)])
        for monday in mondays
    ]


def _charts(
    figures: Mapping[str, Any], stories: Stories, datasets: Mapping[str, str | None], days: Sequence[date]
) -> list[Chart]:
    """Return the trends that have a figure on any of the days."""
    found: list[Chart | None] = []
    revenue = {row["day"]: row["revenue"] for row in figures["revenue"]}
    for pipeline, dataset in datasets.items():
        if not dataset:
            continue
        verdicts = {day: judged[-1] for day in days if (judged := _judged(stories.get((pipeline, day))))}
        measured = {row["day"]: row for row in figures["measured"] if row["pipeline"] == pipeline}

        def of(rows: Mapping[date, Any], column: str) -> dict[date, Any]:
            return {day: row[column] for day, row in rows.items() if row[column] is not None}

        accepted, rejected = (Series(name, of(verdicts, name), name) for name in ("accepted", "rejected"))
        expected = Series("expected", of(measured, "expected_volume"), "expected")
        found.append(chart(f"{dataset.capitalize()} by day", "rows", days, [accepted, rejected], expected))
        if dataset == "orders":
            found.append(chart("Revenue", "shop's currency", days, [Series("revenue", revenue, "accepted")]))
        score = of(measured, "data_quality_score")
        low = min([LOWEST_QUALITY, *score.values()])
        title = f"Data quality of {dataset}"
        found.append(chart(title, "1 − bad rate", days, [Series("score", score, "accepted")], low=low, high=Decimal(1)))
        seconds = {day: sum(map(Decimal, map(str, row.values()))) for day, row in of(measured, "step_seconds").items()}
        found.append(chart(f"Duration of {dataset}", "seconds", days, [Series("seconds", seconds, "accepted")]))
    return [one for one in found if one]


def _judged(story: DayStory | None) -> list[Any]:
    """Return the judged loads of a day, the newest decision last."""
    loads = [load for load in story.loads if load["decision"]] if story else []
    return sorted(loads, key=lambda load: load["decided_at"])


def _other_sites(home: Path) -> dict[str, Any]:
    """Return links to the dbt docs and Data Docs if they exist, relative to the front page."""
    validations = (home / DATA_DOCS).parent / "validations"
    # a folder per load, named dataset_day_load, with a page per judgement
    of_load = {page.parent.parent.name.split("_", 2)[-1]: page for page in sorted(validations.glob("*/*/*/*.html"))}
    link: Callable[[Path], str] = lambda page: f"../{quote(page.relative_to(home).as_posix())}"  # noqa: E731
    return {
        "dbt_docs": f"../{DBT_DOCS}" if (home / DBT_DOCS).exists() else None,
        "data_docs": f"../{DATA_DOCS}" if (home / DATA_DOCS).exists() else None,
        "validations": {load: link(page) for load, page in of_load.items()},
    }


def _count(number: Any) -> str:
    return "–" if number is None else f"{number:,}"


def _cause(text: str | None) -> str:
    text = text or ""
    return text if len(text) <= LONGEST_CAUSE else f"{text[: LONGEST_CAUSE - 1]}…"


def _utc(time: Any, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return "–" if time is None else time.astimezone(UTC).strftime(form)
