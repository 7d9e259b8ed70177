"""Loads admitted by SQL: the rows that a shop, a landing and a gate would leave behind, in milliseconds."""

import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from ingestion.declaration.shop_config import shop_config
from tests.expectations.staging import land_rows
from tests.laws import oracle
from warehouse.connection import connect

Row = dict[str, Any]

FIRST = date(2026, 3, 1)
SECOND, THIRD = FIRST + timedelta(1), FIRST + timedelta(2)


def order(day: date, number: int, **changed: str) -> Row:
    """Return a valid order of a day. Its id is the same on every day."""
    return {
        "order_id": f"o{number}",
        "customer_id": f"c{number % 3}",
        "total_amount": f"{number}.50",
        "order_date": str(day),
        "status": "shipped",
        "items": f'[{{"product_id":"p{number % 2}","quantity":1,"total":{number}.50}}]',
        **changed,
    }


def orders(day: date, count: int = 6) -> list[Row]:
    """Return valid orders with ids of that day only."""
    return [order(day, number, order_id=f"{day}-{number}") for number in range(1, count + 1)]


def reviews(day: date, count: int = 6) -> list[Row]:
    """Return valid reviews with ids of that day only."""
    return [
        {
            "review_id": f"{day}-{number}",
            "product_id": f"p{number % 2}",
            "customer_id": f"c{number % 3}",
            "rating": str(1 + number % 5),
            "review_text": "Fine.",
            "review_date": str(day),
        }
        for number in range(1, count + 1)
    ]


@dataclass
class Loads:
    """Admits loads, and remembers them for the oracle."""

    admitted: dict[tuple[str, date], list[Row]] = field(default_factory=dict)
    count: int = 0

    def admit(self, dataset: str, day: date, rows: list[Row]) -> str:
        """Land rows as a new load of a day, judged, admitted and scored. Return its id."""
        self.count += 1
        load_id = f"load-{self.count:03}"
        land_rows(dataset, day, load_id, rows)
        config = shop_config().dataset(dataset)
        judged = oracle.judge(
            dataset,
            day,
            [json.dumps(row).encode() for row in rows],
            set(config.required),
            is_day_of_update=config.day_is == "updated",
            item_keys={name: str(path[-1]) for name, path in config.items or () if path},
            refund_keys={name: str(path[-1]) for name, path in config.refunds or () if path},
            declared=config.fields,
            currency=shop_config().currency,
            no_customer=config.no_customer,
        )
        with connect() as connection:
            connection.execute("update ops.loads set scored_at = clock_timestamp() where load_id = %s", [load_id])
            connection.execute(
                """
                insert into ops.gate_results
                    (load_id, dataset, day, row_count, identical_copies, accepted, rejected, rejected_by_reason,
                    bad_rate, max_bad_rate, decision, settings)
                select %s, %s, %s, %s, %s, %s, %s, '{}', 0, 1, 'passed', to_jsonb(settings)
                from ops.dataset_settings as settings where dataset = %s
                """,
                [
                    load_id, dataset, day, len(rows), judged.copies, len(judged.accepted), judged.rejected, dataset,
                ],
            )  # fmt: skip
            connection.execute(
                """
                insert into ops.day_ledger (dataset, day, admitted_load_id) values (%s, %s, %s)
                on conflict (dataset, day) do update set
                    admitted_load_id = excluded.admitted_load_id, unpublished_at = null
                """,
                [dataset, day, load_id],
            )
        self.admitted[dataset, day] = judged.accepted
        return load_id
