"""Rating drops: products whose rating dropped, each reported on the day of its drop, not on every day it stays low.

ops.rating_drops stores the spells: from the first day of a product among the drops of marts.product_metrics to the day
on which it left them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from monitoring.anomalies.findings import Anomaly
from warehouse.connection import Connection, connect
from warehouse.roles import READER, acting_as

PRODUCTS_NAMED = 10
LONGEST_ID = 40  # characters shown

NEWEST_DAY = """
    select as_of_date from ops.publications where pipeline = %(pipeline)s order by publication_id desc limit 1
"""
DROPPED = """
    select product_id, prior_average, recent_average from marts.product_metrics
    where is_rating_drop order by rating_delta, product_id
"""
# A day that is measured again starts from the state at the end of the day before.
UNBEGIN = "delete from ops.rating_drops where first_day >= %(day)s"
UNEND = "update ops.rating_drops set ended_on = null where ended_on >= %(day)s"
END = "update ops.rating_drops set ended_on = %(day)s where ended_on is null and product_id <> all(%(products)s)"
BEGIN = """
    insert into ops.rating_drops (product_id, first_day)
    select dropped.product_id, %(day)s
    from unnest(%(products)s::text[]) as dropped (product_id)
    where not exists (
        select from ops.rating_drops as spells where spells.product_id = dropped.product_id and spells.ended_on is null
    )
    returning product_id
"""


@dataclass(frozen=True)
class RatingDrop:
    """A product with its average rating (stars) of the recent and the prior days."""

    product_id: str
    prior_average: Decimal
    recent_average: Decimal

    def __str__(self) -> str:
        name = self.product_id if len(self.product_id) <= LONGEST_ID else f"{self.product_id[:LONGEST_ID]}…"
        return f"{name} {self.prior_average:.2f} → {self.recent_average:.2f}"


def new_rating_drops(connection: Connection, pipeline: str, day: date) -> Sequence[RatingDrop] | None:
    """Update the spells to this day and return the products that dropped on it, the worst first.

    None if the day is not the newest published one: marts.product_metrics no longer describes it.
    """
    if connection.execute(NEWEST_DAY, {"pipeline": pipeline}).fetchone() != {"as_of_date": day}:
        return None
    with acting_as(READER), connect() as reader:
        dropped = [RatingDrop(**row) for row in reader.execute(DROPPED)]
    products = {"day": day, "products": [drop.product_id for drop in dropped]}
    for statement in (UNBEGIN, UNEND, END):
        connection.execute(statement, products)
    begun = {row["product_id"] for row in connection.execute(BEGIN, products)}
    return [drop for drop in dropped if drop.product_id in begun]


def undo_later_spells(connection: Connection, pipeline: str) -> None:
    """Undo the spells after the newest published day, which a day that was taken out has begun or ended."""
    row = connection.execute(NEWEST_DAY, {"pipeline": pipeline}).fetchone()
    if row and row["as_of_date"]:
        for statement in (UNBEGIN, UNEND):
            connection.execute(statement, {"day": row["as_of_date"] + timedelta(days=1)})


def rating_finding(drops: Sequence[RatingDrop]) -> Anomaly | None:
    """Return the new drops as one finding; None if there are none."""
    if not drops:
        return None
    named = "; ".join(str(drop) for drop in drops[:PRODUCTS_NAMED])
    more = f"; and {len(drops) - PRODUCTS_NAMED} more" if len(drops) > PRODUCTS_NAMED else ""
    verb = "products'" if len(drops) > 1 else "product's"
    message = f"{len(drops)} {verb} rating dropped (average of the prior days → of the recent days): {named}{more}"
    return Anomaly("rating_drop", "warning", message, Decimal(len(drops)))
