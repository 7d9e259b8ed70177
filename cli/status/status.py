"""`daybreak status`: the state of everything, or the history of one day. It starts and changes nothing."""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from rich.console import Console

from cli.status.day import print_story, print_unknown_day
from cli.status.overview import print_no_days, print_overview, print_servers
from local import servers
from monitoring.plain_text import as_json_value
from monitoring.runs.day_history import DayStory, read_stories
from monitoring.runs.overview import Overview, read_overview
from pipeline_errors import ConfigurationError, WarehouseError
from pipeline_settings import settings
from transformation.pipelines import BY_NAME
from warehouse.connection import Connection, connect

Found = TypeVar("Found")


def print_status(as_json: bool) -> None:
    """Print servers, days, readers, incidents, messages and sizes.

    Raises WarehouseError, after printing the servers, if the Postgres of the environment cannot be reached.
    """
    found = servers.status()
    postgres = next(server for server in found if server.name == servers.POSTGRES)
    console = Console()
    if not as_json:
        print_servers(console, found)
    overview = _read(_overview) if postgres.running or not postgres.embedded else None
    home_bytes = _sizes_of(settings().daybreak_home.resolve())
    if as_json:
        data = {"servers": [vars(server) for server in found], **_as_data(overview), "home_bytes": home_bytes}
        _print_json(data)
    elif overview is None:
        print_no_days(console, home_bytes, is_running=postgres.running)
    else:
        print_overview(console, overview, home_bytes)


def print_day(day: date, pipelines: Sequence[str], as_json: bool) -> None:
    """Print the history of a day for each of these pipelines. Raises WarehouseError if Postgres is not running."""
    postgres = next(server for server in servers.status() if server.name == servers.POSTGRES)
    if postgres.embedded and not postgres.running:
        raise WarehouseError("Postgres is stopped", "Start it: daybreak up.")
    datasets = {name: BY_NAME[name].dataset for name in pipelines}
    stories = _read(lambda connection: read_stories(connection, datasets, day, day)) or {}
    known = [stories[name, day] for name in pipelines if (name, day) in stories and not stories[name, day].is_blank]
    if as_json:
        _print_json({"day": day, "pipelines": [_story_data(story) for story in known]})
        return
    console = Console()
    for story in known:
        print_story(console, story)
    if not known:
        print_unknown_day(console, day, pipelines)


def _overview(connection: Connection) -> Overview:
    return read_overview(connection, {name: pipeline.dataset for name, pipeline in BY_NAME.items()})


def _read(read: Callable[[Connection], Found]) -> Found | None:
    """Call `read` with a connection. Return None if the warehouse has no schemas yet."""
    servers.use_running()
    try:
        with connect() as connection:
            connection.execute("set statement_timeout = '20s'")
            if connection.execute("select to_regclass('ops.day_states') as there").fetchone() == {"there": None}:
                return None
            return read(connection)
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        raise ConfigurationError(
            "An older version of Daybreak created this warehouse",
            "The next run migrates it: daybreak run DAY.",
        ) from None


def _as_data(overview: Overview | None) -> dict[str, Any]:
    if overview is None:
        return {"days": [], "readers": [], "incidents": [], "messages": {}, "sizes": None}
    return asdict(overview)


def _story_data(story: DayStory) -> dict[str, Any]:
    data = asdict(story)
    for run, run_data in zip(story.runs, data["runs"], strict=True):
        run_data["status"] = run.status
    return data


def _print_json(data: dict[str, Any]) -> None:
    Console().print_json(json.dumps(data, default=as_json_value))


def _sizes_of(home: Path) -> dict[str, int]:
    """Return the bytes per entry of DAYBREAK_HOME. Files that cannot be read, or that vanish meanwhile, count zero."""
    return {child.name: _bytes_of(child) for child in sorted(home.iterdir())} if home.is_dir() else {}


def _bytes_of(path: Path) -> int:
    files = [path] if path.is_file() else (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    total = 0
    for file in files:
        with suppress(OSError):
            total += file.lstat().st_size
    return total
