"""Maximum likelihood: finds the parameters of both models, or raises if there are none."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray
from scipy.optimize import minimize

Numbers = NDArray[Any]  # of floats

STEEPEST = 1e-5  # slope of the mean log likelihood, by log of a parameter: steeper is no maximum


class NoModelError(Exception):
    """The data do not determine the parameters; the text gives the reason, without customer data."""


def maximize(
    mean_log_likelihood: Callable[[Numbers], tuple[float, Numbers]],
    starts: Sequence[Sequence[float]],
    bounds: Sequence[tuple[float, float]],
) -> Numbers:
    """Return the parameters (positive, within `bounds`) of the highest likelihood found from any of the starts.

    `mean_log_likelihood` returns the likelihood per customer and its gradient. The search uses logarithms of the
    parameters: none becomes negative, and scales do not matter. Raises NoModelError if no start leads to a maximum.
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
        raise NoModelError("the search found no maximum of the likelihood")
    best: Numbers = numpy.exp(min(maxima, key=lambda end: float(end.fun)).x)
    return best


def _steepness(logs: Numbers, gradient: Numbers, limits: Numbers) -> float:
    """Return the steepest slope that stays within the limits: zero at a minimum, even at one on a limit."""
    step = numpy.clip(logs - gradient, limits[:, 0], limits[:, 1]) - logs
    return float(numpy.abs(step).max())
