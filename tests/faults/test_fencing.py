"""A run that is only thought dead: when it wakes up, another run has its day, and nothing that it writes counts."""

import threading
from collections.abc import Callable, Sequence
from datetime import date

import pytest

from local.demo_shop.shop_contract import ListedShop
from tests.dbt_project.loads import FIRST, orders
from tests.dbt_project.readers import pending
from tests.faults.kills.forked_runs import Forker
from tests.laws.conftest import World
from tests.warehouse.sessions import end_locks
from transformation.pipelines import BY_NAME
from warehouse.connection import connect

ORDERS = "ecommerce_order_pipeline"


class FallingAsleep(ListedShop):
    """A shop whose first answer, once armed, waits until it is woken, and then has the earlier rows."""

    def __init__(self) -> None:
        super().__init__()
        self.armed, self.asked, self.woken = threading.Event(), threading.Event(), threading.Event()

    def rows(self, dataset: str, day: date) -> Sequence[bytes]:
        """Return the items of the day at the time of the request."""
        items = super().rows(dataset, day)
        if self.armed.is_set() and not self.asked.is_set():
            self.asked.set()
            self.woken.wait(60)
        return items


@pytest.mark.fault(34, 40)
def test_a_run_that_lost_its_day_while_it_slept_changes_nothing(
    world: Callable[[ListedShop], World], forker: Forker
) -> None:
    shop = FallingAsleep()
    here = world(shop)
    shop.put("orders", FIRST, orders(FIRST, 20))
    here.run([FIRST], [ORDERS])
    shop.armed.set()
    asleep = forker.start("run", str(FIRST), "--pipeline", ORDERS)
    assert shop.asked.wait(60)
    shop.put("orders", FIRST, orders(FIRST, 30))
    end_locks()  # as a server does with a silent client
    here.run([FIRST], [ORDERS])
    shop.woken.set()
    code, output = asleep.wait()
    assert code == 6, output
    assert "orders of 2026-03-01 was taken over by another run" in output
    assert pending() == []
    here.assert_marts_are_right([BY_NAME[ORDERS]])
    with connect() as connection:
        assert connection.execute("select from ops.loads where dataset = 'orders'").rowcount == 2
    here.run([FIRST], [ORDERS])
    here.assert_marts_are_right([BY_NAME[ORDERS]])
