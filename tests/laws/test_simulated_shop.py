"""The simulated shop, with all known kinds of bad rows, against the oracle."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from local.demo_shop.shop_contract import Shop
from local.demo_shop.simulated_shop import CORRECTED_DAY, DEMO_FROM, DEMO_TO, REFUSED_DAY, SimulatedShop
from orchestration.day_run import days_between
from tests.laws.conftest import World, rows_of


@pytest.mark.slow
def test_days_around_the_refused_one(world: Callable[[Shop], World]) -> None:
    shop = SimulatedShop()
    here = world(shop)
    outcome = here.run(days_between(REFUSED_DAY - timedelta(days=2), REFUSED_DAY + timedelta(days=2)))
    assert [(day.dataset, day.day) for day in outcome.days if day.state == "refused"] == [("orders", REFUSED_DAY)]
    here.assert_marts_are_right()
    shop.correct()
    assert here.run([REFUSED_DAY]).exit_code == 0
    here.assert_marts_are_right()


@pytest.mark.slow
def test_the_whole_demo(world: Callable[[Shop], World]) -> None:
    shop = SimulatedShop()
    here = world(shop)
    here.run(days_between(DEMO_FROM, DEMO_TO))
    shop.correct()
    here.run([REFUSED_DAY])
    here.run([CORRECTED_DAY])
    here.assert_marts_are_right()
    assert sum(row["is_rating_drop"] for row in rows_of("product_metrics")) >= 1
    assert sum(row["is_at_risk"] for row in rows_of("customer_health")) >= 1
