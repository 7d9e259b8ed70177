"""Nights under Airflow that look back: changed days are published, a killed look-back delays nothing."""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pytest

from local.demo_shop.shop_contract import ListedShop
from orchestration.day_run import days_between
from pipeline_settings import PROJECT_ROOT
from tests.laws.nights import ORDERS, Nights, nights
from tests.orchestration.test_run_messages import orders
from transformation.pipelines import BY_NAME

__all__ = ["nights"]  # a fixture

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

FIRST, SECOND, THIRD, FOURTH, FIFTH = days_between(date(2026, 3, 1), date(2026, 3, 5))


class AskedShop(ListedShop):
    """A shop that lists the days of orders that it was asked for."""

    def __init__(self) -> None:
        super().__init__({("orders", day): orders(day) for day in (FIRST, SECOND, THIRD, FOURTH, FIFTH)})
        self.asked: list[date] = []

    def rows(self, dataset: str, day: date) -> Sequence[bytes]:
        """Return the rows of the day, and note the request."""
        if dataset == "orders":
            self.asked.append(day)
        return super().rows(dataset, day)


def test_a_night_looks_back_and_a_backfill_does_not(
    nights: Callable[..., Nights], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = (PROJECT_ROOT / "ingestion" / "shop.toml").read_text()
    declared = text.replace("[datasets.orders]", "[datasets.orders]\nlookback_days = [1, 2]")
    (tmp_path / "shop.toml").write_text(declared)
    monkeypatch.setenv("SHOP_CONFIG", str(tmp_path / "shop.toml"))
    shop = AskedShop()
    here = nights(shop)

    def night(day: date) -> str:
        run = here.start(ORDERS, day)
        here.world.admit("orders", day)
        return run

    night(FIRST)
    here.settle()
    shop.put("orders", FIRST, orders(FIRST)[:9])
    here.world.admit("orders", FIRST)
    night(SECOND)
    here.settle()
    here.world.assert_marts_are_right([BY_NAME[ORDERS]])

    shop.put("orders", SECOND, orders(SECOND, bad=5))
    refused = night(THIRD)
    here.settle()
    assert here.tasks(refused)["look_back"] == "success"
    assert "5 of 10 orders are bad" in here.log(refused, "look_back")
    here.world.assert_marts_are_right([BY_NAME[ORDERS]])

    killed = night(FOURTH)
    here.kill_when_running(ORDERS, "look_back")
    here.settle()
    assert here.tasks(killed)["look_back"] == "failed"

    shop.asked.clear()
    here.backfill(ORDERS, [FIFTH], at_once=1)
    here.settle()
    here.world.admit("orders", FIFTH)
    assert not {THIRD, FOURTH} & set(shop.asked)
    days = [day.isoformat() for day in (FIRST, SECOND, THIRD, FOURTH, FIFTH)]
    assert here.states(ORDERS) == [(day, "success") for day in days]
    here.world.assert_marts_are_right([BY_NAME[ORDERS]])
