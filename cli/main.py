"""The command line: arguments and help of each command. The work is in orchestration, local and the other modules."""

import os
import shlex
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.calendar import check_has_begun, days_of
from cli.customers import fit, forget
from cli.diff import diff
from cli.drift.contract_command import contract
from cli.init.command import init
from cli.options import AsJson, Day, NoLookback, On, Only, PipelineName, Wait
from cli.terminal import errors_as_exit_codes, finish, hide_controls, progress, running_servers
from orchestration.garbage_collection import collect_rarely
from orchestration.outcome import RunOutcome
from pipeline_errors import ConfigurationError
from transformation.pipelines import PIPELINES, names_of

app = typer.Typer(
    name="daybreak",
    help="A daily ELT pipeline for online shops.",
    epilog="Start with: daybreak demo. Exit codes: 0 done, 1 unexpected, 2 usage or configuration, 3 shop, "
    "4 warehouse, 5 gate refused, 6 day is busy, 7 model or data test failed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.command(
    epilog="Example: daybreak run 2026-03-01 --pipeline ecommerce_order_pipeline; or daybreak run 2026-03-01 "
    "--no-lookback, if the shop is slow and only this day is urgent"
)
def run(
    day: Day,
    pipeline: Only = None,
    wait: Wait = 30,
    engine: On = "postgres",
    no_lookback: NoLookback = False,
    as_json: AsJson = False,
) -> None:
    """Load, gate, build and publish one logical day, and the former days in lookback_days that have changed."""
    options = {"wait_seconds": wait, "engine": engine, "looks_back": not no_lookback}
    _run_range(day.date(), day.date(), pipeline, as_json, options)


@app.command(epilog="Example: daybreak backfill 2026-03-01 2026-03-31")
def backfill(
    first: Day, last: Day, pipeline: Only = None, wait: Wait = 30, engine: On = "postgres", as_json: AsJson = False
) -> None:
    """Load and gate every day from FIRST to LAST, then build and publish them together. Ignores lookback_days."""
    _run_range(first.date(), last.date(), pipeline, as_json, {"wait_seconds": wait, "engine": engine})


@app.command(epilog="Example: daybreak replay 2026-03-01 2026-03-31, after you changed shop.toml or a model")
def replay(first: Day, last: Day, pipeline: Only = None, as_json: AsJson = False) -> None:
    """Gate, build and publish days again from the loads in raw, without a request to the shop."""
    days = first.date(), last.date()
    _run(pipeline, as_json, lambda day_run, names, say: day_run.replay_days(days_of(*days), names, say))


@app.command(epilog="Example: daybreak unpublish 2062-03-01, a day that was mistyped. A run of the day brings it back.")
def unpublish(day: Day, pipeline: Only = None, as_json: AsJson = False) -> None:
    """Take a published day out of the marts, as if it had never been loaded. Its loads stay in raw."""
    _run(pipeline, as_json, lambda day_run, names, say: day_run.unpublish_day(day.date(), names, say))


app.command(
    epilog='Example: daybreak init "https://shop.example/api/orders?date=2026-03-01&limit=100" --auth header:X-Key'
)(init)
app.command(epilog="Example: daybreak contract --day 2026-03-24; then --accept orders, if the change is intended")(
    contract
)

app.command(epilog="Example: daybreak diff customer_ltv, after you changed its model and before a replay")(diff)


@app.command()
def demo() -> None:
    """Load six weeks of a simulated shop, with a refused day and a late correction."""
    with errors_as_exit_codes(), running_servers(), progress(False) as say:
        from cli.demo import run_demo

        outcomes = run_demo(say)
    from cli.demo import print_demo

    print_demo(outcomes)


@app.command(epilog="Example: daybreak shop --data ./my-export --port 8765")
def shop(
    data: Annotated[
        Path | None, typer.Option(help="Folder with orders.csv, reviews.csv and order_items.csv, or their .gz.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8765,
    day_column: Annotated[str, typer.Option(help="Column of orders.csv with the order's day.")] = "order_date",
) -> None:
    """Serve a shop's API, simulated or from your CSV files. Requires SHOP_API_TOKEN of its clients if it is set."""
    with errors_as_exit_codes():
        from cli.demo import serve_shop

        serve_shop(data, port, day_column)


@app.command()
def up() -> None:
    """Start the embedded Postgres and Valkey, unless PGHOST and REDIS_URL name other servers."""
    with errors_as_exit_codes():
        from local import servers

        servers.ensure()
        _print_status(None, None, False)


@app.command()
def down() -> None:
    """Stop the embedded servers and keep their data. Refused while Airflow uses them."""
    with errors_as_exit_codes():
        from local import airflow_home, servers

        with airflow_home.none_running():
            stopped = servers.down()
    typer.echo(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


@app.command()
def env() -> None:
    """Print the current variables as shell commands: eval "$(daybreak env)" connects dbt and psql."""
    with errors_as_exit_codes():
        from local import servers
        from transformation.dbt_login import shell_login

        servers.ensure()
        for name, value in (servers.environment() | shell_login()).items():
            typer.echo(f"export {name}={shlex.quote(value)}")


@app.command(epilog="Example: daybreak status 2026-03-24 --pipeline ecommerce_order_pipeline")
def status(
    day: Annotated[datetime | None, typer.Argument(formats=["%Y-%m-%d"], metavar="[DAY]", show_default=False)] = None,
    pipeline: Only = None,
    as_json: AsJson = False,
) -> None:
    """Show servers, days, incidents, messages and sizes. With DAY, show the history of that day."""
    with errors_as_exit_codes():
        _print_status(day, pipeline, as_json)


@app.command(epilog="For a scheduler, every 15 minutes or so. Undelivered messages are listed on standard error.")
def deliver(as_json: AsJson = False) -> None:
    """Deliver the outbox, send reminders of open incidents, and prune old data. Each run delivers the outbox too."""
    with errors_as_exit_codes(), running_servers():
        from cli.delivery import print_delivery

        print_delivery(as_json)


@app.command(epilog="Example: daybreak report --serve, then open the address that it prints")
def report(
    serve: Annotated[bool, typer.Option("--serve", help="Serve it on 127.0.0.1 until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(help="Port for --serve.", min=0, max=65535)] = 8766,
) -> None:
    """Write the report, an offline static site: state, runs, trends and a page per day."""
    with errors_as_exit_codes(), running_servers():
        from monitoring.report.site import write_report

        page = write_report({pipeline.name: pipeline.dataset for pipeline in PIPELINES})
        if not serve:
            typer.echo(page)
            return
        from monitoring.report.server import serve_report

        serve_report(page.parent.parent, port, typer.echo)


app.command(epilog="Runs do this automatically after the end of a week. Example: daybreak fit 2026-03-29")(fit)
app.command(epilog="Example: daybreak forget C0042. It does not change backups or the shop itself.")(forget)


@app.command(epilog="Example: daybreak doctor --day 2026-03-01, to check a new shop.toml")
def doctor(
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Read this day's first pages.")] = None,
) -> None:
    """Check the configuration and every connection of a run. With --day, also the first page of each dataset."""
    with errors_as_exit_codes(), running_servers():
        if day:
            from cli.doctor.day import print_day
        else:
            from cli.doctor.connections import print_diagnosis
        code = print_day(day.date()) if day else print_diagnosis()
    raise typer.Exit(code)


@app.callback()
def main(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log each step on standard error.")] = False,
) -> None:
    """A daily ELT pipeline for online shops."""
    from cli.logs import configure
    from pipeline_settings import PRIVATE_UMASK

    os.umask(PRIVATE_UMASK)
    hide_controls()
    collect_rarely()
    configure(is_verbose=verbose)
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")


def _print_status(day: datetime | None, pipeline: list[PipelineName] | None, as_json: bool) -> None:
    from cli.status import status

    if day:
        status.print_day(day.date(), _names(pipeline), as_json)
    elif pipeline:
        raise ConfigurationError("--pipeline requires a day", "Name the day as well: daybreak status DAY.")
    else:
        status.print_status(as_json)


def _run_range(
    first: date, last: date, pipeline: list[PipelineName] | None, as_json: bool, options: dict[str, Any]
) -> None:
    with errors_as_exit_codes():
        check_has_begun(last, _names(pipeline))
    _run(pipeline, as_json, lambda day_run, names, say: day_run.run_days(days_of(first, last), names, say, **options))


def _run(pipeline: list[PipelineName] | None, as_json: bool, work: Callable[..., RunOutcome]) -> None:
    """Call `work` with the module day_run, the pipelines and the progress; then fit if due, and print the outcome."""
    with errors_as_exit_codes(), running_servers(_names(pipeline)), progress(as_json) as say:
        from orchestration import day_run
        from orchestration.customer_models import fit_if_due

        outcome = work(day_run, _names(pipeline), say)
        fit_if_due(outcome, _names(pipeline), say)
    finish(outcome, as_json)


def _names(chosen: list[PipelineName] | None) -> list[str]:
    return names_of([name.value for name in chosen] if chosen else None)
