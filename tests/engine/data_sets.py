"""Generated histories of small shops, side by side in one warehouse with distinct ids and dates."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.dbt_project.loads import FIRST, Row
from tests.laws import oracle
from tests.laws.oracle import NON_REVENUE

DATES, NIGHTS = 3, 2
EIGHTEEN_DIGITS = "9999999999999999.99"

Marts = dict[str, dict[Any, dict[str, Any]]]

# Few ids, customers and dates: orders move between days, customers lose their first, last or only order, and days all.
amounts = st.sampled_from(["0", "0.01", "33.33", "12.50", "0.05", EIGHTEEN_DIGITS, "50000.01"])
statuses = st.sampled_from(["shipped", "shipped", "cancelled", "it's"])
order_ids = st.sampled_from([f"o{number}" for number in range(8)] + ['o"1', "o,\n1", "ö"])
customer_ids = st.sampled_from(["c0", "c1", "c2", "c,3"])
items = st.sampled_from(
    [None, "[]", '[{"product_id":"p,1","quantity":2,"total":"0.05"},{"product_id":"ö\\n","total":7}]']
)
orders = st.fixed_dictionaries(
    {"order_id": order_ids, "customer_id": customer_ids, "total_amount": amounts, "status": statuses, "items": items}
)


@st.composite
def nights(draw: st.DrawFn) -> list[dict[int, list[Row]]]:
    """Draw the rows of two nights: the first dates, then some of them again with changes."""
    dates = st.lists(st.sampled_from(range(DATES)), min_size=1, max_size=DATES, unique=True)
    return [{number: draw(st.lists(orders, max_size=8)) for number in draw(dates)} for _ in range(NIGHTS)]


@dataclass(frozen=True)
class DataSet:
    """One history: the shop's rows in each night for its first, second and third date."""

    number: int
    among: int  # the number of sets
    nights: list[dict[int, list[Row]]]

    def loads(self, night: int) -> Iterator[tuple[date, list[Row]]]:
        """Return date and rows of each load of a night."""
        for number, rows in self.nights[night].items():
            day = FIRST + timedelta(number * self.among + self.number)
            yield day, [self._own(row) | {"order_date": str(day)} for row in rows]

    def _own(self, row: Row) -> Row:
        return row | {key: f"{self.number}/{row[key]}" for key in ("order_id", "customer_id")}


def first_two_dates(sets: list[DataSet]) -> tuple[date, date]:
    """Return the range of days with the first and second date of each set, and without the third ones."""
    return FIRST, FIRST + timedelta(2 * len(sets) - 1)


def set_of(row: dict[str, Any], count: int) -> int:
    """Return the number of the set of a row of any model; 0 where there are no sets."""
    if not count:
        return 0
    if key := row.get("order_id") or row.get("customer_id"):
        return int(key.split("/")[0])
    return int((row["order_date"] - FIRST).days % count)


def generated(count: int) -> list[DataSet]:
    """Generate this many data sets, the same in each run."""
    collected: list[list[dict[int, list[Row]]]] = []

    @settings(
        max_examples=count, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(nights())
    def collect(history: list[dict[int, list[Row]]]) -> None:
        collected.append(history)

    collect()
    return [DataSet(number, len(collected), history) for number, history in enumerate(collected)]


def exercised(before: Marts, after: Marts, admitted: dict[tuple[str, date], list[Row]]) -> Counter[str]:
    """Count the difficult cases of the second night, from the marts before and after it."""
    former, customers, bought = before["customer_ltv"], after["customer_ltv"], defaultdict(list)
    for order in after["fct_orders"].values():
        bought[order["customer_id"]].append(order)
    stayed = [(former[name], customers[name]) for name in former.keys() & customers.keys()]
    places = Counter(row["order_id"] for rows in admitted.values() for row in rows)
    fewest = Decimal("0.001")
    return Counter(
        {
            "customer lost its first order": sum(a["first_order_date"] < b["first_order_date"] for a, b in stayed),
            "customer lost its last order": sum(a["last_order_date"] > b["last_order_date"] for a, b in stayed),
            "customer lost its only order": len(former.keys() - customers.keys()),
            "customer with one order": sum(row["total_orders"] == 1 for row in customers.values()),
            "customer with cancelled orders only": sum(
                all(order["status"] in NON_REVENUE for order in mine) for mine in bought.values()
            ),
            "customer with two equal orders of a day": sum(
                max(Counter((order["order_date"], order["total_amount"]) for order in mine).values()) > 1
                for mine in bought.values()
            ),
            "sum of more digits than an amount": sum(
                row["total_spent"] > Decimal(EIGHTEEN_DIGITS) for row in customers.values()
            ),
            "average at half a cent": sum(
                row["total_spent"] / row["total_orders"] % Decimal("0.01") == 5 * fewest for row in customers.values()
            ),
            "day became empty": len(before["daily_sales"].keys() - after["daily_sales"].keys()),
            "day without an order": sum(not rows for rows in admitted.values()),
            "day with cancelled orders only": len(
                {order["order_date"] for order in after["fct_orders"].values()} - after["daily_sales"].keys()
            ),
            "order changed its day": sum(
                row["order_date"] != after["fct_orders"][key]["order_date"]
                for key, row in before["fct_orders"].items()
                if key in after["fct_orders"]
            ),
            "order on several days": sum(count > 1 for count in places.values()),
            "order vanished": len(before["fct_orders"].keys() - after["fct_orders"].keys()),
        }
    )


def marts_of(admitted: dict[tuple[str, date], list[Row]]) -> Marts:
    """Return the rows that readers must see of the admitted loads."""
    made = oracle.marts(admitted)
    return {name: made[name] for name in ("fct_orders", "daily_sales", "customer_ltv")}
