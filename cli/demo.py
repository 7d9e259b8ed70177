"""`daybreak demo` and `daybreak shop`: a shop on this machine, and six weeks of its data."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from cli import summary
from local.demo_shop.shop_server import ShopServer, serve_forever
from local.demo_shop.simulated_shop import CORRECTED_DAY, DEMO_FROM, DEMO_TO, REFUSED_DAY, SimulatedShop
from orchestration.customer_models import fit_if_due
from orchestration.day_loading import OnProgress
from orchestration.day_run import days_between, run_days
from orchestration.outcome import RunOutcome
from pipeline_settings import settings
from transformation.pipelines import PIPELINES

if TYPE_CHECKING:
    from local.demo_shop.shop_contract import Shop

STORY = f"""
[bold]What you saw[/bold]
  {DEMO_FROM} to {DEMO_TO} of a simulated shop: extracted, gated, built, and published in one transaction per pipeline.
  {REFUSED_DAY} was [red]refused[/red]: too many bad rows. Readers kept the marts without it.
  Then the shop corrected its data: {REFUSED_DAY} and {CORRECTED_DAY} ran again, and only the changed rows were written.

[bold]Where to look next[/bold]
  eval "$(.venv/bin/daybreak env)"             connects psql and dbt
  psql -c 'select * from marts.daily_sales order by order_date desc limit 7'
  psql -c 'select product_id, average_rating, rating_delta from marts.product_metrics where is_rating_drop'
  psql -c 'select rfm_segment, count(*), sum(expected_revenue_next_365_days) from marts.customer_ltv group by 1'
  psql -c 'select _day, rejection_reasons, count(*) from quarantine.orders group by 1, 2 order by 3 desc limit 9'
  .venv/bin/daybreak status                    the current state; add {REFUSED_DAY} for the history of that day
  make docs                                    the dbt docs site
  .venv/bin/daybreak report --serve            state, runs, trends, and a page per day
  .venv/bin/daybreak down                      stops the servers and keeps the data
"""


def run_demo(on_progress: OnProgress) -> list[RunOutcome]:
    """Load the simulated weeks, let the shop correct its data, and run the two corrected days again."""
    names = [pipeline.name for pipeline in PIPELINES]
    shop = SimulatedShop()
    with _serving(shop):
        first = run_days(days_between(DEMO_FROM, DEMO_TO), names, on_progress)
        shop.correct()
        again = [run_days([day], names, on_progress) for day in (REFUSED_DAY, CORRECTED_DAY)]
        fit_if_due(again[-1], names, on_progress)
    return [first, *again]


def print_demo(outcomes: list[RunOutcome]) -> None:
    """Print the outcomes and the next commands. Exit with the code of the first unexpected error."""
    for outcome in outcomes:
        summary.print_tables(outcome)
    Console().print(STORY, soft_wrap=True)
    surprises = [error for outcome in outcomes for error in outcome.errors if _is_surprise(error.day)]
    for error in surprises:
        typer.echo(f"daybreak: {error}", err=True)
    if surprises:
        raise typer.Exit(surprises[0].exit_code)


def serve_shop(data: Path | None, port: int, day_column: str) -> None:
    """Serve a shop until Ctrl-C."""
    shop: Shop
    if data:
        from local.demo_shop.csv_shop import CsvShop

        csv_shop = CsvShop(data, day_column)
        days = csv_shop.days()
        typer.echo(f"{len(days)} days of orders, {min(days)} to {max(days)}." if days else "No orders found.")
        shop = csv_shop
    else:
        shop = SimulatedShop()
        typer.echo(f"A simulated shop. The demo uses {DEMO_FROM} to {DEMO_TO}.")
    token = settings().shop_api_token
    typer.echo(f"export SHOP_API_URL=http://127.0.0.1:{port}")
    serve_forever(shop, port, token.get_secret_value() if token else None)


@contextmanager
def _serving(shop: SimulatedShop) -> Iterator[None]:
    """Serve the shop on a free port, and set this process's SHOP_API_URL to it."""
    with ShopServer(shop) as server:
        os.environ["SHOP_API_URL"] = server.url
        os.environ.pop("SHOP_API_TOKEN", None)
        settings.cache_clear()
        yield


def _is_surprise(day: date | None) -> bool:
    return day != REFUSED_DAY
