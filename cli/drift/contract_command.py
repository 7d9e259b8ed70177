"""`daybreak contract`: compares a day with its baseline and shop.toml, and shows the affected columns of marts."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.terminal import errors_as_exit_codes, running_servers
from pipeline_errors import ConfigurationError, ModelError

if TYPE_CHECKING:
    from rich.table import Table

    from cli.drift.contract_report import DatasetContract


def contract(
    dataset: Annotated[str | None, typer.Option("--dataset", help="Only this dataset: orders or reviews.")] = None,
    day: Annotated[
        datetime | None,
        typer.Option("--day", formats=["%Y-%m-%d"], help="The day to compare, instead of the newest landed one."),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Request the day's first page from the shop, instead of the landed load.")
    ] = False,
    accept: Annotated[
        str | None,
        typer.Option("--accept", metavar="DATASET", help="Accept its day as the new baseline, from this day on."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 7, as for a failed data test, on a breaking difference.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as one JSON object.")] = False,
) -> None:
    """Compare the shop's data with its baseline and with shop.toml: breaking changes, and the marts they affect."""
    with errors_as_exit_codes(), running_servers():
        from cli.drift.contract_report import accept_day, datasets_of, look_at

        chosen = datasets_of(accept or dataset)
        at = day.date() if day else None
        if accept:
            if live:
                raise ConfigurationError("A live page cannot be accepted", "Load the day first, then accept it.")
            accepted = accept_day(accept, at)
            typer.echo(f"The {accept} of {accepted} are the baseline from that day on.")
        found = [look_at(name, at, is_live=live) for name in chosen]
        if as_json:
            typer.echo(json.dumps({"datasets": [one.as_data() for one in found]}))
        else:
            _print(found)
        if check and (broken := [one.dataset for one in found if one.is_breaking]):
            raise ModelError(
                f"The contract of {' and '.join(broken)} is broken",
                "Correct shop.toml, or accept an intended change: daybreak contract --accept DATASET.",
            )


def _print(found: "list[DatasetContract]") -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for one in found:
        console.rule(f"{one.dataset} of {one.day}" if one.day else one.dataset)
        console.print(Text(one.heading), soft_wrap=True)
        if one.profile is None:
            continue
        console.print(_table(one))
        for row in one.rows():
            if row.reaches:
                console.print(Text.assemble((row.field, "bold"), f" affects {row.reaches}"), soft_wrap=True)
            if row.hint:
                console.print(Text.assemble((row.field, "bold"), f": {row.hint}"), soft_wrap=True)
        console.print(Text(one.verdict, "red" if one.is_breaking else "green"), soft_wrap=True)


def _table(one: "DatasetContract") -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("field", "expected", "observed", ""):
        table.add_column(name, overflow="fold")
    for row in one.rows():
        colour = {"breaking": "red", "harmless": "yellow"}.get(row.verdict, "dim")
        table.add_row(row.field, Text(row.expected), Text(row.observed), f"[{colour}]{row.verdict}[/]")
    return table
