"""Fitting in the warehouse: the input, the published predictions, and the reasons for missing models."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from modeling.customers import Fit, fit_customers
from pipeline_settings import Settings
from tests.modeling import cdnow
from warehouse.connection import connect

FIRST = date(2026, 3, 1)

Order = tuple[str | None, date, float]


def _add_orders(orders: Sequence[Order], status: str = "delivered") -> None:
    """Publish these orders, in the place of a build. The amounts are what is left after a refund."""
    columns = (
        "order_id, customer_id, order_date, total_amount, refunded_amount, net_amount, status, is_revenue, is_large,"
        " logical_date"
    )
    with connect() as connection, connection.cursor().copy(f"copy marts.fct_orders ({columns}) from stdin") as copy:
        for number, (customer_id, ordered, amount) in enumerate(orders):
            is_revenue = status != "cancelled"
            copy.write_row(
                [
                    f"{status}-{number}", customer_id, ordered, amount + 1, 1, amount, status, is_revenue, False,
                    ordered,
                ]
            )  # fmt: skip


def _read(query: str) -> list[dict[str, Any]]:
    with connect() as connection:
        return connection.execute(query.encode()).fetchall()


def _fit(as_of: date) -> Fit:
    with connect() as connection:
        return fit_customers(connection, as_of)


def test_cdnow_from_its_orders_to_its_predictions(warehouse: Settings) -> None:
    """Orders of a day count once, orders after the day not at all, and neither do those that bring no revenue."""
    _add_orders(list(cdnow.orders()))
    _add_orders([("0001", date(1997, 3, 3), 99.0)], status="cancelled")
    _add_orders([(None, date(1997, 3, 3), 99.0)], status="of a guest")
    assert str(_fit(cdnow.CALIBRATED_ON)) == "customer models fitted on 2,357 customers as of 1997-09-30"
    (model,) = _read("select * from marts.customer_models")
    assert {name: model[name] for name in cdnow.PUBLISHED} == pytest.approx(cdnow.PUBLISHED, rel=0.005)
    spend = {name: model[name] for name in cdnow.PUBLISHED_SPEND}
    assert spend == pytest.approx(cdnow.PUBLISHED_SPEND, rel=0.005)
    predictions = {row["customer_id"]: row for row in _read("select * from marts.customer_predictions")}
    bought = cdnow.days_bought()
    assert predictions.keys() == bought.keys()
    # the first customer of the papers: 2 repeat days, the last after 30.43 weeks, seen for 38.86
    assert float(predictions["0001"]["probability_alive"]) == pytest.approx(0.7266, abs=0.0005)
    orders = float(predictions["0001"]["expected_orders"])
    repeats = sum(bought["0001"].values()) - bought["0001"][min(bought["0001"])]
    mean = model["p"] * (model["v"] + repeats) / (2 * model["p"] + model["q"] - 1)
    assert float(predictions["0001"]["expected_revenue"]) == pytest.approx(orders * mean, abs=0.01)


def test_readers_see_the_old_predictions_until_the_new_ones_are_whole(warehouse: Settings) -> None:
    orders = [
        (f"c{n}", FIRST + timedelta(days=n % 5 + 3 * x), 5.0 + n + x) for n in range(90) for x in range(1 + n % 4)
    ]
    _add_orders(orders)
    before, after = FIRST + timedelta(days=3), FIRST + timedelta(days=20)
    assert _fit(before).without == {"predictions": "it needs at least 50 customers who ordered on two days, has 13"}
    with connect() as connection:
        fit_customers(connection, after)
        assert _read("select count(*) as number from marts.customer_predictions") == [{"number": 0}]
    with connect() as connection:
        fit_customers(connection, after + timedelta(days=7))
        seen = _read("select as_of_date, count(*) as number from marts.customer_predictions group by as_of_date")
        assert seen == [{"as_of_date": after, "number": 90}]
        models = _read("select as_of_date from marts.customer_models order by as_of_date")
        assert [row["as_of_date"] for row in models] == [before, after]
    predictions = _read("select * from marts.customer_predictions order by customer_id")
    assert {row["as_of_date"] for row in predictions} == {after + timedelta(days=7)}
    _fit(after + timedelta(days=7))  # again: the same numbers, and no second model of the day
    assert _read("select * from marts.customer_predictions order by customer_id") == predictions
    assert len(_read("select * from marts.customer_models")) == 3


NO_REPEATS = "it needs at least 50 customers who ordered on two days, has 0"
TOO_LITTLE: dict[str, tuple[Sequence[Order], str]] = {
    "no customers": ([], NO_REPEATS),
    "one": ([("c", FIRST, 5.0)], NO_REPEATS),
    "five": (
        [(f"c{n}", FIRST, 5.0) for n in range(5)],
        NO_REPEATS,
    ),
    "no repeat orders": (
        [(f"c{n}", FIRST, 5.0) for n in range(200)] * 2,
        NO_REPEATS,
    ),
    "all spend the same": (
        [(f"c{n}", FIRST + timedelta(days=x * (1 + n % 9)), 5.0) for n in range(200) for x in range(1 + n % 3)],
        "all customers spend the same",
    ),
    "all is free": (
        [(f"c{n}", FIRST + timedelta(days=x * (1 + n % 9)), 0.0) for n in range(200) for x in range(1 + n % 3)],
        "it needs at least 50 customers who spent money on a repeat day, has 0",
    ),
}


@pytest.mark.parametrize("name", TOO_LITTLE)
def test_too_little_data_is_reported_and_unknown_values_are_null(warehouse: Settings, name: str) -> None:
    orders, reason = TOO_LITTLE[name]
    _add_orders(orders)
    fit = _fit(FIRST + timedelta(days=40))
    (model,) = _read("select * from marts.customer_models")
    assert list(fit.without.values()) == [reason] == [model["no_revenue_because"]]
    assert str(fit).endswith(reason)
    assert model["customers"] == len({order[0] for order in orders})
    assert (model["recency_limits"] is None) == (model["customers"] < 5)
    predictions = _read("select * from marts.customer_predictions")
    if "predictions" in fit.without:
        assert (predictions, model["r"], model["no_orders_because"]) == ([], None, reason)
    else:
        assert {row["expected_revenue"] for row in predictions} == {None}
        assert len(predictions) == 200
        assert all(row["expected_orders"] >= 0 and 0 <= row["probability_alive"] <= 1 for row in predictions)


def test_limits_are_values_of_customers(warehouse: Settings) -> None:
    orders = [(f"c{n}", FIRST + timedelta(days=n), 10.0 * n) for n in range(10)] + [("c9", FIRST, 1.0)]
    _add_orders(orders)
    _fit(FIRST + timedelta(days=9))
    (model,) = _read("select * from marts.customer_models")
    assert model["recency_limits"] == [1, 3, 5, 7]
    assert model["frequency_limits"] == [1, 1, 1, 1]
    assert model["monetary_limits"] == [Decimal(10), Decimal(30), Decimal(50), Decimal(70)]
