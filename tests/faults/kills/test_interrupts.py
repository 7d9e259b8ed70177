"""Ctrl-C and SIGTERM: gone soon, and the same command goes on from there."""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

import pytest
import redis

from local.demo_shop.shop_contract import ListedShop
from tests.dbt_project.loads import FIRST, orders, reviews
from tests.dbt_project.readers import pending, publications
from tests.faults.kills.forked_runs import ForkedRun, Forker
from tests.faults.kills.test_any_history import wait_until_alone
from tests.laws.conftest import World

GONE_SECONDS = 30
INTERRUPTED = 130


class SlowShop(ListedShop):
    """A shop that takes its time while `seconds` is set."""

    seconds = 0.0

    def __init__(self, items: Mapping[tuple[str, date], Iterable[object]]) -> None:
        super().__init__(items)
        self.is_asked = threading.Event()

    def rows(self, dataset: str, day: date) -> Sequence[bytes]:
        """The rows, later."""
        self.is_asked.set()
        time.sleep(self.seconds)
        return super().rows(dataset, day)


@pytest.fixture
def shop() -> SlowShop:
    """A shop with a day."""
    return SlowShop({("orders", FIRST): orders(FIRST), ("reviews", FIRST): reviews(FIRST)})


def interrupt(run: ForkedRun, number: int) -> tuple[int, str]:
    """Send a run a signal; how it ended, soon."""
    run.kill(number)
    started = time.monotonic()
    ended = run.wait()
    assert time.monotonic() - started < GONE_SECONDS
    return ended


@pytest.mark.fault(33)
def test_ctrl_c_while_the_shop_is_read(
    world: Callable[[ListedShop], World], cache: "redis.Redis", forker: Forker, shop: SlowShop
) -> None:
    world(shop)
    shop.seconds = 20
    run = forker.start("run", str(FIRST))
    assert shop.is_asked.wait(60)
    code, said = interrupt(run, signal.SIGINT)
    assert code == INTERRUPTED, said
    assert "interrupted. Run the same command again: it goes on from here." in said
    assert publications() == []


@pytest.mark.slow
@pytest.mark.fault(33)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_at_any_moment(
    world: Callable[[ListedShop], World], cache: "redis.Redis", forker: Forker, shop: SlowShop, number: int
) -> None:
    here = world(shop)
    for moment in range(8):
        shop.put("orders", FIRST, orders(FIRST, 10 + moment))
        run = forker.start("run", str(FIRST))
        time.sleep(0.4 * (moment + 1))
        code, said = interrupt(run, number)
        assert code in {INTERRUPTED, -number, 0}, said
        # an interrupt that meets a destructor is told by Python itself, as an exception that it ignores
        assert "Traceback" not in said.split("Exception ignored")[0]
        wait_until_alone()
    here.run([FIRST])
    assert pending() == []
    here.assert_marts_are_right()
