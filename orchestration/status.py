"""What `daybreak status` tells: which servers run, and how far each pipeline is."""

import json
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from local import servers
from warehouse.connection import connect

DAYS_SHOWN = 14

DAYS_QUERY = """
select dataset, day, state, accepted, rejected, bad_rate::float8 as bad_rate, published_at
from ops.day_states
order by day desc, dataset
limit %s
"""


def print_status(as_json: bool) -> None:
    """Print the servers and the newest days; starts nothing."""
    found = servers.status()
    days = _days() if any(server.name == "postgres" and server.running for server in found) else []
    if as_json:
        data = {"servers": [vars(server) for server in found], "days": days}
        Console().print_json(json.dumps(data, default=str))
        return
    console = Console()
    console.print(_servers_table(found))
    if days:
        console.print(_days_table(days))


def _days() -> list[dict[str, Any]]:
    servers.ensure()
    with connect() as connection:
        if connection.execute("select to_regclass('ops.day_states') as there").fetchone() == {"there": None}:
            return []
        return connection.execute(DAYS_QUERY, [2 * DAYS_SHOWN]).fetchall()


def _servers_table(found: list[servers.ServerStatus]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("server", "state", "address", "version"):
        table.add_column(name, no_wrap=True)
    table.add_column("data", overflow="fold")
    for server in found:
        state = "[green]running[/green]" if server.running else "[yellow]stopped[/yellow]"
        where = str(server.data_directory or "in memory") if server.embedded else "not ours"
        table.add_row(server.name, state, server.address, server.version or "", where)
    return table


def _days_table(days: list[dict[str, Any]]) -> Table:
    table = Table(title="Newest days", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("day", "dataset", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("accepted", "rejected", "rate"):
        table.add_column(name, justify="right")
    for day in days:
        rate = "" if day["bad_rate"] is None else f"{day['bad_rate']:.2%}"
        table.add_row(
            str(day["day"]), day["dataset"], day["state"], str(day["accepted"] or ""), str(day["rejected"] or ""), rate
        )
    return table
