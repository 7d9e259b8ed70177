"""BG/NBD and gamma-gamma compared with published results, integrals, simulations and another library."""

import itertools
import warnings
from collections.abc import Sequence

import numpy
import pytest
from numpy.polynomial.legendre import leggauss
from numpy.random import default_rng
from numpy.typing import NDArray
from scipy.special import betaln

from modeling.likelihood import NoModelError
from modeling.repeat_buying import BOUNDS, Histories, RepeatBuying, fit_repeat_buying
from modeling.spend import Spending, fit_spend
from tests.modeling import cdnow

Numbers = NDArray[numpy.float64]
YEAR = 365 / 7


def histories_of(rows: Sequence[tuple[float, float, float]]) -> Histories:
    repeats, recency, age = numpy.array(rows, dtype=float).reshape(-1, 3).T
    return Histories(repeats, recency, age, numpy.ones_like(age))


@pytest.fixture(scope="module")
def customers() -> Histories:
    """CDNOW's customers after 39 weeks."""
    bought = cdnow.days_bought().values()
    return histories_of(
        [
            (len(days) - 1, (max(days) - min(days)).days / 7, (cdnow.CALIBRATED_ON - min(days)).days / 7)
            for days in bought
        ]
    )


@pytest.fixture(scope="module")
def spending() -> Spending:
    """Spending of CDNOW's customers on repeat days."""
    totals = [(len(days) - 1, sum(days.values()) - days[min(days)]) for days in cdnow.days_bought().values()]
    repeats, total = numpy.array([row for row in totals if row[0] and row[1] > 0], dtype=float).T
    return Spending(repeats, total, numpy.ones_like(total))


def test_the_published_parameters_of_cdnow_are_found(customers: Histories, spending: Spending) -> None:
    assert len(customers.age) == 2357
    model = fit_repeat_buying(customers)
    assert vars(model) == pytest.approx(cdnow.PUBLISHED | {"log_likelihood": -9582.4}, rel=0.0005)
    spend = fit_spend(spending)
    assert (spend.p, spend.q, spend.v) == pytest.approx(tuple(cdnow.PUBLISHED_SPEND.values()), rel=0.005)


def test_equal_customers_may_be_counted(customers: Histories) -> None:
    rows = numpy.stack([customers.repeats, customers.recency, customers.age])
    distinct, counts = numpy.unique(rows, axis=1, return_counts=True)
    assert distinct.shape[1] < 1500
    counted = Histories(distinct[0], distinct[1], distinct[2], counts.astype(float))
    grouped, model = fit_repeat_buying(counted), fit_repeat_buying(customers)
    assert vars(grouped) == pytest.approx(vars(model), rel=1e-4)


def test_another_library_predicts_the_same(customers: Histories, spending: Spending) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes import BetaGeoFitter, GammaGammaFitter

        theirs = BetaGeoFitter().fit(customers.repeats, customers.recency, customers.age)
        asked = customers.repeats, customers.recency, customers.age
        orders = numpy.asarray(theirs.conditional_expected_number_of_purchases_up_to_time(YEAR, *asked))
        alive = numpy.asarray(theirs.conditional_probability_alive(*asked))
        money = GammaGammaFitter().fit(spending.repeats, spending.total / spending.repeats)
    ours = fit_repeat_buying(customers)
    assert ours.expected_orders(customers, YEAR) == pytest.approx(orders, rel=1e-4)
    assert ours.probability_alive(customers) == pytest.approx(alive, rel=1e-4)
    spend = fit_spend(spending)
    assert [spend.p, spend.q, spend.v] == pytest.approx(list(money.params_), rel=1e-3)


def integrated(model: RepeatBuying, x: float, recency: float, age: float, weeks: float) -> float:
    """Return the expected orders without a hypergeometric function: the mean over the probability of leaving.

    A customer alive with rate and probability p orders (1 - exp(-rate p weeks)) / p more times; the rate is by now
    gamma distributed with x + r and alpha + age, p beta distributed with a and b + x.
    """
    shape, scale, first, second = model.r + x, weeks / (model.alpha + age), model.a, model.b + x

    nodes, weights = leggauss(200)
    cuts = [-700.0, -100, -30, -10, -5, -3, -2, -1, -0.3, -0.1, -0.01, -1e-4, -1e-7, -1e-12]
    left = 0.0
    mean = shape * scale * float(numpy.exp(first * cuts[0] - numpy.log(first) - betaln(first, second)))  # below them
    for low, high in itertools.pairwise(cuts):  # of the logarithm of p: the density may be steep at zero
        log = (high + low) / 2 + (high - low) / 2 * nodes
        p = numpy.exp(log)
        more = -numpy.expm1(-shape * numpy.log1p(p * scale)) / p
        density = numpy.exp(first * log + (second - 1) * numpy.log1p(-p) - betaln(first, second))
        mean += float((high - low) / 2 * (weights * more * density).sum())
    if x:
        left = first / (second - 1) * ((model.alpha + age) / (model.alpha + recency)) ** shape
    return mean / (1 + left)


GRID = list(
    itertools.product(
        [0.1, 0.5, 5.0], [0.05, 4.0, 40.0], [0.1, 0.999999, 1.0, 1.3, 30.0], [0.5, 0.7, 3.0, 90.0], [0, 1, 7, 150]
    )
)


def test_expected_orders_equal_the_integral() -> None:
    for r, alpha, a, b, x in GRID[::7]:
        model = RepeatBuying(r, alpha, a, b, 0.0)
        age = 3.0 + x
        (found,) = model.expected_orders(histories_of([(x, 0.9 * age if x else 0.0, age)]), YEAR)
        assert found == pytest.approx(integrated(model, x, 0.9 * age, age, YEAR), rel=1e-4, abs=1e-9), model


def test_nothing_is_infinite_at_the_limits_of_the_parameters() -> None:
    seen = itertools.product([0, 1, 5, 30, 1000], [0.0, 1.0, 5.0, 150.0, 1500.0])
    histories = histories_of([(x, 0.8 * age if x else 0.0, age) for x, age in seen if age >= x / 7])
    for r, alpha, a, b in itertools.product(*BOUNDS):
        if r / alpha > 7:
            continue  # more than an order a day cannot be seen
        model = RepeatBuying(r, alpha, a, b, 0.0)
        orders, alive = model.expected_orders(histories, YEAR), model.probability_alive(histories)
        assert numpy.isfinite(orders).all(), model
        assert ((alive >= 0) & (alive <= 1)).all(), model


def simulated(
    count: int, r: float, alpha: float, a: float, b: float, weeks: float
) -> tuple[Histories, Numbers, NDArray[numpy.bool_]]:
    """Simulate customers by the model: histories of up to 60 weeks, orders in the `weeks` after, and who is alive."""
    random = default_rng(7)
    ages = random.integers(60, 420, count) / 7
    rows, later, alive = [], numpy.zeros(count), numpy.ones(count, dtype=bool)
    for number in range(count):
        rate, leaves = random.gamma(r, 1 / alpha), random.beta(a, b)
        now, x, last, stays = 0.0, 0, 0.0, True
        while stays:
            now += random.exponential(1 / rate) if rate > 0 else numpy.inf
            if now > ages[number] + weeks:
                break
            stays = random.random() >= leaves
            if now <= ages[number]:
                x, last, alive[number] = x + 1, now, stays
            else:
                later[number] += 1
        rows.append((x, last, ages[number]))
    return histories_of(rows), later, alive


def test_the_fit_finds_parameters_and_future_of_simulated_customers() -> None:
    seen, later, alive = simulated(15_000, 0.8, 6.0, 0.9, 3.0, 26.0)
    model = fit_repeat_buying(seen)
    assert (model.r, model.alpha) == pytest.approx((0.8, 6.0), rel=0.1)
    assert model.a / (model.a + model.b) == pytest.approx(0.9 / 3.9, rel=0.1)
    expected, probability = model.expected_orders(seen, 26.0), model.probability_alive(seen)
    for group in (seen.repeats == 0, seen.repeats == 1, (seen.repeats > 1) & (seen.repeats < 6), seen.repeats >= 6):
        assert expected[group].mean() == pytest.approx(later[group].mean(), rel=0.1)
        assert probability[group].mean() == pytest.approx(alive[group].mean(), abs=0.02)
    for low, high in ((0.0, 0.3), (0.3, 0.6), (0.6, 0.9)):
        group = (probability >= low) & (probability < high)
        assert alive[group].mean() == pytest.approx(probability[group].mean(), abs=0.05)


def test_the_fit_finds_parameters_of_simulated_spending() -> None:
    random = default_rng(11)
    repeats = random.integers(1, 12, 15_000).astype(float)
    rates = random.gamma(4.0, 1 / 60.0, repeats.size)
    spend = fit_spend(Spending(repeats, random.gamma(3.0 * repeats, 1 / rates), numpy.ones_like(repeats)))
    assert (spend.p, spend.q, spend.v) == pytest.approx((3.0, 4.0, 60.0), rel=0.1)
    in_cents = fit_spend(Spending(repeats, 100 * random.gamma(3.0 * repeats, 1 / rates), numpy.ones_like(repeats)))
    assert (in_cents.p, in_cents.q, in_cents.v) == pytest.approx((3.0, 4.0, 6000.0), rel=0.1)


def test_too_little_data_is_reported() -> None:
    for rows in ([], [(0.0, 0.0, 5.0)], [(0.0, 0.0, 5.0)] * 5, [(0.0, 0.0, 9.0)] * 500, [(1.0, 2.0, 9.0)] * 49):
        with pytest.raises(NoModelError, match=r"at least 50 customers who ordered on two days, has (0|49)"):
            fit_repeat_buying(histories_of(rows))
    none = numpy.zeros(0)
    with pytest.raises(NoModelError, match="at least 50 customers who spent money on a repeat day, has 0"):
        fit_spend(Spending(none, none, none))
    repeats = numpy.arange(1.0, 101.0)
    with pytest.raises(NoModelError, match="all customers spend the same"):
        fit_spend(Spending(repeats, 9.99 * repeats, numpy.ones_like(repeats)))
    with pytest.raises(NoModelError, match="a few customers spend so much"):
        fit_spend(Spending(repeats, repeats / default_rng(5).gamma(0.5, 1.0, 100), numpy.ones(100)))
