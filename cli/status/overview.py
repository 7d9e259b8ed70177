"""The output of `daybreak status`: readable at 80 columns, with or without colours."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from local.servers import ServerStatus
from monitoring.alerting.outbox import Undelivered
from monitoring.runs.day_history import Row
from monitoring.runs.overview import WEEKS_SHOWN, Overview

STATES = {  # symbol and colour of each
    "published": ("✓", "green"),
    "published, newer load refused": ("!", "yellow"),
    "waiting": ("…", "yellow"),
    "refused": ("✗", "red"),
    "missing": ("·", "red"),
    "unpublished": ("–", "dim"),
}
LOADED_AGAIN = "+"
LEGEND = "✓ published  ! newer load refused  … waiting  ✗ refused  · missing  + run again"
LEGEND_OF_UNPUBLISHED = "– unpublished: taken out of the marts"
DAYS_SHOWN = 8  # of the days that need attention; --json has them all
TO_DO = {"waiting": "admitted, not published yet", "missing": "never loaded, or its load failed"}


def print_servers(console: Console, found: Sequence[ServerStatus]) -> None:
    """Print the configured servers and their state."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("server", "state", "address", "version"):
        table.add_column(name, no_wrap=True)
    table.add_column("data", overflow="fold")
    for server in found:
        down = "stopped" if server.embedded else "not reached"
        state = "[green]running[/]" if server.running else f"[yellow]{down}[/]"
        where = str(server.data_directory or "in memory") if server.embedded else "not ours"
        table.add_row(server.name, state, server.address, server.version or "", escape(where))
    console.print(table)


def print_no_days(console: Console, home_bytes: Mapping[str, int], *, is_running: bool) -> None:
    """Print that there are no days, and what to do about it."""
    if is_running:
        console.print("Nothing is loaded yet. Try `daybreak demo`, or `daybreak run DAY` with your shop.")
    else:
        console.print("Postgres is not running, so its days are unknown. `daybreak up` starts it.")
    _print_home(console, home_bytes)


def print_overview(console: Console, overview: Overview, home_bytes: Mapping[str, int]) -> None:
    """Print days, readers, incidents, messages and sizes."""
    if overview.first_day:
        _print_calendar(console, overview, overview.first_day)
        _print_troubled_days(console, overview.troubled_days)
    else:
        console.print("No day is judged yet: `daybreak run DAY`, or `daybreak demo`.")
    _heading(console, "What readers see")
    for row in overview.readers:
        seen = f"up to {row['as_of_date']}, published {minute(row['published_at'])}" if row["as_of_date"] else "nothing"
        _line(console, f"{row['pipeline']:<27}{seen}")
    _print_incidents(console, overview.incidents)
    _print_messages(console, overview)
    _print_sizes(console, overview.sizes)
    _print_home(console, home_bytes)


def minute(at: datetime) -> str:
    """Format a time to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def rate_text(row: Row) -> str:
    """Format rates with the most frequent reason: `11.75% bad, 5.00% allowed: amount_not_a_number 40, …`."""
    reasons = sorted((row["rejected_by_reason"] or {}).items(), key=lambda item: -item[1])
    shown = [f"{reason} {count:,}" for reason, count in reasons[:1] if count]
    more = ", …" if len(reasons) > 1 else ""
    return f"{row['bad_rate']:.2%} bad, {row['max_bad_rate']:.2%} allowed" + (f": {shown[0]}{more}" if shown else "")


def _print_calendar(console: Console, overview: Overview, first: date) -> None:
    """Print a row per week with the days of each dataset, from Monday to Sunday."""
    cells = {(row["dataset"], row["day"]): row for row in overview.days}
    datasets = sorted({dataset for dataset, _ in cells})
    _heading(console, "Days")
    console.print(Text("  week of   " + "".join(f"   {dataset:<21}" for dataset in datasets), style="bold"))
    console.print(Text(" " * 12 + "   Mo Tu We Th Fr Sa Su " * len(datasets), style="dim"))
    for week in range(WEEKS_SHOWN):
        monday = first + timedelta(weeks=week)
        line = Text(f"  {monday}")
        for dataset in datasets:
            line.append("   ")
            for number in range(7):
                line.append_text(_cell(cells.get((dataset, monday + timedelta(days=number)))))
        console.print(line)
    console.print(Text(LEGEND, style="dim"))
    if any(row["state"] == "unpublished" for row in overview.days):
        console.print(Text(LEGEND_OF_UNPUBLISHED, style="dim"))


def _cell(row: Row | None) -> Text:
    if row is None:
        return Text("   ")
    symbol, colour = STATES[row["state"]]
    return Text(symbol + (LOADED_AGAIN if row["loads"] > 1 else " ") + " ", style=colour)


def _print_troubled_days(console: Console, days: Sequence[Row]) -> None:
    if not days:
        return
    _heading(console, "Days that need attention")
    for row in days[:DAYS_SHOWN]:
        colour, why = STATES[row["state"]][1], TO_DO.get(row["state"]) or rate_text(row)
        _line(console, f"{row['day']} {row['dataset']:<8}", f"[{colour}]{row['state']}[/]: {escape(why)}")
    if len(days) > DAYS_SHOWN:
        _line(console, f"… and {len(days) - DAYS_SHOWN:,} more; --json has them all")
    console.print(f"  [dim]The history of a day: daybreak status {days[0]['day']}[/]", highlight=False)


def _print_incidents(console: Console, incidents: Sequence[Row]) -> None:
    _heading(console, "Open incidents")
    if not incidents:
        _line(console, "none")
    for row in incidents:
        days = row["days_affected"]
        extent = f", {days} {'day' if days == 1 else 'days'} up to {row['newest_day']}" if days else ""
        title = f"[red]{row['kind']}[/] of {row['pipeline']} since {minute(row['open_since'])}{extent}"
        console.print(Padding(title, (0, 0, 0, 2)), highlight=False)
        for text in (row["cause"], row["remedy"]):
            if text:
                console.print(Padding(escape(text), (0, 0, 0, 4)), highlight=False)


def _print_messages(console: Console, overview: Overview) -> None:
    shown = {name: state for name, state in sorted(overview.messages.items()) if state.oldest_at}
    _heading(console, "Undelivered messages")
    if not shown:
        _line(console, "none")
    for name, state in shown.items():
        _line(console, f"{name:<8}", escape(undelivered_text(name, state)))


def undelivered_text(channel: str, state: Undelivered) -> str:
    """Format as `2 wait (HTTP 500), 1 without a receiver (set ALERT_URLS), the oldest for 3 days`."""
    variable = {"alert": "ALERT_URLS", "metrics": "METRICS_URL"}[channel]
    why = f" ({state.last_error})" if state.last_error else ""
    parts = [f"{state.waiting:,} wait{why}"] if state.waiting else []
    parts += [f"{state.without_receiver:,} without a receiver (set {variable})"] if state.without_receiver else []
    parts += [f"the oldest for {age(datetime.now(UTC) - state.oldest_at)}"] if state.oldest_at else []
    return ", ".join(parts)


def age(span: timedelta) -> str:
    """Format a duration as `3 min`, `5 h` or `12 days`."""
    minutes = max(0, int(span.total_seconds() // 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"


def _print_sizes(console: Console, sizes: Row) -> None:
    _heading(console, "Sizes")
    _line(console, f"{'database':<14}", f"{decimal(sizes['database_bytes'])}: {_parts(sizes['schema_bytes'] or {})}")
    _line(console, f"{'raw':<14}", f"{sizes['raw_loads']:,} loads of {sizes['raw_days']:,} days")


def _print_home(console: Console, home_bytes: Mapping[str, int]) -> None:
    if home_bytes:
        _line(console, f"{'DAYBREAK_HOME':<14}", f"{decimal(sum(home_bytes.values()))}: {escape(_parts(home_bytes))}")


def _parts(sizes: Mapping[str, int]) -> str:
    """Format the parts of at least one percent, the largest first."""
    worth = [(size, name) for name, size in sizes.items() if size * 100 >= sum(sizes.values())]
    return ", ".join(f"{name} {decimal(size)}" for size, name in sorted(worth, reverse=True) if size)


def _heading(console: Console, text: str) -> None:
    console.print(f"\n[bold]{text}[/]")


def _line(console: Console, label: str, text: str = "") -> None:
    """Print a label, and a text that wraps beside it."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(label, text) if text else grid.add_row(label)
    console.print(Padding(grid, (0, 0, 0, 2)), highlight=False)
