"""The command line. Wiring only: what a command does is in day_run, steps, doctor and local."""

import json
import logging
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.pipelines import PIPELINES
from pipeline_errors import ConfigurationError, DaybreakError

if TYPE_CHECKING:
    from orchestration.day_run import Say
    from orchestration.outcome import RunOutcome

logger = logging.getLogger(__name__)

app = typer.Typer(
    name="daybreak",
    help="A daily ELT for online shops that is right by daybreak.",
    epilog="Start with: daybreak demo. Exit codes: 0 done, 1 unexpected, 2 usage or configuration, 3 shop, "
    "4 warehouse, 5 gate refused, 6 day is busy, 7 model or data test failed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

PipelineName = Enum("PipelineName", {pipeline.name: pipeline.name for pipeline in PIPELINES})  # type: ignore[misc]
Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], metavar="DAY", show_default=False)]
Only = Annotated[
    list[PipelineName] | None, typer.Option("--pipeline", help="Only this pipeline; may be given several times.")
]
Wait = Annotated[float, typer.Option("--wait", help="Seconds to wait for a shop that is not well yet.", min=0)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")]


@app.command(epilog="Example: daybreak run 2026-03-01 --pipeline ecommerce_order_pipeline")
def run(day: Day, pipeline: Only = None, wait: Wait = 30, as_json: AsJson = False) -> None:
    """Load, gate, build and publish one logical day."""
    _run_range(day.date(), day.date(), pipeline, wait, as_json)


@app.command(epilog="Example: daybreak backfill 2026-03-01 2026-03-31")
def backfill(first: Day, last: Day, pipeline: Only = None, wait: Wait = 30, as_json: AsJson = False) -> None:
    """Load and gate every day from FIRST to LAST, then build and publish them at once."""
    _run_range(first.date(), last.date(), pipeline, wait, as_json)


@app.command(epilog="Example: daybreak replay 2026-03-01 2026-03-31, after a change of shop.toml or of a model")
def replay(first: Day, last: Day, pipeline: Only = None, as_json: AsJson = False) -> None:
    """Gate, build and publish days again from what is in raw; the shop is not asked."""
    with _errors_as_exit_codes(), _servers(), _progress(as_json) as say:
        from orchestration.day_run import replay_days

        outcome = replay_days(_range(first.date(), last.date()), _names(pipeline), say)
    _finish(outcome, as_json)


@app.command()
def demo() -> None:
    """Six weeks of a simulated shop: a refused day, a late correction, and where to look next."""
    with _errors_as_exit_codes(), _servers(), _progress(False) as say:
        from orchestration.demo import run_demo

        outcomes = run_demo(say)
    from orchestration.demo import tell_demo

    tell_demo(outcomes)


@app.command(epilog="Example: daybreak shop --data ./my-export --port 8765")
def shop(
    data: Annotated[Path | None, typer.Option(help="Folder with orders.csv(.gz) and reviews.csv(.gz).")] = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8765,
    day_column: Annotated[str, typer.Option(help="Column of orders.csv that gives an order's day.")] = "order_date",
) -> None:
    """Serve a shop's API: a simulated one, or your own CSV files. SHOP_API_TOKEN, if set, is asked for."""
    with _errors_as_exit_codes():
        from orchestration.demo import serve_shop

        serve_shop(data, port, day_column)


@app.command()
def up() -> None:
    """Start the embedded Postgres and Valkey, where PGHOST and REDIS_URL name no other."""
    with _errors_as_exit_codes():
        from local import servers

        servers.ensure()
    status()


@app.command()
def down() -> None:
    """Stop the embedded servers; their data stay. Not under an Airflow that runs on them."""
    with _errors_as_exit_codes():
        from local import airflow_home, servers

        with airflow_home.none_running():
            stopped = servers.down()
    typer.echo(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


@app.command()
def env() -> None:
    """Print the variables in force as shell lines: eval "$(daybreak env)" lets dbt and psql in."""
    with _errors_as_exit_codes():
        from local import servers

        servers.ensure()
        for name, value in servers.environment().items():
            typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def status(as_json: AsJson = False) -> None:
    """What runs, which days are published, refused or waiting."""
    with _errors_as_exit_codes():
        from orchestration.status import print_status

        print_status(as_json)


@app.command()
def report() -> None:
    """Write the report: one page without network."""
    with _errors_as_exit_codes(), _servers():
        from monitoring.report import write_report

        typer.echo(write_report())


@app.command()
def doctor() -> None:
    """Check shop, Postgres and Redis: reached or why not, version, privileges, remedy."""
    with _errors_as_exit_codes(), _servers():
        from orchestration.doctor import print_diagnosis

        code = print_diagnosis()
    raise typer.Exit(code)


@app.callback()
def main(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log each step on standard error.")] = False,
) -> None:
    """A daily ELT for online shops that is right by daybreak."""
    from orchestration.logs import configure

    configure(is_verbose=verbose)
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


def _run_range(first: date, last: date, pipeline: list[PipelineName] | None, wait: float, as_json: bool) -> None:
    with _errors_as_exit_codes(), _servers(), _progress(as_json) as say:
        from orchestration.day_run import run_days

        outcome = run_days(_range(first, last), _names(pipeline), say, wait_seconds=wait)
    _finish(outcome, as_json)


def _range(first: date, last: date) -> list[date]:
    from orchestration.day_run import days_between

    if last < first:
        raise ConfigurationError(f"{last} is before {first}", "Give the first day first.")
    return days_between(first, last)


def _names(chosen: list[PipelineName] | None) -> list[str]:
    names = {name.value for name in chosen} if chosen else {pipeline.name for pipeline in PIPELINES}
    return [pipeline.name for pipeline in PIPELINES if pipeline.name in names]


def _finish(outcome: "RunOutcome", as_json: bool) -> None:
    from orchestration import summary

    if as_json:
        typer.echo(json.dumps(summary.as_data(outcome)))
    else:
        summary.print_tables(outcome)
    for error in outcome.errors:
        typer.echo(f"daybreak: {error}", err=True)
    raise typer.Exit(outcome.exit_code)


@contextmanager
def _servers() -> Iterator[None]:
    from local import servers

    servers.ensure()
    yield


@contextmanager
def _progress(is_quiet: bool) -> Iterator["Say"]:
    """A line that says what is being done, on a terminal; nothing where output is read by programs."""
    if is_quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as line:
        yield line.update


@contextmanager
def _errors_as_exit_codes() -> Iterator[None]:
    try:
        yield
    except DaybreakError as error:
        logger.error("%s", error, extra={"is_told": True})
        typer.echo(f"daybreak: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("daybreak: interrupted. Run the same command again: it goes on from here.", err=True)
        raise typer.Exit(130) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        logger.error("unexpected", exc_info=True, extra={"is_told": True})
        first_line = str(error).strip().splitlines()[:1]
        typer.echo(
            f"daybreak: unexpected {type(error).__name__}: {' '.join(first_line)} (daybreak -v shows where)", err=True
        )
        raise typer.Exit(1) from None
