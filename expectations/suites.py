"""Great Expectations suites as code. The first expectation decides, the others explain.

All read a table with one row per judged row of a load: `is_valid`, and a column for each rule that is 1 if the row
breaks it, else 0. The table holds no value from the shop, so none can reach GX's results.
"""

from decimal import Decimal
from typing import TYPE_CHECKING

from expectations.gx_import import import_gx
from expectations.rules import Rule, rules
from ingestion.declaration.shop_config import STAGED_FIELDS
from pipeline_errors import ConfigurationError

if TYPE_CHECKING:  # imported on use: it takes seconds
    import great_expectations as gx


def orders_suite(
    max_bad_rate: Decimal, required_fields: tuple[str, ...] = STAGED_FIELDS["orders"]
) -> "gx.ExpectationSuite":
    """Return the suite for a load of orders; `max_bad_rate` is a fraction 0–1."""
    return _suite("orders", max_bad_rate, rules("orders", required_fields))


def reviews_suite(
    max_bad_rate: Decimal, required_fields: tuple[str, ...] = STAGED_FIELDS["reviews"]
) -> "gx.ExpectationSuite":
    """Return the suite for a load of reviews; `max_bad_rate` is a fraction 0–1."""
    return _suite("reviews", max_bad_rate, rules("reviews", required_fields))


SUITES = {"orders": orders_suite, "reviews": reviews_suite}


def suite(dataset: str, max_bad_rate: Decimal, required_fields: tuple[str, ...]) -> "gx.ExpectationSuite":
    """Return the suite of a dataset. Raises ConfigurationError if there is none."""
    if dataset not in SUITES:
        raise ConfigurationError(f"There is no suite for dataset {dataset!r}", f"Use {' or '.join(SUITES)}.")
    return SUITES[dataset](max_bad_rate, required_fields)


def least_valid_share(max_bad_rate: Decimal) -> float:
    """Return GX's `mostly` for a threshold. Subtracts decimals: floats do not always give the nearest result."""
    return float(1 - Decimal(str(max_bad_rate)))


def column_name(rule: Rule) -> str:
    """Return the name of a rule's column; Postgres cuts longer names."""
    return rule.code[:63]


def _suite(dataset: str, max_bad_rate: Decimal, judged_by: tuple[Rule, ...]) -> "gx.ExpectationSuite":
    import_gx()
    import great_expectations as gx
    from great_expectations.expectations.core.expect_column_mean_to_be_between import ExpectColumnMeanToBeBetween
    from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
    from great_expectations.expectations.metadata_types import FailureSeverity

    deciding = ExpectColumnValuesToBeInSet(
        column="is_valid",
        value_set=[True],
        mostly=least_valid_share(max_bad_rate),
        severity=FailureSeverity.CRITICAL,
        description=f"The gate: at most {float(max_bad_rate):.4g} of the rows may be bad.",
    )
    # A rule's share of rows never exceeds the bad rate, so these fail only if the first one does: the result is red
    # exactly when the day is refused, and then names the rules that alone were enough to refuse it.
    explaining = [
        ExpectColumnMeanToBeBetween(
            column=column_name(rule),
            max_value=float(max_bad_rate),
            severity=FailureSeverity.INFO,
            description=f"Share of the rows with: {rule.meaning}",
        )
        for rule in judged_by
    ]
    return gx.ExpectationSuite(name=dataset, expectations=[deciding, *explaining])
