"""`daybreak doctor --day`: the requests for a day, their first pages, and the rows that would be rejected."""

import tempfile
from collections import Counter
from datetime import date
from pathlib import Path

from psycopg import sql
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.declaration.shop_config import shop_config
from pipeline_errors import DaybreakError
from warehouse.connection import connect
from warehouse.roles import LOADER, acting_as

LONGEST_ROW = 2_000  # characters of the first row that are shown


def print_day(day: date) -> int:
    """Print the first page of each dataset. Return 0, or the exit code of the first that cannot be read.

    The rows are judged like a load, in a transaction that is rolled back.
    """
    from orchestration import steps

    steps.prepare()
    config, console, code = shop_config(), Console(), 0
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
    reasons, rejected = _judge(dataset, day, page.file.last.path)
    share = rejected / page.file.row_count
    console.print(
        f"{rejected} of {page.file.row_count} rows would be rejected ({share:.1%}; a day is refused above "
        f"{declared.max_bad_rate:.1%}){': ' if reasons else '.'}"
        + ", ".join(f"{reason} {count}" for reason, count in reasons.most_common()),
        highlight=False,
        soft_wrap=True,
    )


def _mapping(fields: dict[str, tuple[str, str | None]], declared: DatasetConfig) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("field", "from", "in the first row"):
        table.add_column(name)
    for field, (where, value) in fields.items():
        missing = "[red]missing but required[/red]" if field in declared.required else "[dim]missing[/dim]"
        table.add_row(field, Text(where), missing if value is None else Text(value[:200]))
    return table


def _judge(dataset: str, day: date, file: Path) -> tuple[Counter[str], int]:
    """Count these rows per rejection reason, and the rows with any reason."""
    from ingestion.drafting.first_page import LOAD_ID
    from ingestion.landing.raw_tables import RAW

    header = file.read_text(encoding="utf-8").partition("\n")[0].replace('"', "").split(",")
    copied = sql.SQL("copy {} ({}) from stdin (format csv, header)").format(
        sql.Identifier(RAW, dataset), sql.SQL(", ").join(map(sql.Identifier, header))
    )
    judged = sql.SQL("select rejection_reasons from {} where _day = %s and _load_id = %s").format(
        sql.Identifier("staging", f"stg_shop__{dataset}")
    )
    with acting_as(LOADER), connect() as connection:
        with connection.cursor().copy(copied) as copy:
            copy.write(file.read_bytes())
        reasons = [row["rejection_reasons"] for row in connection.execute(judged, [day, LOAD_ID])]
        connection.rollback()
    return Counter(reason for row in reasons for reason in row), sum(map(bool, reasons))
