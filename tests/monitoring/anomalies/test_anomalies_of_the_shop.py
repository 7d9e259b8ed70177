"""Anomalies of the simulated shop: DROP_DAY is found, HOLIDAY is explained, other days are normal."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from cli import summary
from local.demo_shop.shop_contract import Shop
from local.demo_shop.simulated_shop import DROP_DAY, HOLIDAY, SimulatedShop
from tests.laws.conftest import World, world
from tests.monitoring.anomalies.judged_days import anomaly_alerts, select

__all__ = ["world"]  # the fixture of a shop and its warehouse


@pytest.mark.slow
def test_the_drop_is_found_and_the_holiday_is_explained(
    world: Callable[[Shop], World], capsys: pytest.CaptureFixture[str]
) -> None:
    here = world(SimulatedShop(orders_per_day=100))
    watched = [DROP_DAY, HOLIDAY]
    before = [day - timedelta(weeks=week) for day in watched for week in range(1, 5)]
    outcome = here.run(sorted([*before, *watched]))
    found = {
        (day.dataset, day.day, anomaly.kind): anomaly.severity
        for day in outcome.days
        for anomaly in day.anomalies
        if anomaly.kind.startswith("volume")
    }
    assert {key: severity for key, severity in found.items() if key[1] in watched} == {
        ("orders", DROP_DAY, "volume_drop"): "critical",
        ("orders", HOLIDAY, "volume_drop"): "info",
        ("reviews", HOLIDAY, "volume_drop"): "info",
    }
    assert {kind for _, day, kind in found if day not in watched} == {"volume_history"}
    assert [(day, what) for day, _, what in anomaly_alerts() if what != "rating drop"] == [(DROP_DAY, "volume drop")]
    (easter,) = select("select message from ops.anomalies where logical_date = %s and pipeline like 'ecom%%'", HOLIDAY)
    assert "Easter Sunday" in easter["message"]

    summary.print_tables(outcome)
    printed = capsys.readouterr().out
    assert "Anomalies" in printed
    assert "volume_drop" in printed
    assert "16 loads have too little history" in printed
    days = summary.as_data(outcome)["days"]
    assert {anomaly["severity"] for day in days for anomaly in day["anomalies"]} >= {"critical", "info"}
