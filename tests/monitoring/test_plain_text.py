"""Texts that may leave the machine: one line, without secrets and without rows."""

import pytest

from monitoring.plain_text import first_line, without_secrets, without_user
from pipeline_errors import LONGEST_CAUSE
from pipeline_settings import settings

CANARY = "canary-7f3a"


@pytest.mark.parametrize(
    "text",
    [
        f"cannot reach postgresql://loader:{CANARY}@db:5432/shop today",
        f"cannot reach url='postgresql://loader:{CANARY}@db/shop'",
        f"cannot reach redis://:{CANARY}/x@cache:6379/0",
        f"cannot reach https://shop/api?limit=1&access_token={CANARY}",
        f"host=db user=loader password={CANARY} dbname=shop",
        f"host=db PGPASSWORD = {CANARY}",
        f'{{"api_key": "{CANARY}"}}',
        f"401 for Authorization: Bearer {CANARY}",
        f"no such customer: {CANARY}@example.com",
        f"duplicate key value DETAIL: Key (customer_id)=({CANARY}) already exists.",
        f'invalid input syntax for type numeric: "{CANARY}" LINE 1: select',
        f"could not convert string to float: '{CANARY}'",
    ],
)
def test_secrets_and_rows_are_removed(text: str) -> None:
    plain = without_secrets(text)
    assert CANARY not in plain
    assert len(plain) > 3
    assert CANARY not in first_line(RuntimeError(f"{text}\nmore"))


def test_the_secrets_of_the_environment_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", CANARY)
    monkeypatch.setenv("SHOP_API_TOKEN", "shop")
    settings.cache_clear()
    assert without_secrets(f"the shop said '{CANARY}', not shop: workshop") == "the *** said '***', not ***: workshop"


def test_an_unreadable_environment_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "many")
    settings.cache_clear()
    assert without_secrets("It is down") == "It is down"


@pytest.mark.parametrize(
    "text",
    [
        "2 of 20 orders are bad (10.00%, allowed 5.00%): amount_not_a_number 2",
        "PGPASSWORD is not set. Check PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE",
        "SHOP_API_TOKEN: Input should be a valid string",
        'relation "marts.fct_orders" does not exist',
        "http://127.0.0.1:8765/api/v1/orders sent no byte for 30 s",
    ],
)
def test_harmless_text_stays(text: str) -> None:
    assert without_secrets(text) == text


def test_a_text_is_one_bounded_line_that_postgres_can_store() -> None:
    assert without_secrets("a\0b \ud800\n c") == "ab ? c"
    assert len(without_secrets("x" * 10_000_000)) == LONGEST_CAUSE
    assert first_line(ValueError("first\nsecond")) == "ValueError: first"
    assert first_line(KeyboardInterrupt()) == "KeyboardInterrupt"


def test_a_link_keeps_everything_except_its_user() -> None:
    assert without_user("https://me:pw@airflow/dags/a/runs/by@hand") == "https://airflow/dags/a/runs/by@hand"
    assert without_user("http://airflow/dags/a/runs/by@hand?x=1") == "http://airflow/dags/a/runs/by@hand?x=1"
