"""The load of a day that counts: an unchanged one stays admitted, and the gate judges the newest one."""

import logging
from typing import TYPE_CHECKING

from ingestion.declaration.shop_config import shop_config
from pipeline_errors import ShopError
from warehouse import day_ledger
from warehouse.connection import connect
from warehouse.raw_retention import prune_day
from warehouse.roles import LOADER, acting_as

if TYPE_CHECKING:
    from warehouse.load_receipt import LoadReceipt

logger = logging.getLogger(__name__)


def unchanged_load(receipt: "LoadReceipt") -> str | None:
    """Return the day's admitted load if its rows and settings equal the receipt's. It stays admitted then."""
    with acting_as(LOADER), connect() as connection:
        load_id = day_ledger.admitted_twin(connection, receipt)
        if load_id:
            prune_day(connection, receipt.dataset, receipt.day)
    return load_id


def load_to_judge(receipt: "LoadReceipt") -> str:
    """Return the day's newest load: the receipt's, unless another run landed a newer one since.

    Judging the older load would revert the day to outdated rows.
    """
    with acting_as(LOADER), connect() as connection:
        newest = day_ledger.newest_load(connection, receipt.dataset, receipt.day)
    if newest and newest != receipt.load_id:
        logger.warning("%s %s: judging the newer load %s", receipt.day, receipt.dataset, newest)
    return newest or receipt.load_id


def is_unchanged(receipt: "LoadReceipt") -> bool:
    """Return whether rows that were asked for again equal those of the admitted load, under the same settings.

    Raises ShopError if the day has no rows any more: many a shop hides its old orders, and only a person can tell. With
    day_is = "updated" that is usual, since each later change moves an order to another day.
    """
    moves = shop_config().dataset(receipt.dataset).day_is == "updated"
    with acting_as(LOADER), connect() as connection:
        rows = 0 if moves else day_ledger.admitted_rows(connection, receipt.dataset, receipt.day)
        if rows and not receipt.rows:
            raise ShopError(
                f"The shop has no {receipt.dataset} of this day any more; it had {rows}",
                "If they are gone for good, run the day again by itself.",
            )
        return day_ledger.admitted_twin(connection, receipt) is not None
