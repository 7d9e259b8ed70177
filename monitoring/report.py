"""The report: what readers see, how the newest runs went and how the figures move, as one page without network.

Every figure is read from the warehouse, in one read-only snapshot, and over DAYS_SHOWN days at most. The page holds
ids and counts, no texts of reviews; whatever a shop may have put into an id is escaped.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from expectations.rules import DATASET_RULES
from pipeline_errors import LONGEST_CAUSE, ConfigurationError
from pipeline_settings import settings
from warehouse.connection import Connection, connect

DAYS_SHOWN = 42
DROPS_SHOWN = 20
TEMPLATE = Path(__file__).with_name("report.html.jinja")
# What stands in a day's cell beside its colour, the good state first; a day without any load is `missing`.
STATES = {"published": "✓", "published, newer load refused": "!", "waiting": "…", "refused": "✗", "missing": "·"}
SITES = {  # made by other commands, linked if they are there
    "The gate's decisions (GX Data Docs)": "gx/docs/index.html",
    "Models and columns (dbt docs)": "docs/static_index.html",
}

# A day that failed before anything landed is known to the log of steps alone.
KNOWN_DAYS = """
select min(day) as first_day, max(day) as last_day, now() as written_at
from (
    select day from ops.day_ledger
    union all select day from ops.gate_results
    union all select logical_date from ops.pipeline_runs
) as known
"""
DAY_STATES = """
select dataset, day, state
from ops.day_states
where dataset = any(%(datasets)s) and day between %(first)s and %(last)s
"""
PUBLICATIONS = """
select distinct on (pipeline) pipeline, as_of_date, published_at
from ops.publications order by pipeline, publication_id desc
"""
NEWEST_RUNS = """
select pipeline, logical_date, step, status, records, seconds, error, started_at
from ops.pipeline_runs as runs
inner join (
    select pipeline, max(logical_date) as logical_date from ops.pipeline_runs group by pipeline
) as newest using (pipeline, logical_date)
order by pipeline, started_at, step
"""
NEWEST_VERDICTS = """
select newest.*
from unnest(%(datasets)s::text[]) as named (dataset)
cross join lateral (
    select * from ops.gate_results as results
    where results.dataset = named.dataset order by day desc, decided_at desc limit 1
) as newest
"""
ORDERS_ACCEPTED = """
select 'Orders accepted, of the loads that readers see' as title, ledger.day, results.accepted as figure
from ops.day_ledger as ledger
inner join ops.gate_results as results on ledger.published_load_id = results.load_id
where ledger.dataset = 'orders' and ledger.day between %(first)s and %(last)s
"""
REVENUE = """
select 'Revenue' as title, order_date as day, revenue as figure
from marts.daily_sales where order_date between %(first)s and %(last)s
"""
QUALITY_TITLE = "Data quality score"  # 0–1, whatever the best day
QUALITY = f"""
select distinct on (pipeline, logical_date)
    '{QUALITY_TITLE}, ' || pipeline as title, logical_date as day, data_quality_score as figure
from ops.pipeline_metrics
where logical_date between %(first)s and %(last)s
order by pipeline, logical_date, measured_at desc
"""
RATING_DROPS = """
select
    product_id, prior_average, prior_count, recent_average, recent_count, rating_delta, count(*) over () as drop_count
from marts.product_metrics where is_rating_drop order by rating_delta, product_id limit %(drops)s
"""
AT_RISK = "select count(*) as customers from marts.customer_health where is_at_risk"


@dataclass(frozen=True)
class Trend:
    """A figure per day. `bars` has each day shown with its height, 0–100 of `scale`; None where there is no figure."""

    title: str
    bars: Sequence[tuple[date, str | None, float | None]]
    scale: str
    lowest: str
    highest: str


def write_report() -> Path:
    """Write the page to <DAYBREAK_HOME>/report/index.html and return where it is.

    Raises WarehouseError if Postgres fails, ConfigurationError if the page cannot be written.
    """
    page = settings().daybreak_home.resolve() / "report" / "index.html"
    with connect() as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        content = _content(connection)
    environment = Environment(loader=FileSystemLoader(TEMPLATE.parent), autoescape=True, undefined=StrictUndefined)
    html = environment.get_template(TEMPLATE.name).render(content, sites=_sites(page))
    unfinished = page.with_name(f"index.{os.getpid()}.tmp")
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(html, encoding="utf-8")
        unfinished.replace(page)
    except OSError as error:
        raise ConfigurationError(f"The report cannot be written: {error}", "Check DAYBREAK_HOME.") from error
    return page


def _content(connection: Connection) -> dict[str, Any]:
    """What the template shows, by name."""
    (known,) = _select(connection, KNOWN_DAYS) or [{"first_day": None, "last_day": None, "written_at": None}]
    last = known["last_day"] or date.min
    first = max(known["first_day"] or last, date.fromordinal(max(1, last.toordinal() - DAYS_SHOWN + 1)))
    shown = {"first": first, "last": last, "datasets": list(DATASET_RULES), "drops": DROPS_SHOWN}
    days = [first + timedelta(number) for number in range((last - first).days + 1)] if known["last_day"] else []
    states = {(row["dataset"], row["day"]): row["state"] for row in _select(connection, DAY_STATES, shown)}
    runs: dict[tuple[str, date], list[dict[str, Any]]] = {}
    for row in _select(connection, NEWEST_RUNS):
        runs.setdefault((row["pipeline"], row["logical_date"]), []).append(row)
    return {
        "written_at": known["written_at"],
        "days": days,
        "symbols": STATES,
        "strips": {name: [(day, states.get((name, day), "missing")) for day in days] for name in DATASET_RULES},
        "publications": _select(connection, PUBLICATIONS),
        "runs": runs,
        "verdicts": _select(connection, NEWEST_VERDICTS, shown),
        "trends": _trends(connection, days, shown),
        "drops": _select(connection, RATING_DROPS, shown),
        "at_risk": next((row["customers"] for row in _select(connection, AT_RISK)), None),
        "longest_error": LONGEST_CAUSE,
    }


def _select(connection: Connection, query: str, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The rows of a query; none as long as a relation that it names does not exist yet."""
    named = {word.strip("()") for word in query.split() if word.strip("()").startswith(("ops.", "marts."))}
    all_there = connection.execute(
        "select bool_and(to_regclass(name) is not null) as yes from unnest(%s::text[]) as name", [sorted(named)]
    ).fetchone() == {"yes": True}
    return connection.execute(query.encode(), values).fetchall() if all_there else []


def _trends(connection: Connection, days: list[date], shown: Mapping[str, Any]) -> list[Trend]:
    """The trends that have a figure on any of the days."""
    figures: dict[str, dict[date, Decimal]] = {}
    for query in (ORDERS_ACCEPTED, REVENUE, QUALITY):
        for row in _select(connection, query, shown):
            if row["figure"] is not None:
                figures.setdefault(row["title"], {})[row["day"]] = row["figure"]
    return [_trend(title, found, days) for title, found in figures.items()]


def _trend(title: str, found: dict[date, Decimal], days: list[date]) -> Trend:
    lowest, highest = min(found, key=lambda day: found[day]), max(found, key=lambda day: found[day])
    scale = Decimal(1) if title.startswith(QUALITY_TITLE) else found[highest]
    bars = [
        (day, f"{found[day]:,}", float(100 * found[day] / (scale or 1))) if day in found else (day, None, None)
        for day in days
    ]
    return Trend(title, bars, f"{scale:,}", f"{found[lowest]:,} on {lowest}", f"{found[highest]:,} on {highest}")


def _sites(page: Path) -> dict[str, str]:
    """Relative links to the sites that exist, by title."""
    home = page.parent.parent
    return {title: f"../{quote(site)}" for title, site in SITES.items() if (home / site).exists()}
