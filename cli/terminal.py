"""How a command meets its caller: servers are started, progress is shown, an error is a line and an exit code."""

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from pipeline_errors import DaybreakError

if TYPE_CHECKING:
    from orchestration.day_loading import OnProgress
    from orchestration.outcome import RunOutcome

logger = logging.getLogger(__name__)


@contextmanager
def running_servers(telling: Sequence[str] = ()) -> Iterator[None]:
    """The embedded servers run, where the environment names no other.

    `telling`: the pipelines whose people are told if a server does not start, for then nothing else tells them.
    """
    from local.servers import ensure

    try:
        ensure()
    except DaybreakError as error:
        if telling:
            from orchestration.run_messages import print_failure

            print_failure(telling, error)
        raise
    yield


@contextmanager
def progress(is_quiet: bool) -> Iterator["OnProgress"]:
    """A line that says what is being done, on a terminal; nothing where output is read by programs."""
    if is_quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as line:
        yield line.update


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """An error of the block is one line on standard error, and ends the command with its exit code."""
    try:
        yield
    except DaybreakError as error:
        logger.error("%s", error, extra={"is_reported": True})
        typer.echo(f"daybreak: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("daybreak: interrupted. Run the same command again: it goes on from here.", err=True)
        raise typer.Exit(130) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        logger.error("unexpected", exc_info=True, extra={"is_reported": True})
        first_line = str(error).strip().splitlines()[:1]
        typer.echo(
            f"daybreak: unexpected {type(error).__name__}: {' '.join(first_line)} (daybreak -v shows where)", err=True
        )
        raise typer.Exit(1) from None


def finish(outcome: "RunOutcome", as_json: bool) -> None:
    """Print what a run came to, and leave with its exit code."""
    from cli import summary

    if as_json:
        typer.echo(json.dumps(summary.as_data(outcome)))
    else:
        summary.print_tables(outcome)
    for error in outcome.errors:
        typer.echo(f"daybreak: {error}", err=True)
    raise typer.Exit(outcome.exit_code)
