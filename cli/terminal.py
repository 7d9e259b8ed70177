"""Shared parts of commands: starting servers, showing progress, turning errors into a line and an exit code."""

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from pipeline_errors import DaybreakError, one_line

if TYPE_CHECKING:
    from orchestration.day_loading import OnProgress
    from orchestration.outcome import RunOutcome

logger = logging.getLogger(__name__)

# Characters that control a terminal, or turn the direction of writing. Texts of the shop may hold them.
CONTROLS = {*range(32), *range(127, 160)}
CONTROLS |= {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def hide_controls() -> None:
    """Let rich leave out every control character of a text but tabs and ends of lines; it leaves out five of them."""
    from rich import control

    control._CONTROL_STRIP_TRANSLATE.update(dict.fromkeys(CONTROLS - {9, 10}))


@contextmanager
def running_servers(alert_pipelines: Sequence[str] = ()) -> Iterator[None]:
    """Start the embedded servers, unless the environment names others.

    `alert_pipelines`: if a server does not start, send a failure message for each of these pipelines.
    """
    from local.servers import ensure

    try:
        ensure()
    except DaybreakError as error:
        if alert_pipelines:
            from orchestration.run_messages import report_failed_run

            report_failed_run(alert_pipelines, error)
        raise
    yield


@contextmanager
def progress(is_quiet: bool) -> Iterator["OnProgress"]:
    """Show the current activity on a terminal. Show nothing if quiet, or if standard error is not a terminal."""
    if is_quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as line:
        yield line.update


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Print an error of the block as one line on standard error, and exit with its code."""
    try:
        yield
    except DaybreakError as error:
        logger.error("%s", error, extra={"is_reported": True})
        typer.echo(f"daybreak: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("daybreak: interrupted. Run the same command again to continue.", err=True)
        raise typer.Exit(130) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        logger.error("unexpected", exc_info=True, extra={"is_reported": True})
        first_line = one_line("".join(str(error).strip().splitlines()[:1]))
        typer.echo(f"daybreak: unexpected {type(error).__name__}: {first_line} (daybreak -v shows where)", err=True)
        raise typer.Exit(1) from None


def finish(outcome: "RunOutcome", as_json: bool) -> None:
    """Print the outcome of a run, and exit with its code."""
    from cli import summary

    if as_json:
        typer.echo(json.dumps(summary.as_data(outcome)))
    else:
        summary.print_tables(outcome)
    for error in (*outcome.errors, *outcome.look_back_errors):
        typer.echo(f"daybreak: {error}", err=True)
    raise typer.Exit(outcome.exit_code)
