"""`daybreak doctor --day`: the requests for a day, their first pages, and the rows that would be rejected."""

import tempfile
from datetime import date
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.doctor.connections import print_diagnosis
from cli.doctor.judged_page import JudgedPage, judge
from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.declaration.shop_config import shop_config
from pipeline_errors import CacheUnavailableError, DaybreakError, GateRefusedError

LONGEST_ROW = 2_000  # characters of the first row that are shown


def print_day(day: date) -> int:
    """Print the checks of all connections, then the first page of each dataset.

    The rows are judged like a load, in a transaction that is rolled back. Return 0, or the exit code of the first
    failure: of a connection, of a page that cannot be read, of a page that the gate would refuse.
    """
    from orchestration import steps

    code = print_diagnosis(day)
    if code not in (0, CacheUnavailableError.exit_code):  # a run goes on without the cache
        return code
    steps.prepare()
    config, console = shop_config(), Console()
    for dataset in config.datasets:
        console.rule(f"{dataset} of {day}")
        try:
            with tempfile.TemporaryDirectory() as directory:
                _print_dataset(dataset, day, Path(directory), console)
        except DaybreakError as error:
            console.print(Text(str(error), "red"), soft_wrap=True)
            code = code or error.exit_code
    return code


def _print_dataset(dataset: str, day: date, directory: Path, console: Console) -> None:
    from ingestion.drafting.first_page import read_first_page

    config = shop_config()
    declared = config.dataset(dataset)
    page = read_first_page(config, dataset, day, directory)
    console.print(Text(page.request), soft_wrap=True)
    if page.first_row is None:
        console.print("The page has no rows. If the day should have some, check path and params in shop.toml.")
        return
    pages = "the first page" if page.pages == 1 else f"the first {page.pages} pages"
    skipped = f"; {page.skipped} of other days are skipped" if page.skipped else ""
    console.print(Text(f"{page.file.row_count + page.skipped} rows on {pages}{skipped}. The first, as received:"))
    console.print(Text(page.first_row[:LONGEST_ROW]), style="dim")
    console.print(_mapping(page.fields, declared))
    if page.file.undeclared_fields:
        console.print(Text(f"Undeclared fields, stored in _extra: {', '.join(page.file.undeclared_fields)}"))
    if not page.file.row_count:
        console.print("No row belongs to the day.")
        return
    judged = judge(dataset, day, page.file.last.path)
    if dataset == "orders":
        _print_values(judged, declared, console)
    _print_verdict(judged, declared, console)


def _print_values(judged: JudgedPage, declared: DatasetConfig, console: Console) -> None:
    """Print the statuses, and a warning about amounts that have two meanings."""
    from ingestion.drafting.formats import amount_doubt
    from ingestion.drafting.statuses import statuses_seen

    seen = statuses_seen(judged.statuses, declared.non_revenue_statuses)
    console.print(Text(f"Statuses: {seen}"), soft_wrap=True)
    if "amount_format" not in declared.model_fields_set and (doubt := amount_doubt(judged.amounts)):
        console.print(Text(f"Warning: {doubt}", "yellow"), soft_wrap=True)


def _print_verdict(judged: JudgedPage, declared: DatasetConfig, console: Console) -> None:
    """Print how many rows would be rejected. Raises GateRefusedError if a day of such rows would be refused."""
    share = judged.rejected / judged.rows
    reasons = ", ".join(f"{reason} {count}" for reason, count in judged.reasons.most_common())
    console.print(
        f"{judged.rejected} of {judged.rows} rows would be rejected ({share:.1%}; a day is refused above "
        f"{declared.max_bad_rate:.1%}){': ' if reasons else '.'}{reasons}",
        highlight=False,
        soft_wrap=True,
    )
    if share > declared.max_bad_rate:
        raise GateRefusedError("A day of such rows would be refused", "Correct keys and formats in shop.toml.")


def _mapping(fields: dict[str, tuple[str, str | None]], declared: DatasetConfig) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("field", "from", "in the first row"):
        table.add_column(name)
    for field, (where, value) in fields.items():
        missing = "[red]missing but required[/red]" if field in declared.required else "[dim]missing[/dim]"
        table.add_row(field, Text(where), missing if value is None else Text(value[:200]))
    return table
