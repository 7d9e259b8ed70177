"""What `daybreak deliver` tells: what was sent, and what is kept and why."""

import json
from dataclasses import asdict

import typer

from cli.status.overview import undelivered_text
from monitoring.plain_text import as_json_value
from orchestration.run_messages import keep_up


def print_delivery(as_json: bool) -> None:
    """Deliver, and say how it went: what a receiver did not take on standard error, for whoever reads cron's mail.

    Raises WarehouseError if the outbox cannot be read. A receiver that is down is no error: its messages are kept.
    """
    done = keep_up()
    if done.error:
        raise done.error
    if as_json:
        typer.echo(json.dumps(asdict(done), default=as_json_value))
        return
    sent, pruned = done.delivery.sent, done.pruned
    typer.echo(f"{sent} {'message' if sent == 1 else 'messages'} sent." if sent else "Nothing was sent.")
    if pruned.messages or pruned.step_runs:
        typer.echo(f"{pruned.messages} old messages and {pruned.step_runs} old runs of steps removed.")
    if pruned.loads:
        typer.echo(f"{pruned.loads} superseded {'load' if pruned.loads == 1 else 'loads'} removed from raw.")
    for channel, state in sorted(done.undelivered.items()):
        if state.oldest_at:
            typer.echo(f"Kept, {channel}: {undelivered_text(channel, state)}.", err=state.waiting > 0)
