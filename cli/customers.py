"""The commands about customers: `daybreak fit` and `daybreak forget`."""

from datetime import datetime
from typing import Annotated

import typer

from cli.terminal import errors_as_exit_codes, progress, running_servers

REMAINS = (
    "Not erased: Postgres' log, archives of its write-ahead log, backups, what readers exported, and the shop itself. "
    "ops.operator_actions records who ran this and when."
)


def fit(
    day: Annotated[datetime | None, typer.Argument(formats=["%Y-%m-%d"], metavar="[DAY]", show_default=False)] = None,
) -> None:
    """Fit the customer models now, as of DAY or the last Sunday, and snapshot segments and metrics."""
    with errors_as_exit_codes(), running_servers(), progress(False) as say:
        from orchestration.customer_models import fit_now

        fitted = fit_now(day.date() if day else None, say)
    typer.echo(f"{str(fitted)[0].upper()}{str(fitted)[1:]}.")


def forget(
    customer_id: Annotated[str, typer.Argument(metavar="CUSTOMER_ID", help="As the shop writes it.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Erase a customer from raw, quarantine, marts and Redis, and exclude them from later loads."""
    if not yes:
        typer.confirm("This deletes the customer's orders and reviews permanently. Continue?", abort=True)
    with errors_as_exit_codes(), running_servers(), progress(False) as say:
        from orchestration.customer_erasure import forget_customer

        forgotten = forget_customer(customer_id, say)
    removed = ", ".join(f"{count:,} {dataset}" for dataset, count in forgotten.rows.items())
    typer.echo(f"Deleted from raw: {removed}. Later loads exclude this customer.")
    if forgotten.copies:
        typer.echo("Copies remain in schemas of dbt's target dev. If nobody needs them, drop them:")
        for schema in forgotten.copies:
            typer.echo(f'  drop schema "{schema}" cascade;')
    typer.echo(REMAINS)
    for error in forgotten.outcome.errors:
        typer.echo(f"daybreak: {error}", err=True)
    raise typer.Exit(forgotten.outcome.exit_code)
