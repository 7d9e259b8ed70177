"""`make new-model NAME=…`: a mart to begin with, green as it is: a view on daily_sales with contract and tests.

A view costs a day nothing. A table that grows with the history is two models: CONTRIBUTING.md, *A mart*.
"""

import re
from pathlib import Path
from typing import Annotated

import typer

from orchestration.logs import configure
from orchestration.terminal import errors_as_exit_codes
from pipeline_errors import ConfigurationError
from pipeline_settings import PROJECT_ROOT

NAME = r"[a-z][a-z0-9_]{2,50}"
MODEL = """-- One row per date with a revenue order: what it tells.
{{ config(materialized='published_view') }}

with

sales as (
    select * from {{ ref('daily_sales') }}
),

NAME as (
    select
        order_date,
        (revenue / customers)::numeric(38, 2) as revenue_per_customer
    from sales
)

select * from NAME
"""
PROPERTIES = """models:
  - name: NAME
    description: >
      One row per date with a revenue order: what it tells, and what is left out. Source: daily_sales.
    data_tests:
      - is_true:
          name: NAME_is_not_negative
          description: Of the newest week, since a test of each build must not read the history.
          arguments: {expression: revenue_per_customer >= 0}
          config: {where: order_date > (select max(day) - 7 from ops.day_ledger)}
    columns:
      - name: order_date
        data_type: date
        description: "{{ doc('order_date') }}"
      - name: revenue_per_customer
        data_type: numeric(38, 2)
        description: Revenue of the date ÷ its customers, in the shop's currency, rounded half up.

unit_tests:
  - name: NAME_is_rounded_once
    description: The smallest rows that a reader could get wrong.
    model: NAME
    given:
      - input: ref('daily_sales')
        rows:
          - {order_date: 2026-01-31, customers: 8, revenue: 0.20}
    expect:
      rows:
        - {order_date: 2026-01-31, revenue_per_customer: "0.03"}
"""
NEXT = """Wrote {files}. Then:
  make check
  make slim                       builds and tests it beside the marts
  dbt build --select {name}       publishes it: a view that readers see
  README's table of marts, models/overview.md, CHANGELOG.md"""


def write_model(name: str, project: Path = PROJECT_ROOT / "dbt_project") -> list[Path]:
    """Write the model's SQL and properties; returns the files. Raises ConfigurationError for a name that is no good."""
    if not re.fullmatch(NAME, name):
        raise ConfigurationError(f"{name!r} is no name for a model", "Take small letters, digits and _.")
    if taken := [*project.glob(f"models/**/{name}.sql"), *project.glob(f"seeds/{name}.csv")]:
        raise ConfigurationError(f"There is a {name}: {taken[0].relative_to(project)}", "Take another name.")
    folder = project / "models" / "marts" / "orders"
    texts = {folder / f"{name}.sql": MODEL, folder / f"{name}.yml": PROPERTIES}
    for file, text in texts.items():
        file.write_text(text.replace("NAME", name), encoding="utf-8")
    return list(texts)


def main(name: Annotated[str, typer.Argument(help="Such as weekly_sales.")]) -> None:
    """Write a mart to begin with."""
    configure(is_verbose=False)
    with errors_as_exit_codes():
        files = write_model(name)
        typer.echo(NEXT.format(files=" and ".join(str(file.relative_to(PROJECT_ROOT)) for file in files), name=name))


if __name__ == "__main__":
    typer.run(main)
