"""Maximum likelihood: one way to find the parameters of both models, and to say when there are none."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray
from scipy.optimize import minimize

Numbers = NDArray[Any]  # of floats

STEEPEST = 1e-5  # of the mean log likelihood, by the logarithm of a parameter: no maximum where it is steeper


class NoModelError(Exception):
    """The data tell no parameters; the text says why, in a sentence without customers."""


def maximize(
    mean_log_likelihood: Callable[[Numbers], tuple[float, Numbers]],
    starts: Sequence[Sequence[float]],
    bounds: Sequence[tuple[float, float]],
) -> Numbers:
    """The parameters (positive, within `bounds`) of the highest likelihood that any of the starts leads to.

    `mean_log_likelihood`: of the parameters, per customer, with its gradient. The search is on logarithms of
    parameters: none gets negative, and scales do not matter. Raises NoModelError if no start leads to a maximum.
    """

    def downhill(logs: Numbers) -> tuple[float, Numbers]:
        parameters = numpy.exp(logs)
        value, gradient = mean_log_likelihood(parameters)
        return -value, -gradient * parameters

    limits = numpy.log(bounds)
    ends = [
        minimize(
            downhill,
            numpy.log(start),
            jac=True,
            method="L-BFGS-B",
            bounds=limits,
            options={"ftol": 1e-14, "gtol": 1e-8, "maxiter": 1000},
        )
        for start in starts
    ]
    maxima = [end for end in ends if numpy.isfinite(end.fun) and _steepness(end.x, end.jac, limits) < STEEPEST]
    if not maxima:
        raise NoModelError("the likelihood has no maximum that the search finds")
    best: Numbers = numpy.exp(min(maxima, key=lambda end: float(end.fun)).x)
    return best


def _steepness(logs: Numbers, gradient: Numbers, limits: Numbers) -> float:
    """The steepest way down that stays within the limits: zero at a minimum, also at one on a limit."""
    step = numpy.clip(logs - gradient, limits[:, 0], limits[:, 1]) - logs
    return float(numpy.abs(step).max())
