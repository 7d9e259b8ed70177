"""Gamma-gamma: the long-run average spending of a customer on a day with an order, from the days so far.

A customer's spending on a day varies around an individual mean (gamma, shape p), and the means vary over customers
(their rates are gamma distributed, shape q, rate v). A customer with few orders is estimated closer to the overall
mean. Spending is assumed to be independent of how often customers buy.

P. S. Fader, B. G. S. Hardie: The Gamma-Gamma Model of Monetary Value, 2013, brucehardie.com/notes/025. Numbers in
brackets are its equations.
"""

from dataclasses import dataclass

import numpy
from scipy.special import digamma, gammaln

from modeling.likelihood import NoModelError, Numbers, maximize
from modeling.repeat_buying import MINIMUM_REPEAT_CUSTOMERS

STARTS = ((1.0, 3.0, 2.0), (6.0, 4.0, 0.5), (0.3, 1.5, 5.0))
BOUNDS = ((1e-4, 1e4), (1.0, 1e4), (1e-4, 1e5))
HEAVIEST_TAIL = 1.01  # q: below it a few customers dominate the overall mean


@dataclass(frozen=True)
class Spending:
    """Spending on repeat days: arrays of the same length, one entry for all customers with equal values.

    `repeats`: days with an order after the first (x). `total`: money spent on them, above zero. `customers`: number of
    customers.
    """

    repeats: Numbers
    total: Numbers
    customers: Numbers


@dataclass(frozen=True)
class Spend:
    """The fitted model; v is money. `log_likelihood` is natural, summed over all customers with repeat days.

    The expected spending on a day is p (v + total) / (p x + q - 1) [5], for x repeat days on which `total` was spent.
    """

    p: float
    q: float
    v: float
    log_likelihood: float


def fit_spend(spending: Spending) -> Spend:
    """Return the parameters of the highest likelihood [3].

    Raises NoModelError if too few customers spent money on repeat days, if all spent the same, if a few of them
    dominate the mean, or if there is no maximum.
    """
    customers = int(spending.customers.sum())
    if customers < MINIMUM_REPEAT_CUSTOMERS:
        raise NoModelError(
            f"it needs at least {MINIMUM_REPEAT_CUSTOMERS} customers who spent money on a repeat day, has {customers}"
        )
    means = spending.total / spending.repeats
    if numpy.ptp(means) <= 1e-9 * means.max():
        raise NoModelError("all customers spend the same")
    unit = float(numpy.average(means, weights=spending.customers))  # make the search independent of the currency
    scaled = Spending(spending.repeats, spending.total / unit, spending.customers)
    found = maximize(lambda parameters: _mean_log_likelihood(scaled, parameters), STARTS, BOUNDS)
    p, q, v = (float(parameter) for parameter in found)
    if q < HEAVIEST_TAIL:
        raise NoModelError("a few customers spend so much that the mean is meaningless")
    log_likelihood = (_mean_log_likelihood(scaled, found)[0] - float(numpy.log(unit))) * customers
    return Spend(p, q, v * unit, log_likelihood)


def _mean_log_likelihood(spending: Spending, parameters: Numbers) -> tuple[float, Numbers]:
    """Return the log likelihood per customer, and its derivatives by p, q, v."""
    p, q, v = parameters
    x, total = spending.repeats, spending.total
    mean = total / x
    counts, place = numpy.unique(x, return_inverse=True)
    shared = gammaln(p * counts + q) - gammaln(p * counts) - gammaln(q) + q * numpy.log(v)
    shared_by_p = counts * (digamma(p * counts + q) - digamma(p * counts) + numpy.log(counts))
    shared_by_q = digamma(p * counts + q) - digamma(q) + numpy.log(v)
    whole = numpy.log(v + total)
    value = (shared + p * counts * numpy.log(counts))[place] + (p * x - 1) * numpy.log(mean) - (p * x + q) * whole
    by_p = shared_by_p[place] + x * (numpy.log(mean) - whole)
    by_q = shared_by_q[place] - whole
    by_v = q / v - (p * x + q) / (v + total)
    weights = spending.customers / spending.customers.sum()
    gradient = numpy.array([(weights * derivative).sum() for derivative in (by_p, by_q, by_v)])
    return float((weights * value).sum()), gradient
