"""The settings of shop.toml that rows are judged by, stored in the warehouse for the staging views and the gate."""

from dataclasses import dataclass, field, fields
from decimal import Decimal

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from ingestion.declaration.order_lists import ItemKeys, RefundKeys
from ingestion.declaration.shop_config import ShopConfig
from ingestion.values.amounts import PLAIN, amount_pattern
from ingestion.values.dates import date_pattern
from pipeline_errors import ConfigurationError
from warehouse.connection import Connection, connect


@dataclass(frozen=True)
class DatasetSettings:
    """One row of ops.dataset_settings."""

    dataset: str
    time_zone: str
    required_fields: list[str]
    product_id_pattern: str | None
    max_text_bytes: int
    max_bad_rate: Decimal  # fraction 0–1
    language: str
    amount_unit: Decimal  # value of 1 in the shop's amounts
    non_revenue_statuses: list[str]  # in the shop's spelling
    date_format: str
    day_is: str  # the logical day of an order: 'order_date', or 'updated' for the day of its last change
    item_product_id: list[str] | None = None  # path within an item; None: the shop sends no items
    item_quantity: list[str] | None = None
    item_price: list[str] | None = None
    item_total: list[str] | None = None
    refund_amount: list[str] | None = None  # path within a refund; None: the shop sends no refunds
    refund_id: list[str] | None = None
    refund_date: list[str] | None = None
    refund_tax: list[str] | None = None
    refund_shipping: list[str] | None = None
    refund_currency: list[str] | None = None
    date_pattern: str | None = None  # of a date_format that is neither ISO 8601 nor Unix time
    date_rewritten: str | None = None
    amount_format: str = PLAIN
    amount_pattern: str | None = None
    amount_signs: str | None = None
    amount_decimals: str = "exact"  # or 'round': amounts with more than two decimals are rounded
    currency: str | None = None  # the shop's own, ISO 4217
    no_customer: list[str] = field(default_factory=list)  # ids that mean nobody


COLUMNS = [each.name for each in fields(DatasetSettings)]


def save_settings(config: ShopConfig) -> None:
    """Bring ops.dataset_settings in line with shop.toml. Writes nothing, and takes no lock, if they agree already.

    Raises ConfigurationError for a pattern or time zone that Python accepts and Postgres does not.
    """
    with connect() as connection:
        for wanted in _declared(config):
            if read_settings(connection, wanted.dataset) != wanted:
                _require_usable(connection, wanted)
                _write(connection, wanted)


def read_settings(connection: Connection, dataset: str) -> DatasetSettings | None:
    """Return the settings of a dataset; None before they are saved."""
    with connection.cursor(row_factory=class_row(DatasetSettings)) as cursor:
        query = sql.SQL("select {} from ops.dataset_settings where dataset = %s").format(_listed(COLUMNS))
        return cursor.execute(query, [dataset]).fetchone()


def _declared(config: ShopConfig) -> list[DatasetSettings]:
    return [
        DatasetSettings(
            dataset=name,
            time_zone=dataset.time_zone,
            required_fields=list(dataset.required),
            product_id_pattern=dataset.product_id_pattern,
            max_text_bytes=config.max_text_bytes,
            max_bad_rate=Decimal(str(dataset.max_bad_rate)),  # the exact decimal in shop.toml, not the nearest float
            language=dataset.language,
            amount_unit=1 / Decimal(dataset.minor_units),
            non_revenue_statuses=list(dataset.non_revenue_statuses),
            date_format=dataset.date_format,
            day_is=dataset.day_is,
            **_paths("item", ItemKeys, dataset.items),
            **_paths("refund", RefundKeys, dataset.refunds),
            date_pattern=dates.pattern if dates else None,
            date_rewritten=dates.rewritten if dates else None,
            amount_format=dataset.amount_format,
            amount_pattern=amounts.pattern if amounts else None,
            amount_signs=amounts.signs if amounts else None,
            amount_decimals=dataset.amount_decimals,
            currency=config.currency,
            no_customer=list(dataset.no_customer),
        )
        for name, dataset in ((name, config.dataset(name)) for name in config.datasets)
        for dates, amounts in [(date_pattern(dataset.date_format), amount_pattern(dataset.amount_format))]
    ]


def _paths(
    prefix: str, model: type[ItemKeys | RefundKeys], keys: ItemKeys | RefundKeys | None
) -> dict[str, list[str] | None]:
    """Return the columns with the path to each part of an item or refund, as Postgres expects it."""
    paths = {f"{prefix}_{name}": getattr(keys, name, None) for name in model.model_fields}
    return {column: None if path is None else [str(step) for step in path] for column, path in paths.items()}


def _require_usable(connection: Connection, wanted: DatasetSettings) -> None:
    try:
        with connection.transaction():
            connection.execute(
                "select '' ~ %s::text, timestamptz 'epoch' at time zone %s",
                [wanted.product_id_pattern, wanted.time_zone],
            )
    except psycopg.errors.InvalidRegularExpression:
        raise ConfigurationError(
            f"product_id_pattern {wanted.product_id_pattern!r} is not a regular expression of Postgres",
            "Leave out syntax that only Python has; section 9.7.3 of Postgres' manual lists the syntax it supports.",
        ) from None
    except psycopg.errors.InvalidParameterValue:
        raise ConfigurationError(
            f"Postgres does not know the time zone {wanted.time_zone!r}", "Use an older name of the zone."
        ) from None


def _write(connection: Connection, wanted: DatasetSettings) -> None:
    changed = [
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in COLUMNS if column != "dataset"
    ]
    statement = sql.SQL(
        "insert into ops.dataset_settings ({}) values ({}) on conflict (dataset) do update set {}"
    ).format(_listed(COLUMNS), sql.SQL(", ").join(map(sql.Placeholder, COLUMNS)), sql.SQL(", ").join(changed))
    connection.execute(statement, vars(wanted))


def _listed(columns: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
