"""The summary of a run: rows and verdict per day, rows written per mart, seconds per step."""

from collections import Counter
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.outcome import DayOutcome, RunOutcome

MOST_ROWS = 31  # loads to list one by one; with more than a month, list only those that need attention
PLAIN_STATES = ("admitted", "unchanged")
NOT_JUDGED = "volume_history"
SEVERITY_COLOURS = {"critical": "red", "warning": "yellow", "info": "dim"}
COLOURS = {
    "admitted": "green", "unchanged": "dim", "empty": "yellow", "refused": "red", "failed": "red",
    "unpublished": "yellow", "not published": "dim",
}  # fmt: skip


def as_data(outcome: RunOutcome) -> dict[str, Any]:
    """Return the outcome as plain data: ISO dates, rates as fractions, seconds per step."""
    return {
        "run_id": outcome.run_id,
        "exit_code": outcome.exit_code,
        "days": [_day_data(day) for day in outcome.days],
        "rows_published": outcome.rows_published,
        "cache_writes": outcome.cache.written if outcome.cache else None,
        "seconds": {name: round(seconds, 3) for name, seconds in outcome.seconds.items()},
        "customer_models": outcome.models,
        "errors": [str(error) for error in outcome.errors],
    }


def print_tables(outcome: RunOutcome) -> None:
    """Print the outcome for people."""
    console = Console()
    console.print(_days_table(outcome))
    if rejections := _rejections_table(outcome):
        console.print(rejections)
    if outcome.rows_published:
        # int_* tables are published for the next build, not for readers
        changed = {mart: count for mart, count in outcome.rows_published.items() if not mart.startswith("int_")}
        marts = Table(title="Published", title_justify="left", box=box.SIMPLE_HEAD)
        marts.add_column("mart")
        marts.add_column("rows written", justify="right")
        for mart, count in sorted(changed.items()):
            marts.add_row(mart, f"{count:,}")
        console.print(marts)
    _print_anomalies(outcome, console)
    steps = Table(title="Time", title_justify="left", box=box.SIMPLE_HEAD)
    steps.add_column("step")
    steps.add_column("seconds", justify="right")
    for name, seconds in outcome.seconds.items():
        steps.add_row(name, f"{seconds:.2f}")
    steps.add_row("total", f"{sum(outcome.seconds.values()):.2f}", style="bold")
    console.print(steps)
    if outcome.cache:
        console.print(f"Redis: {outcome.cache.written:,} products written, {outcome.cache.unchanged:,} unchanged.")
    if outcome.models:
        console.print(escape(f"{outcome.models[0].upper()}{outcome.models[1:]}."), soft_wrap=True, highlight=False)


def _days_table(outcome: RunOutcome) -> Table:
    table = Table(title=f"Run {outcome.run_id}", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("day", "dataset", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("rows", "accepted", "rejected", "rate"):
        table.add_column(name, justify="right", no_wrap=True)
    shown = outcome.days
    if len(shown) > MOST_ROWS:
        shown = [day for day in shown if day.state not in PLAIN_STATES]
        plain = len(outcome.days) - len(shown)
        table.caption = f"{plain} more loads were admitted or unchanged; --json has them all"
    for day in shown:
        table.add_row(*_day_cells(day))
    return table


def _day_cells(outcome: DayOutcome) -> list[str]:
    colour = COLOURS[outcome.state]
    cells = [str(outcome.day), outcome.dataset, f"[{colour}]{outcome.state}[/]"]
    figures = outcome.figures
    if figures is None:
        return [*cells, "" if outcome.row_count is None else f"{outcome.row_count:,}", "", "", ""]
    return [
        *cells,
        f"{figures['rows']:,}",
        f"{figures['accepted']:,}",
        f"{figures['rejected']:,}",
        f"{figures['bad_rate']:.2%} of {figures['max_bad_rate']:.0%}",
    ]


def _rejections_table(outcome: RunOutcome) -> Table | None:
    """Count rows by dataset and reason over all days. A row can have several reasons."""
    counts: Counter[tuple[str, str]] = Counter()
    for day in outcome.days:
        if day.figures:
            counts.update({(day.dataset, code): count for code, count in day.figures["rejected_by_reason"].items()})
            counts[day.dataset, "(identical copies, counted once)"] += day.figures["identical_copies"]
    table = Table(title="Rejected", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("dataset", "reason"):
        table.add_column(name, no_wrap=True)
    table.add_column("rows", justify="right")
    for (dataset, reason), count in sorted(counts.items()):
        if count:
            table.add_row(dataset, reason, f"{count:,}")
    return table if table.row_count else None


def _print_anomalies(outcome: RunOutcome, console: Console) -> None:
    """Print a line per anomaly, because a table would be too narrow. Count days without enough history instead."""
    found = [(day, anomaly) for day in outcome.days for anomaly in day.anomalies]
    if found:
        console.print("[italic]Anomalies[/]")
    for day, anomaly in found:
        if anomaly.kind != NOT_JUDGED:
            severity = f"[{SEVERITY_COLOURS[anomaly.severity]}]{anomaly.severity}[/]"
            place = f"  {day.day} {day.dataset} {severity} {anomaly.kind}: "
            console.print(place + escape(anomaly.message), soft_wrap=True, highlight=False)
    if not_judged := sum(anomaly.kind == NOT_JUDGED for _, anomaly in found):
        console.print(f"  {not_judged} loads have too little history to judge their volume.", highlight=False)
    if found:
        console.print()


def _day_data(outcome: DayOutcome) -> dict[str, Any]:
    data: dict[str, Any] = {"dataset": outcome.dataset, "day": outcome.day.isoformat(), "state": outcome.state}
    data |= {"is_look_back": outcome.is_look_back, "error": str(outcome.error) if outcome.error else None}
    data["anomalies"] = [
        {"kind": anomaly.kind, "severity": anomaly.severity, "message": anomaly.message}
        for anomaly in outcome.anomalies
    ]
    return {**data, **(outcome.figures or {"rows": outcome.row_count})}
