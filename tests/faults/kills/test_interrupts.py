"""Ctrl-C and SIGTERM: the process ends soon, and the same command continues from there."""

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
    """A shop that answers slowly while `seconds` is set."""

    seconds = 0.0

    def __init__(self, items: Mapping[tuple[str, date], Iterable[object]]) -> None:
        super().__init__(items)
        self.is_asked = threading.Event()

    def rows(self, dataset: str, day: date) -> Sequence[bytes]:
        """Return the rows, later."""
        self.is_asked.set()
        time.sleep(self.seconds)
        return super().rows(dataset, day)


@pytest.fixture
def shop() -> SlowShop:
    """A shop with one day."""
    return SlowShop({("orders", FIRST): orders(FIRST), ("reviews", FIRST): reviews(FIRST)})


def interrupt(run: ForkedRun, number: int) -> tuple[int, str]:
    """Send a run a signal; return its exit code and output, and assert that it ended soon."""
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
    code, output = interrupt(run, signal.SIGINT)
    assert code == INTERRUPTED, output
    assert "interrupted. Run the same command again to continue." in output
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
        code, output = interrupt(run, number)
        assert code in {INTERRUPTED, -number, 0}, output
        # Python reports an interrupt in a destructor as an ignored exception
        assert "Traceback" not in output.split("Exception ignored")[0]
        wait_until_alone()
    here.run([FIRST])
    assert pending() == []
    here.assert_marts_are_right()
