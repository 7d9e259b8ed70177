"""Orders and reviews of a real shop, day by day, against the oracle. The data are not part of the project."""

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from local.demo_shop.csv_shop import CsvShop
from local.demo_shop.shop_contract import Shop
from orchestration.day_run import days_between
from pipeline_settings import PROJECT_ROOT, settings
from tests.laws.conftest import KEYS, World, empty_warehouse, rows_of

OLIST = PROJECT_ROOT.parent / "shared" / "data" / "olist"
NOVEMBER = days_between(date(2017, 11, 1), date(2017, 11, 30))

pytestmark = [
    pytest.mark.skipif(not OLIST.exists(), reason="the Olist sample is not beside this checkout"),
]


@pytest.fixture
def olist(world: Callable[[Shop], World], monkeypatch: pytest.MonkeyPatch) -> World:
    """The Olist sample as a shop, whose reviews may have no text."""
    monkeypatch.setenv("SHOP_CONFIG", str(Path(__file__).with_name("olist_shop.toml")))
    settings.cache_clear()
    return world(CsvShop(OLIST))


def test_a_week_of_a_real_shop(olist: World) -> None:
    olist.run(NOVEMBER[20:27])
    olist.assert_marts_are_right()
    assert len(rows_of("fct_orders")) == 497
    assert len(rows_of("fct_order_items")) > 497
    for day in random.Random(7).sample(NOVEMBER[20:27], 2):
        olist.run([day])
    olist.assert_marts_are_right()


@pytest.mark.slow
def test_a_month_daily_shuffled_and_at_once(olist: World) -> None:
    histories = [[[day] for day in NOVEMBER], [NOVEMBER], [[day] for day in random.Random(11).sample(NOVEMBER, 30)]]
    seen = []
    for history in histories:
        empty_warehouse()
        olist.admitted.clear()
        for days in history:
            olist.run(days)
        olist.assert_marts_are_right()
        seen.append({mart: rows_of(mart) for mart in KEYS})
    assert seen[0] == seen[1] == seen[2]
