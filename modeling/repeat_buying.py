"""BG/NBD: predicts repeat orders, and whether customers are still active, from the days on which they ordered.

While a customer is alive, orders arrive at random at an individual rate; after each repeat order the customer leaves
with an individual probability. Rates are gamma distributed over customers (shape r, rate alpha), probabilities of
leaving beta distributed (a, b). A customer with one order day has had no chance to leave, so is alive for certain.

P. S. Fader, B. G. S. Hardie, K. L. Lee: "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD
Model, Marketing Science 24 (2005), 275-284. Numbers in brackets are the paper's equations.
"""

from dataclasses import dataclass

import numpy
from scipy.special import digamma, expit, gammaln, hyp2f1

from modeling.likelihood import NoModelError, Numbers, maximize

MINIMUM_REPEAT_CUSTOMERS = 50  # four parameters fitted on fewer repeat customers would be guesswork
STARTS = ((1.0, 1.0, 1.0, 1.0), (0.3, 0.3, 0.5, 2.5), (3.0, 3.0, 0.1, 5.0), (0.05, 0.1, 2.0, 0.5))
# Beyond these bounds customers are hardly distinguishable, and gamma functions of a + b + x overflow for recent ones.
BOUNDS = ((1e-3, 1e2), (1e-3, 1e3), (1e-3, 30.0), (1e-3, 100.0))
CLOSE_TO_A_POLE = 1e-6


@dataclass(frozen=True)
class Histories:
    """Distinct histories of customers, arrays of the same length.

    `repeats`: days with an order after the first one (x). `recency`: weeks from the first to the last of them (t_x).
    `age`: weeks from the first to the as-of day (T). `customers`: number of customers with this history.
    """

    repeats: Numbers
    recency: Numbers
    age: Numbers
    customers: Numbers


@dataclass(frozen=True)
class RepeatBuying:
    """The fitted model; alpha is in weeks. `log_likelihood` is natural, summed over all customers."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float

    def probability_alive(self, histories: Histories) -> Numbers:
        """Return the probability (0-1) that each is still a customer."""
        stayed, left = _log_odds(histories, self.r, self.alpha, self.a, self.b)
        alive: Numbers = expit(stayed - left)
        return alive

    def expected_orders(self, histories: Histories, weeks: float) -> Numbers:
        """Return the expected number of days with an order in the next `weeks`, for each history [10].

        Equation 10 with Euler's transformation of its hypergeometric function, so that two of its parameters do not
        grow with the number of orders. It divides zero by zero at a = 1 and at a + b + x = 1, where it is smooth:
        there it is evaluated a millionth beside.

        Raises NoModelError if a number overflows nevertheless.
        """
        a = self.a if abs(self.a - 1) > CLOSE_TO_A_POLE else 1 + CLOSE_TO_A_POLE
        last = a + self.b + histories.repeats - 1
        last = numpy.where(numpy.abs(last) > CLOSE_TO_A_POLE, last, CLOSE_TO_A_POLE)
        elapsed = self.alpha + histories.age
        share = weeks / (elapsed + weeks)
        stays_away = numpy.exp((a - 1) * numpy.log1p(-share)) * hyp2f1(a - 1, a + self.b - 1 - self.r, last, share)
        expected: Numbers = last / (a - 1) * (1 - stays_away) * self.probability_alive(histories)
        if not numpy.isfinite(expected).all():
            raise NoModelError("some customers' expected orders overflow")
        return expected.clip(min=0.0)


def fit_repeat_buying(histories: Histories) -> RepeatBuying:
    """Return the parameters of the highest likelihood [6].

    Raises NoModelError if too few customers bought on two days, or if the likelihood has no maximum.
    """
    repeat_customers = int(histories.customers[histories.repeats > 0].sum())
    if repeat_customers < MINIMUM_REPEAT_CUSTOMERS:
        raise NoModelError(
            f"it needs at least {MINIMUM_REPEAT_CUSTOMERS} customers who ordered on two days, has {repeat_customers}"
        )
    count = float(histories.customers.sum())
    weeks = float(numpy.average(histories.age, weights=histories.customers)) or 1.0
    starts = [(r, alpha * weeks, a, b) for r, alpha, a, b in STARTS]
    bounds = [BOUNDS[0], (BOUNDS[1][0] * weeks, BOUNDS[1][1] * weeks), *BOUNDS[2:]]
    found = maximize(lambda parameters: _mean_log_likelihood(histories, parameters), starts, bounds)
    log_likelihood = _mean_log_likelihood(histories, found)[0] * count
    r, alpha, a, b = (float(parameter) for parameter in found)
    return RepeatBuying(r, alpha, a, b, log_likelihood)


def _log_odds(histories: Histories, r: float, alpha: float, a: float, b: float) -> tuple[Numbers, Numbers]:
    """Return log likelihoods of the silence since the last order: if the customer stayed, and if they left then."""
    repeated = histories.repeats > 0
    orders = r + histories.repeats
    stayed = -orders * numpy.log(alpha + histories.age)
    left = numpy.full_like(stayed, -numpy.inf)
    left[repeated] = (
        numpy.log(a)
        - numpy.log(b + histories.repeats[repeated] - 1)
        - orders[repeated] * numpy.log(alpha + histories.recency[repeated])
    )
    return stayed, left


def _mean_log_likelihood(histories: Histories, parameters: Numbers) -> tuple[float, Numbers]:
    """Return the log likelihood per customer, and its derivatives by r, alpha, a, b."""
    r, alpha, a, b = parameters
    x, last, age = histories.repeats, histories.recency, histories.age
    counts, place = numpy.unique(x, return_inverse=True)  # evaluate the costly functions once per distinct count
    stayed, left = _log_odds(histories, r, alpha, a, b)
    has_left = expit(left - stayed)
    shared = (
        gammaln(r + counts) - gammaln(r) + r * numpy.log(alpha)
        + gammaln(a + b) + gammaln(b + counts) - gammaln(b) - gammaln(a + b + counts)
    )  # fmt: skip
    value = shared[place] + numpy.logaddexp(stayed, left)
    by_r = (digamma(r + counts) - digamma(r) + numpy.log(alpha))[place]
    by_r -= (1 - has_left) * numpy.log(alpha + age) + has_left * numpy.log(alpha + last)
    by_alpha = r / alpha - (r + x) * ((1 - has_left) / (alpha + age) + has_left / (alpha + last))
    by_a = (digamma(a + b) - digamma(a + b + counts))[place] + has_left / a
    by_b = (digamma(a + b) + digamma(b + counts) - digamma(b) - digamma(a + b + counts))[place]
    by_b -= numpy.divide(has_left, b + x - 1, out=numpy.zeros_like(by_b), where=x > 0)
    weights = histories.customers / histories.customers.sum()
    gradient = numpy.array([(weights * derivative).sum() for derivative in (by_r, by_alpha, by_a, by_b)])
    return float((weights * value).sum()), gradient
