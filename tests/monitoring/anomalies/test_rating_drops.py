"""Rating drops: a product is named once when it drops, and again only after a recovery in between."""

from datetime import date, timedelta

import pytest

from monitoring.anomalies.rating_drops import PRODUCTS_NAMED
from pipeline_settings import Settings
from tests.monitoring.anomalies.judged_days import anomaly_alerts, execute, judge, kinds, measure, select, stored

DAYS = [date(2026, 6, 1) + timedelta(number) for number in range(6)]
REVIEWS = "customer_feedback_pipeline"


@pytest.fixture
def product_metrics(warehouse: Settings) -> None:
    """The columns of the mart that matter here, to be filled for a day."""
    execute(
        "create table marts.product_metrics (product_id text, prior_average numeric(6, 4), "
        "recent_average numeric(6, 4), rating_delta numeric(6, 4), is_rating_drop boolean)"
    )


def publish(day: date, *dropped: str) -> list[str]:
    """Publish a day with these drops among its products, and measure it; return the newly named products."""
    execute("truncate marts.product_metrics")
    for product in dropped:
        execute("insert into marts.product_metrics values (%s, 4.5, 3.25, -1.25, true)", product)
    execute("insert into marts.product_metrics values ('well', 4.5, 4.4, -0.1, false), ('new', null, 3, null, false)")
    execute(
        "insert into ops.publications (pipeline, build_id, as_of_date, day_count, rows_published) "
        "select %s, 'b' || count(*), %s, 1, '{}' from ops.publications",
        REVIEWS,
        day,
    )
    judge(day, 20, dataset="reviews")
    return named(day)


def named(day: date) -> list[str]:
    found = [anomaly for anomaly in measure(day, dataset="reviews") if anomaly.kind == "rating_drop"]
    listed = found[0].message.split(": ", 1)[1].split("; ") if found else []
    return [name.split(" ")[0] for name in listed]


@pytest.mark.usefixtures("product_metrics")
def test_a_product_is_named_only_when_it_drops() -> None:
    assert publish(DAYS[0]) == []
    assert publish(DAYS[1], "a", "b") == ["a", "b"]
    assert publish(DAYS[2], "a", "b", "c") == ["c"]
    assert publish(DAYS[3], "c") == []
    assert publish(DAYS[4], "a", "c") == ["a"]
    assert stored()[DAYS[1], "rating_drop"] == "warning"
    assert anomaly_alerts() == [(day, "warning", "rating drop") for day in (DAYS[1], DAYS[2], DAYS[4])]
    (row,) = select(
        "select message, observed from ops.anomalies where kind = 'rating_drop' and logical_date = %s", DAYS[1]
    )
    assert row["observed"] == 2
    assert "a 4.50 → 3.25; b 4.50 → 3.25" in row["message"]


@pytest.mark.usefixtures("product_metrics")
def test_measuring_a_day_again_names_the_same_products() -> None:
    publish(DAYS[0], "old")
    assert publish(DAYS[1], "old", "a") == ["a"]
    assert named(DAYS[1]) == ["a"]
    assert publish(DAYS[1], "old") == []  # corrected
    assert (DAYS[1], "rating_drop") not in stored()
    assert publish(DAYS[1], "a") == ["a"]
    assert publish(DAYS[1], "old", "a") == ["a"]
    assert select("select product_id, ended_on from ops.rating_drops order by 1") == [
        {"product_id": "a", "ended_on": None},
        {"product_id": "old", "ended_on": None},
    ]
    assert len(anomaly_alerts()) == 2


@pytest.mark.usefixtures("product_metrics")
def test_a_late_day_does_not_change_later_findings() -> None:
    publish(DAYS[1], "a")
    publish(DAYS[2], "a", "b")
    assert named(DAYS[1]) == []  # the mart has a later day by now
    assert named(DAYS[0]) == []
    assert {day for day, kind in stored() if kind == "rating_drop"} == {DAYS[1], DAYS[2]}


@pytest.mark.usefixtures("product_metrics")
def test_many_products_and_long_names_are_one_short_message() -> None:
    products = ["x" * 1000, *(f"p{number:03}" for number in range(40))]
    publish(DAYS[0], *products)
    (row,) = select("select message, observed from ops.anomalies where kind = 'rating_drop'")
    assert row["observed"] == 41
    assert row["message"].endswith(f"and {41 - PRODUCTS_NAMED} more")
    assert len(row["message"]) < 600


def test_nothing_is_named_before_the_mart_exists(warehouse: Settings) -> None:
    judge(DAYS[0], 20, dataset="reviews")
    assert kinds(measure(DAYS[0], dataset="reviews")) == {"volume_history": "info"}
