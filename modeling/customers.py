"""The customer models, fitted weekly: limits of RFM scores, BG/NBD and gamma-gamma, and a prediction per customer.

Reads all revenue orders up to a day, less refunds, each as that day or an earlier one sent it: what a later day changes
belongs to the next fit. So a fit depends on the admitted loads up to its day, and not on the days loaded since.

The customers stay in Postgres: only distinct histories, of which there are far fewer, are fitted and scored here, and
their scores are joined to the customers there.
"""

import io
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy
import pyarrow
from pyarrow import csv

from modeling.likelihood import NoModelError, Numbers
from modeling.repeat_buying import Histories, RepeatBuying, fit_repeat_buying
from modeling.spend import Spend, Spending, fit_spend
from warehouse.connection import Connection

MODEL_VERSION = "bg_nbd, gamma_gamma 1"  # raise the number when the fit or its use changes
MINIMUM_CUSTOMERS = 5  # fewer cannot be split into fifths
DAYS_PREDICTED = 365
DAYS_A_WEEK = 7.0
HISTORIES_AT_ONCE = 200_000

CUSTOMERS = """
    create temporary table customer_histories on commit drop as
    with superseded as (
        select distinct on (order_id) * from ops.int_orders_superseded
        where logical_date <= %(as_of)s::date
        order by order_id, logical_date desc
    ),
    orders as (
        select customer_id, order_date, net_amount, is_revenue from marts.fct_orders
        where coalesce(logical_date, order_date) <= %(as_of)s::date
        union all
        select superseded.customer_id, superseded.order_date, superseded.net_amount, superseded.is_revenue
        from superseded
        inner join marts.fct_orders as newer on superseded.order_id = newer.order_id
        where coalesce(newer.logical_date, newer.order_date) > %(as_of)s::date
    ),
    days as (
        select customer_id, order_date, count(*) as orders, sum(net_amount) as spent
        from orders
        where is_revenue and customer_id is not null
        group by customer_id, order_date
    )
    select
        customer_id,
        count(*)::integer - 1 as repeats,
        max(order_date) - min(order_date) as recency,
        %(as_of)s::date - min(order_date) as age,
        sum(spent) - (array_agg(spent order by order_date))[1] as repeat_spent,
        sum(orders)::bigint as total_orders,
        sum(spent) as total_spent
    from days
    group by customer_id
"""
HISTORIES = """
    select repeats, recency, age, count(*) as customers from customer_histories
    group by repeats, recency, age order by repeats, recency, age
"""
SPENDING = """
    select repeats, repeat_spent, count(*) as customers from customer_histories
    where repeats > 0 and repeat_spent > 0
    group by repeats, repeat_spent order by repeats, repeat_spent
"""
# 20, 40, 60 and 80% of the customers do not exceed these values.
LIMITS = f"""
    select
        count(*) as customers,
        count(*) filter (where repeats > 0) as repeat_customers,
        case when count(*) >= {MINIMUM_CUSTOMERS} then
            percentile_disc(array[0.2, 0.4, 0.6, 0.8]) within group (order by age - recency)
        end as recency_limits,
        case when count(*) >= {MINIMUM_CUSTOMERS} then
            percentile_disc(array[0.2, 0.4, 0.6, 0.8]) within group (order by total_orders)
        end as frequency_limits,
        case when count(*) >= {MINIMUM_CUSTOMERS} then
            percentile_disc(array[0.2, 0.4, 0.6, 0.8]) within group (order by total_spent)
        end as monetary_limits
    from customer_histories
"""
SCORES = """
    create temporary table history_scores (
        repeats integer, recency integer, age integer,
        probability_alive double precision, expected_orders double precision
    ) on commit drop
"""
PREDICTIONS = """
    insert into marts.customer_predictions
        (customer_id, as_of_date, probability_alive, expected_orders, expected_revenue)
    select
        customer_id,
        %(as_of)s::date,
        round(probability_alive::numeric, 6),
        round(expected_orders::numeric, 4),
        round((
            expected_orders * %(p)s::double precision
            * (%(v)s::double precision + greatest(repeat_spent, 0)::double precision)
            / (%(p)s::double precision * repeats + %(q)s::double precision - 1)
        )::numeric, 2)
    from customer_histories
    inner join history_scores using (repeats, recency, age)
"""
MODEL = """
    insert into marts.customer_models (
        as_of_date, model_version, customers, repeat_customers, recency_limits, frequency_limits, monetary_limits,
        r, alpha, a, b, orders_log_likelihood, no_orders_because, p, q, v, revenue_log_likelihood, no_revenue_because,
        publication_id
    )
    values (
        %(as_of)s, %(version)s, %(customers)s, %(repeat_customers)s,
        %(recency_limits)s, %(frequency_limits)s, %(monetary_limits)s,
        %(r)s, %(alpha)s, %(a)s, %(b)s, %(orders_log_likelihood)s, %(no_orders_because)s,
        %(p)s, %(q)s, %(v)s, %(revenue_log_likelihood)s, %(no_revenue_because)s,
        %(publication_id)s
    )
"""


@dataclass(frozen=True)
class Fit:
    """The result of a fit. `customers` have a revenue order by that day; `without`: reasons by missing model."""

    as_of_date: date
    customers: int
    without: dict[str, str]

    def __str__(self) -> str:
        count = "1 customer" if self.customers == 1 else f"{self.customers:,} customers"
        text = f"customer models fitted on {count} as of {self.as_of_date}"
        return text + "".join(f"; no {what}: {reason}" for what, reason in self.without.items())


def fit_customers(connection: Connection, as_of_date: date, publication_id: int | None = None) -> Fit:
    """Fit the models on the revenue orders up to a day and predict every customer, in the caller's transaction.

    Readers see all of the old predictions until it commits. Too little data is not an error: the row of
    marts.customer_models gives the reason, and there are no predictions. `publication_id`: the newest publication of
    orders, read earlier in the transaction.
    """
    connection.execute(CUSTOMERS.encode(), {"as_of": as_of_date})
    connection.execute("analyze customer_histories")
    limits = connection.execute(LIMITS.encode()).fetchone()
    assert limits is not None
    histories = _histories(connection)
    without: dict[str, str] = {}
    orders: RepeatBuying | None = None
    revenue: Spend | None = None
    try:
        fitted = fit_repeat_buying(histories)
        _score(connection, histories, fitted)
        orders = fitted
        revenue = fit_spend(_spending(connection))
    except NoModelError as reason:
        without = {"expected revenue" if orders else "predictions": str(reason)}
    connection.execute("delete from marts.customer_predictions")
    if orders:
        connection.execute(PREDICTIONS.encode(), {"as_of": as_of_date} | _spend_parameters(revenue))
        connection.execute("analyze marts.customer_predictions")
    connection.execute("delete from marts.customer_models where as_of_date = %s", [as_of_date])
    row = (
        {"as_of": as_of_date, "version": MODEL_VERSION, "publication_id": publication_id}
        | _order_parameters(orders)
        | _spend_parameters(revenue)
    )
    row |= {"no_orders_because": without.get("predictions"), "no_revenue_because": next(iter(without.values()), None)}
    connection.execute(MODEL.encode(), limits | row)
    return Fit(as_of_date, limits["customers"], without)


def _histories(connection: Connection) -> Histories:
    repeats, recency, age, customers = _columns(connection, HISTORIES)
    return Histories(repeats, recency / DAYS_A_WEEK, age / DAYS_A_WEEK, customers)


def _spending(connection: Connection) -> Spending:
    return Spending(*_columns(connection, SPENDING))


def _columns(connection: Connection, query: str) -> list[Numbers]:
    """Return the columns of a query, which must be numbers, as arrays of floats."""
    with connection.cursor().copy(f"copy ({query}) to stdout (format csv, header)".encode()) as copy:
        text = io.BytesIO(b"".join(copy))
    types = {name: pyarrow.float64() for name in text.readline().decode().strip().split(",")}
    text.seek(0)
    table = csv.read_csv(text, convert_options=csv.ConvertOptions(column_types=types))
    return [column.to_numpy() for column in table.columns]


def _score(connection: Connection, histories: Histories, model: RepeatBuying) -> None:
    """Write the scores of each distinct history to a temporary table, to be joined to the customers."""
    connection.execute(SCORES.encode())
    days = [numpy.rint(column * DAYS_A_WEEK).astype(int) for column in (histories.recency, histories.age)]
    scores = [model.probability_alive(histories), model.expected_orders(histories, DAYS_PREDICTED / DAYS_A_WEEK)]
    names = ["repeats", "recency", "age", "probability_alive", "expected_orders"]
    table = pyarrow.table([histories.repeats.astype(int), *days, *scores], names=names)
    with connection.cursor().copy("copy history_scores from stdin (format csv)") as copy:
        for some in table.to_batches(max_chunksize=HISTORIES_AT_ONCE):
            text = io.BytesIO()
            csv.write_csv(some, text, csv.WriteOptions(include_header=False))
            copy.write(text.getbuffer())
    connection.execute("analyze history_scores")


def _order_parameters(model: RepeatBuying | None) -> dict[str, Any]:
    fitted = vars(model) if model else dict.fromkeys(("r", "alpha", "a", "b", "log_likelihood"))
    return {name: value for name, value in fitted.items() if name != "log_likelihood"} | {
        "orders_log_likelihood": fitted["log_likelihood"]
    }


def _spend_parameters(model: Spend | None) -> dict[str, Any]:
    fitted = vars(model) if model else dict.fromkeys(("p", "q", "v", "log_likelihood"))
    return {name: value for name, value in fitted.items() if name != "log_likelihood"} | {
        "revenue_log_likelihood": fitted["log_likelihood"]
    }
