"""A very large day: the memory of a run does not grow with it."""

import os
import subprocess
from collections.abc import Callable, Sequence
from datetime import date

import pytest

from local.demo_shop.shop_contract import Shop
from tests.dbt_project.loads import FIRST, SECOND
from tests.faults.test_own_servers import PROGRAM
from tests.laws.conftest import World
from warehouse.connection import connect

pytestmark = pytest.mark.slow

ORDERS = "ecommerce_order_pipeline"
ROWS = {FIRST: 100_000, SECOND: 1_000_000}
GROWTH = 1.2  # at most, of peak memory, for ten times the rows


class LargeDays:
    """A shop whose second day has ten times the orders of the first."""

    def __init__(self) -> None:
        self._rows: dict[date, list[bytes]] = {}

    def rows(self, dataset: str, day: date) -> Sequence[bytes]:
        """Return the orders of the day; there are no reviews."""
        if dataset != "orders":
            return []
        if day not in self._rows:
            self._rows[day] = [
                b'{"order_id":"%s-%d","customer_id":"c%d","total_amount":"%d.50","order_date":"%s","status":"shipped"}'
                % (str(day).encode(), number, number % 50_000, number % 300, str(day).encode())
                for number in range(ROWS[day])
            ]
        return self._rows[day]


def peak_of_run(day: date) -> int:
    """Return the peak resident memory of a run of the day, in kilobytes."""
    run = subprocess.Popen([PROGRAM, "run", str(day), "--pipeline", ORDERS], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)
    assert run.returncode == 0
    return used.ru_maxrss


@pytest.mark.fault(19)
def test_a_million_orders_need_little_more_memory_than_a_tenth(world: Callable[[Shop], World]) -> None:
    world(LargeDays())
    normal, large = peak_of_run(FIRST), peak_of_run(SECOND)
    assert large <= GROWTH * normal, (normal, large)
    with connect() as connection:
        rows = connection.execute("select order_date, orders from marts.daily_sales order by 1").fetchall()
    assert {row["order_date"]: row["orders"] for row in rows} == ROWS
