"""The validation rules by name: each reason for which staging rejects a row, in plain English.

The rules themselves are SQL, in dbt_project/models/staging/. A row may break several rules and counts once.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline_errors import ConfigurationError


@dataclass(frozen=True)
class Rule:
    """A reason for rejection: its code in `rejection_reasons`, and its meaning for people."""

    code: str
    meaning: str


COMMON_RULES = (
    Rule("not_an_object", "The item in the API's list is not a JSON object."),
    Rule("unstorable_text", "A declared field holds NUL or a lone surrogate, which Postgres cannot store."),
    Rule("text_too_long", "A declared field is longer than max_text_bytes in shop.toml."),
    Rule("id_too_long", "An id has more than 1,000 bytes."),
    Rule("superseded", "A later row of the same load has the same id and other values; the later row counts."),
)

DATASET_RULES = {
    "orders": (
        Rule("amount_not_a_number", "total_amount is not a plain decimal number."),
        Rule("amount_negative", "total_amount is below zero."),
        Rule("amount_too_precise", "total_amount has more than two decimals."),
        Rule("amount_too_large", "total_amount does not fit numeric(18,2)."),
        Rule("order_date_unreadable", "order_date is neither YYYY-MM-DD nor an ISO timestamp."),
        Rule("order_date_not_the_day", "order_date is not the logical day in the shop's time zone."),
        Rule("order_date_after_the_day", "order_date is later than the day on which the shop updated the order."),
        Rule("items_not_a_list", "items is not a JSON list."),
        Rule("item_unreadable", "An item has a quantity or amount that does not fit, or an id that is too long."),
        Rule("currency_not_the_shops", "currency is not the shop's, and no exchange_rate converts it."),
        Rule("exchange_rate_unreadable", "exchange_rate is not a number above zero."),
        Rule("discount_unreadable", "discount_amount is not a plain decimal number, or too large."),
        Rule("tax_unreadable", "tax_amount is not a plain decimal number, or too large."),
        Rule("shipping_unreadable", "shipping_amount is not a plain decimal number, or too large."),
        Rule("is_test_unreadable", "is_test is not a flag such as true, 0 or no."),
        Rule("cancelled_at_unreadable", "cancelled_at is neither empty nor a date."),
        Rule(
            "refund_unreadable",
            "refunds is not a list, or a refund has no readable amount or date, or another currency than its order.",
        ),
    ),
    "reviews": (
        Rule("rating_not_a_number", "rating is not a plain decimal number."),
        Rule("rating_not_1_to_5", "rating is not one of 1, 2, 3, 4, 5."),
        Rule("product_id_malformed", "product_id does not match product_id_pattern in shop.toml."),
    ),
}


def rules(dataset: str, required_fields: Iterable[str]) -> tuple[Rule, ...]:
    """Return every rule that a row of the dataset can break; the required fields are configuration.

    Raises ConfigurationError for a dataset that has no rules.
    """
    if dataset not in DATASET_RULES:
        raise ConfigurationError(f"There are no rules for dataset {dataset!r}", f"Use {' or '.join(DATASET_RULES)}.")
    missing = tuple(Rule(f"missing_{field}", f"{field} is absent, null or blank.") for field in required_fields)
    return missing + COMMON_RULES + DATASET_RULES[dataset]
