"""The output of `daybreak deliver`: sent and undelivered messages, and pruned rows."""

import json
from dataclasses import asdict

import typer

from cli.status.overview import undelivered_text
from monitoring.plain_text import as_json_value
from orchestration.run_messages import keep_up


def print_delivery(as_json: bool) -> None:
    """Deliver and print the result. Undelivered messages go to standard error, so that cron mails them.

    Raises WarehouseError if the outbox cannot be read. A receiver that is down is not an error: its messages are kept.
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
        typer.echo(f"Removed {pruned.messages} old messages and {pruned.step_runs} old step runs.")
    if pruned.loads:
        typer.echo(f"Removed {pruned.loads} superseded {'load' if pruned.loads == 1 else 'loads'} from raw.")
    for channel, state in sorted(done.undelivered.items()):
        if state.oldest_at:
            typer.echo(f"Kept, {channel}: {undelivered_text(channel, state)}.", err=state.waiting > 0)
