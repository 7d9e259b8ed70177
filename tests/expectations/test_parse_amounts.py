"""Amount formats: staging parses them, and the contract reads them the same way."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.dataset_settings import save_settings
from ingestion.declaration.shop_config import ShopConfig
from ingestion.values.amounts import PLAIN
from ingestion.values.json_text import Number
from ingestion.values.parsing import ValueReading
from monitoring.drift.contract import Contract
from monitoring.drift.profile import profile_of
from pipeline_settings import Settings
from tests.conftest import Examples
from tests.expectations.staging import OURS, land_rows, order
from tests.expectations.test_parse_dates import DAY
from warehouse.connection import connect

LOADS = count()
FORMATS = [
    "1234.56", "1,234.56", "1.234,56", "1 234,56", "1'234.56", "1234,56", "$1,234.56", "1.234,56 €", "EUR 1234,56",
    "Rs. 1,234.56", "1\u00a0234,56\u00a0zł", "R$ 1.234,56", "CHF 1’234.56", "US$1,234.56 (net)",
]  # fmt: skip
parts = st.sampled_from(
    ["1", "12", "234", "000", ".", ",", " ", "\u202f", "'", "’", "-", "+", "€", "$", "EUR", "zł", "e5", "Rs.", "_", "٣"]
)


def configured(amount_format: str, minor_units: int = 1, amount_decimals: str = "exact") -> ShopConfig:
    changes = {"amount_format": amount_format, "minor_units": minor_units, "amount_decimals": amount_decimals}
    orders = OURS.datasets["orders"].model_copy(update=changes)
    return OURS.model_copy(update={"datasets": {**OURS.datasets, "orders": orders}})


def judged(config: ShopConfig, texts: Sequence[str]) -> list[tuple[Decimal | None, list[str]]]:
    """Return staging's amount and reasons for an order with each text."""
    save_settings(config)
    load_id = f"load-{next(LOADS)}"
    rows = [order(number, total_amount=text, order_date=str(DAY)) for number, text in enumerate(texts)]
    land_rows("orders", DAY, load_id, rows)
    with connect() as connection:
        found = connection.execute(
            """
            select total_amount, rejection_reasons from staging.stg_shop__orders
            where _load_id = %s order by _row_number
            """,
            [load_id],
        ).fetchall()
    return [(row["total_amount"], row["rejection_reasons"]) for row in found]


def written(amount: Decimal, amount_format: str) -> str:
    """Format an amount like the example, independently of the code under test."""
    whole, _, cents = f"{amount:,.2f}".partition(".")
    head, tail = amount_format.index("1"), amount_format.index("234")
    group, decimal = amount_format[head + 1 : tail], amount_format[tail + 3]
    return amount_format[:head] + whole.replace(",", group) + decimal + cents + amount_format[tail + 6 :]


def with_examples(amount_format: str) -> st.SearchStrategy[str]:
    amounts = st.decimals(0, 10**15, places=2).map(lambda amount: written(amount, amount_format))
    return st.one_of(amounts, st.lists(parts, max_size=6).map("".join), st.builds("{1}{0}{1}".format, amounts, parts))


@pytest.mark.parametrize("amount_format", FORMATS)
def test_a_formatted_amount_is_parsed_back(warehouse: Settings, amount_format: str) -> None:
    amounts = [Decimal(text) for text in ("0.00", "0.05", "7.50", "999.99", "1000.00", "1234.56", "98765432.10")]
    texts = [written(amount, amount_format) for amount in amounts]
    assert judged(configured(amount_format), texts) == [(amount, []) for amount in amounts]


@pytest.mark.parametrize("amount_format", FORMATS)
def test_the_contract_reads_amounts_like_staging(warehouse: Settings, amount_format: str, examples: Examples) -> None:
    config = configured(amount_format)
    reading = ValueReading.of(config.dataset("orders"), DAY)

    @examples(5, 40)
    @given(texts=st.lists(with_examples(amount_format), min_size=30, max_size=60))
    def agree(texts: list[str]) -> None:
        for text, (amount, codes) in zip(texts, judged(config, texts), strict=True):
            read = reading.amount(text)
            assert (read is None) == bool({"amount_not_a_number", "missing_total_amount"} & set(codes)), text
            assert read is None or codes or read == amount, text
            assert (reading.format_of("amount")(text) == "number") == (not codes), text

    agree()


@pytest.mark.parametrize(
    ("amount_format", "text", "amount"),
    [
        ("$1,234.56", "-$5", "-5"),
        ("$1,234.56", "$-5.00", "-5"),
        ("$1,234.56", "$.50", "0.5"),
        ("$1,234.56", "$ 12,34,567.5", "1234567.5"),
        ("$1,234.56", "5", None),
        ("$1,234.56", "US$5", None),
        ("$1,234.56", "($5)", None),
        ("$1,234.56", "$12,34", None),
        ("$1,234.56", "$1e3", None),
        ("1.234,56 €", "1234€", "1234"),
        ("1.234,56 €", "1.234\u00a0€", "1234"),
        ("1.234,56 €", "12.50 €", None),
        ("1.234,56 €", "12,50 $", None),
        ("1.234,56", "12.5", None),
        ("1 234,56", "1\u202f234", "1234"),
        ("1234,56", "1.234,56", None),
    ],
)
def test_other_notations_are_rejected(warehouse: Settings, amount_format: str, text: str, amount: str | None) -> None:
    ((found, codes),) = judged(configured(amount_format), [text])
    assert found == (None if amount is None else Decimal(amount))
    assert codes == (["amount_not_a_number"] if amount is None else ["amount_negative"] if amount[0] == "-" else [])


def test_amounts_with_a_format_may_be_in_cents(warehouse: Settings) -> None:
    assert judged(configured("1,234.56", 100), ["123,456"]) == [(Decimal("1234.56"), [])]


NOISE = {
    "29.949999999999999": "29.95",
    "29.950000000000003": "29.95",
    "0.30000000000000004": "0.30",
    "5.551115123125783e-17": "0.00",
    "123456789012.35001": "123456789012.35",
}
PRECISE = {
    "19.999": "20.00",
    "11.8881": "11.89",
    "0.125": "0.13",
    "29.9499999": "29.95",
    "1e-400": "0.00",
    "-2.005": "-2.01",
}


@pytest.mark.fault(63)
def test_the_noise_of_a_float_is_its_nearest_cent(warehouse: Settings) -> None:
    assert judged(OURS, list(NOISE)) == [(Decimal(amount), []) for amount in NOISE.values()]
    assert all("amount_too_precise" in codes for _, codes in judged(OURS, list(PRECISE)))


@pytest.mark.fault(63)
def test_further_decimals_are_rounded_where_shop_toml_says_so(warehouse: Settings) -> None:
    config = configured(PLAIN, amount_decimals="round")
    both = NOISE | PRECISE
    assert judged(config, list(both)) == [
        (Decimal(amount), ["amount_negative"] if amount[0] == "-" else []) for amount in both.values()
    ]
    thousandths = configured(PLAIN, minor_units=1000, amount_decimals="round")
    assert judged(thousandths, ["12345", "12344.4"]) == [(Decimal("12.35"), []), (Decimal("12.34"), [])]


@pytest.mark.parametrize("decimals", ["exact", "round"])
def test_the_contract_rounds_like_staging(warehouse: Settings, decimals: str) -> None:
    config = configured(PLAIN, amount_decimals=decimals)
    reading = ValueReading.of(config.dataset("orders"), DAY)
    texts = [text for text in NOISE | PRECISE if text[0] != "-"]
    for text, (amount, codes) in zip(texts, judged(config, texts), strict=True):
        assert codes or reading.amount(text) == amount, text
        assert (reading.format_of("amount")(text) == "number") == (not codes), text


def differences(config: ShopConfig, amount: str, is_number: bool = False) -> list[str]:
    """Return the differences of orders with this amount from a contract without a history."""
    value = Number(amount) if is_number else amount
    rows = [order(number, total_amount=value, order_date=str(DAY)) for number in range(30)]
    profile = profile_of(rows, config, "orders", DAY)
    return [str(one) for one in Contract("orders", config.dataset("orders"), ()).differences(profile)]


def test_a_contract_knows_how_amounts_are_declared() -> None:
    assert differences(configured("1.234,56 €"), "1.234,56 €") == []
    (plain,) = differences(configured("1.234,56 €"), "1234.56", is_number=True)
    assert "plain number 100%, expected number" in plain
    (difference,) = differences(OURS, "1.234,56 €")
    assert "declare it by amount_format in shop.toml" in difference
    profile = profile_of([order(1, total_amount="$1,234")] * 5, configured("$1,234.56", 100), "orders", DAY)
    assert profile.fields["total_amount"].median == 12.34
