"""`daybreak status DAY`: the history of a pipeline's day, one line per event in time order. Times are UTC."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from cli.status.overview import STATES, minute
from monitoring.runs.day_history import DayStory, Row, Run
from transformation.pipelines import BY_NAME

SEVERITIES = {"critical": "red", "warning": "yellow", "info": "dim"}
STATUSES = {"failed": "red", "warning": "yellow", "success": "green"}


@dataclass(frozen=True)
class Event:
    """An event: time, kind and text in rich's markup.

    `details`: further lines, each with its indentation.
    """

    at: datetime
    kind: str
    text: str
    details: Sequence[tuple[int, str]] = ()

    def __rich__(self) -> Group:
        return Group(self.text, *(Padding(text, (0, 0, 0, indent)) for indent, text in self.details))


def print_story(console: Console, story: DayStory) -> None:
    """Print a heading with the day's state, then its timeline."""
    state = story.state or (story.runs[-1].status if story.runs else "published")
    colour = {name: colour for name, (_, colour) in STATES.items()} | STATUSES
    console.print(f"[bold]{story.pipeline} {story.day}[/]: [{colour[state]}]{state}[/]", highlight=False)
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    shown = None
    for event in sorted(events_of(story), key=lambda event: event.at):
        at = event.at.astimezone(UTC)
        if at.date() != shown:
            shown = at.date()
            table.add_row(f"{shown}", "", "[dim](UTC)[/]")
        table.add_row(f"  {at:%H:%M:%S}", event.kind, event)
    console.print(Padding(table, (0, 0, 1, 2)), highlight=False)


def print_unknown_day(console: Console, day: date, pipelines: Sequence[str]) -> None:
    """Print that a day was never loaded, and how to load it."""
    console.print(f"{day} was never loaded in {', '.join(pipelines)}.", highlight=False)
    chosen = "".join(f" --pipeline {name}" for name in pipelines) if len(pipelines) < len(BY_NAME) else ""
    console.print(f"To load it: daybreak run {day}{chosen}", highlight=False, soft_wrap=True)


def events_of(story: DayStory) -> Iterator[Event]:
    """Yield all events, unsorted. A run's time is its start."""
    for load in story.loads:
        yield from _load_events(load)
    for run in story.runs:
        yield _run_event(run)
    for publication in story.publications:
        is_out = story.dataset is not None and publication["load_id"] is None
        kind = "unpublished" if is_out else "published"
        yield Event(publication["published_at"], kind, _publication_text(publication))
    for action in story.actions:
        yield Event(action["acted_at"], "action", escape(f"{action['action']} by {_actor(action)}"))
    for anomaly in story.anomalies:
        colour = SEVERITIES[anomaly["severity"]]
        text = f"[{colour}]{anomaly['severity']}[/] {anomaly['kind']}: {escape(anomaly['message'])}"
        yield Event(anomaly["found_at"], "anomaly", text)
    reported = " ".join(step["error"] or "" for run in story.runs for step in run.steps)
    for message in story.messages:
        yield _message_event(message, reported)


def _load_events(load: Row) -> Iterator[Event]:
    pages = f"{load['page_count']:,} {'page' if load['page_count'] == 1 else 'pages'}"
    standing = [word for word in ("admitted", "published") if load[f"is_{word}"]]
    standing += [f"removed from raw at {minute(load['pruned_at'])}"] if load["pruned_at"] else []
    notes = f" ({' and '.join(standing)})" if standing else ""
    skipped = f", {load['skipped_count']:,} rows of other days were skipped" if load["skipped_count"] else ""
    text = f"{load['load_id']}: {load['row_count']:,} rows on {pages} in {load['seconds']:.1f} s{skipped}{notes}"
    yield Event(load["landed_at"], "landed", escape(text))
    if load["decided_at"]:
        colour = {"refused": "red", "empty": "yellow"}.get(load["decision"], "green")
        counts = f"{load['accepted']:,} accepted, {load['rejected']:,} rejected, {load['identical_copies']:,} copies"
        rates = f"{load['bad_rate']:.2%} bad, {load['max_bad_rate']:.2%} allowed"
        reasons = ", ".join(f"{name} {count:,}" for name, count in _most_first(load["rejected_by_reason"]))
        text = f"[{colour}]{load['decision']}[/] {counts}; {rates}" + (f": {reasons}" if reasons else "")
        yield Event(load["decided_at"], "gate", text)


def _run_event(run: Run) -> Event:
    """Return the event of a run, with a line per step, and each error below its step."""
    details = []
    for step in run.steps:
        records = "" if step["records"] is None else f", {step['records']:,} records"
        status = "" if step["status"] == "success" else f" [{STATUSES[step['status']]}]{step['status']}[/]"
        details.append((2, f"{step['step']}{status}{records}, {step['seconds']:.1f} s"))
        if step["error"]:
            details.append((4, escape(step["error"])))
    text = f"{escape(run.run_id)} [{STATUSES[run.status]}]{run.status}[/]"
    return Event(run.steps[0]["started_at"], "run", text, details)


def _actor(action: Row) -> str:
    """Return the account of the system, and the database user."""
    return f"{action['os_user']} (database user {action['database_user']})"


def _publication_text(publication: Row) -> str:
    marts = {name: count for name, count in publication["rows_published"].items() if not name.startswith("int_")}
    rows = ", ".join(f"{name} {count:,}" for name, count in sorted(marts.items()))
    load = f"load {publication['load_id']} " if publication["load_id"] else ""
    others = f", {publication['day_count']:,} days together" if publication["day_count"] > 1 else ""
    return escape(f"{load}by {publication['published_by']}{others}; rows written: {rows or 'none'}")


def _message_event(message: Row, reported: str) -> Event:
    """Return the event of a message. Its cause and remedy are left out if a step of the day has them already."""
    is_open = " [red](open)[/]" if message["is_open"] else ""
    details = [
        (2, escape(message[name])) for name in ("cause", "remedy") if message[name] and message[name] not in reported
    ]
    return Event(message["raised_at"], "message", f"{escape(message['title'])}{is_open}", details)


def _most_first(counts: dict[str, Any] | None) -> list[tuple[str, int]]:
    return sorted(((name, count) for name, count in (counts or {}).items() if count), key=lambda item: -item[1])
