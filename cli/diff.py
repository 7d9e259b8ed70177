"""`daybreak diff`: prints a table per mart, or JSON."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.terminal import errors_as_exit_codes, progress, running_servers

if TYPE_CHECKING:
    from transformation.mart_diff import Diff
    from transformation.new_columns import NewColumn
    from transformation.relation_diff import Comparison

LONGEST_VALUE = 40  # characters of an example


def diff(
    marts: Annotated[list[str] | None, typer.Argument(metavar="[MART]...", show_default=False)] = None,
    project_dir: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="The dbt project of another checkout.")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(help="Key column, if the mart declares no key. Repeat it for several columns."),
    ] = None,
    examples: Annotated[int, typer.Option(help="Number of example keys per kind of difference.", min=0)] = 5,
    personal_data: Annotated[bool, typer.Option("--personal-data", help="Show personal data in examples.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the differences as one JSON object.")] = False,
) -> None:
    """Compare the current models with the published marts: rows and columns that would change.

    Builds the named marts, or all, from the published days into temporary schemas. Readers are not affected. It costs
    as much as a full refresh.
    """
    with errors_as_exit_codes(), running_servers(), progress(as_json) as say:
        from orchestration import steps
        from transformation import mart_diff

        steps.prepare()
        found = mart_diff.diff_marts(
            marts or [],
            say,
            lambda text: None if as_json else typer.echo(text, err=True),
            project=project_dir.resolve() if project_dir else None,
            key=key or [],
            examples=examples,
            shows_personal_data=personal_data,
        )
    if as_json:
        typer.echo(json.dumps(as_data(found)))
    else:
        print_diff(found)


def as_data(found: "Diff") -> dict[str, Any]:
    """Return the differences as plain data: examples and values as text, seconds, bytes."""
    marts = [asdict(mart) | {"is_same": mart.is_same} for mart in found.marts]
    return asdict(found) | {"seconds": round(found.seconds, 3), "marts": marts}


def print_diff(found: "Diff", console: Console | None = None) -> None:
    """Print the differences for people."""
    console = console or Console(highlight=False)
    for mart in found.marts:
        _print_mart(mart, console)
    console.print(
        f"Built {found.models} models of {found.days} days in {found.seconds:.1f} s, with {found.size_bytes / 1e6:.1f} "
        "MB of temporary tables.",
        style="dim",
    )


def _print_mart(mart: "Comparison", console: Console) -> None:
    if mart.published_rows is None:
        console.print(f"[bold]{mart.mart}[/bold]: {mart.built_rows:,} rows; it is not published yet.")
        return
    if mart.is_same:
        console.print(f"[bold]{mart.mart}[/bold]: no differences in {mart.built_rows:,} rows.")
        return
    console.print(
        f"[bold]{mart.mart}[/bold]: {mart.counts['added']:,} rows added, {mart.counts['removed']:,} removed, "
        f"{mart.counts['changed']:,} changed; {mart.published_rows:,} before, {mart.built_rows:,} after. {_how(mart)}",
        soft_wrap=True,
    )
    for column in mart.columns_added:
        console.print(f"  column {column.name} is new: {_contents(column)}", soft_wrap=True)
    for name in mart.columns_removed:
        console.print(f"  column {name} is gone")
    for name, (before, after) in mart.types_changed.items():
        console.print(f"  column {name} was {before}, is {after}")
    if mart.readers_in_the_way:
        console.print(
            "  It loses or changes columns that others may read. Before you build, run: "
            + escape(" ".join(mart.readers_in_the_way))
            + " Then create them again.",
            soft_wrap=True,
        )
    if mart.columns:
        console.print(_columns_table(mart))
    if mart.is_key_personal and any(mart.counts.values()):
        console.print("  Keys are personal data; --personal-data shows them.")
    for kind, keys in mart.examples.items():
        console.print(f"  {kind}: " + escape(", ".join(" · ".join(key) for key in keys)), soft_wrap=True)


def _how(mart: "Comparison") -> str:
    key = ", ".join(mart.key)
    if mart.is_key_new:
        return f"Its key {key} is new, so rows cannot be compared one by one; --key takes columns that both have."
    how = "its primary key" if mart.is_key_declared else "the first columns that are unique together"
    return f"Compared by {key}, {how}."


def _contents(column: "NewColumn") -> str:
    """Format as `integer, 3 nulls, from 1 to 9, for example 1, 2`."""
    parts = [column.type, f"{column.nulls:,} nulls"]
    if column.is_personal:
        parts.append("personal data")
    elif column.lowest is not None:
        parts.append(f"from {_shown(column.lowest)} to {_shown(column.highest)}")
        parts += [f"for example {', '.join(map(_shown, column.examples))}"] if column.examples else []
    return ", ".join(parts)


def _columns_table(mart: "Comparison") -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("column")
    table.add_column("rows changed", justify="right")
    table.add_column("for example, before")
    table.add_column("after")
    for column in mart.columns:
        values = ["[dim]personal data[/dim]"] * 2 if column.is_personal else map(_shown, (column.before, column.after))
        table.add_row(column.name, f"{column.rows:,}", *values)
    return table


def _shown(value: str | None) -> str:
    return "[dim]null[/dim]" if value is None else escape(value[:LONGEST_VALUE])
