"""shop.toml: accepted files, and errors that name the wrong key and its correction."""

import json
import re
import tomllib
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from dlt.common.normalizers.naming.snake_case import NamingConvention
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ingestion.declaration.dataset_config import FieldName
from ingestion.declaration.endpoint import fill
from ingestion.declaration.field_path import EachOf, FirstOf
from ingestion.declaration.lookback import days_before
from ingestion.declaration.shop_config import STAGED_FIELDS, json_schema, load_shop_config, shop_config
from pipeline_errors import ConfigurationError
from pipeline_settings import PROJECT_ROOT

OURS = (PROJECT_ROOT / "ingestion" / "shop.toml").read_text()


def test_ours_declares_what_staging_reads() -> None:
    config = shop_config()
    fields = {name: dataset.fields for name, dataset in config.datasets.items()}
    assert fields == {**STAGED_FIELDS, "orders": (*STAGED_FIELDS["orders"], "items")}
    assert config.dataset("orders").max_bad_rate == 0.05
    assert config.dataset("reviews").max_bad_rate == 0.10


WRONG = [
    ('language = "en"', 'langauge = "en"', "langauge: is unknown", "langauge ="),
    ('language = "en"', "language = 5", "language: Input should be a valid string", "language = 5"),
    ('language = "en"', "", "language: Field required", ""),
    ('"UTC" ', '"Mars/Olympus" ', "time_zone: 'Mars/Olympus' is not an IANA time zone", "Mars"),
    ('"UTC" ', '"Europe" ', "time_zone: 'Europe' is not an IANA time zone", "time_zone ="),
    ("page_size = 5_000", "page_size = 0", "page_size: Input should be greater than", "page_size = 0"),
    ("page_size = 5_000", 'page_size = "many"', "page_size: Input should be a valid integer", "page_size ="),
    ("[datasets.orders]", 'headers = "x"\n[datasets.orders]', "headers: Input should be a valid dict", "headers ="),
    (
        '# auth = { type = "api_key", name = "X-Api-Key" }',
        'auth = { type = "api_key" }',
        "auth.api_key.name: ",
        "auth =",
    ),
    ('# auth = { type = "http_basic" }', 'auth = { type = "basic" }', "auth: Input tag 'basic'", "auth ="),
    (
        '"^[A-Za-z0-9][A-Za-z0-9_-]*$"',
        '"["',
        "reviews.product_id_pattern: '[' is not a regular",
        "product_id_pattern =",
    ),
    ("max_bad_rate = 0.05", "max_bad_rate = 5", "orders.max_bad_rate: Input should be less than", "max_bad_rate = 5"),
    ("max_bad_rate = 0.05", 'max_bad_rate = "5%"', "max_bad_rate: Input should be a valid number", '= "5%"'),
    (
        "max_bad_rate = 0.10",
        "max_bad_rate = 10",
        "reviews.max_bad_rate: Input should be less than",
        "max_bad_rate = 10",
    ),
    *(
        (
            "[datasets.orders]",
            f"[datasets.orders]\nlookback_days = {days}",
            f"lookback_days{expected}",
            "lookback_days =",
        )
        for days, expected in {
            "[1, 7, 1]": " lists 1 twice",
            "[0, 7]": ".0: Input should be greater than or equal to 1",
            "[7, -1]": ".1: Input should be greater than or equal to 1",
            "[4000]": ".0: Input should be less than or equal to 3660",
            '["7"]': ".0: Input should be a valid integer",
            "7": ": Input should be a valid tuple",
            str(list(range(1, 33))): ": Tuple should have at most 31 items",
        }.items()
    ),
    ('required = ["order_id"', 'required = ["oder_id"', "datasets.orders: required names oder_id", "oder_id"),
    (
        'required = ["order_id", ',
        "required = [",
        "datasets.orders.required lacks order_id, which the marts need",
        "required =",
    ),
    ('"status", "items"]', '"state", "items"]', "required names status, not declared in fields", "required ="),
    ('"status", "items"]', '"status"]', "items describes the field items, which is not declared", "items ="),
    (', total = "total" }', " }", "datasets.orders.items: set exactly one of price", "items ="),
    ('total = "total" }', 'sum = "total" }', "datasets.orders.items.sum: is unknown", "items ="),
    ('product_id = "product_id", q', "q", "datasets.orders.items.product_id: Field required", "items ="),
    (', "review_date"]', "]", "datasets.reviews.fields lacks review_date, which staging reads", "fields ="),
    ('fields = ["order_id"', 'fields = ["Order ID", "order_id"', "datasets.orders.fields.0: ", "Order ID"),
    ('fields = ["order_id"', 'fields = ["xmin", "order_id"', "'xmin' is a system column of Postgres", "xmin"),
    ('fields = ["order_id"', 'fields = ["order_id", "order_id"', "fields lists a field twice", "fields ="),
    ("[datasets.reviews]", "[datasets.returns]", "datasets.returns has no staging model", "[datasets.returns]"),
    ('path = "api/v1/orders"', "", "datasets.orders.path: Field required", "[datasets.orders]"),
    ('"api/v1/orders"', '"http://evil/{x}"', "datasets.orders.path: ", "evil"),
    ('"{day}"', '"{today}"', "datasets.orders.params.date: '{today}' names 'today'", "{today}"),
    ('"{day}"', '"{day"', "datasets.orders.params.date: '{day' is not a template", "params ="),
    ('"{day}"', '"{day:%s}"', "'{day:%s}' asks for the Unix time of a date", "params ="),
    ('"{day}"', '"always"', "neither path nor params names the day", "[datasets.orders]"),
    ('"{day}"', "[]", "datasets.orders.params.date: [] is neither a string nor a list of strings", "params ="),
    ('"{day}"', "5", "datasets.orders.params.date: 5 is neither a string nor a list of strings", "params ="),
    (
        '= { type = "json_link", next_url_path = "next"',
        '= { type = "jsonlink", next_url_path = "next"',
        "datasets.orders.paginator: ",
        "paginator =",
    ),
    ('next_url_path = "next"', 'next_path = "next"', "paginator.json_link.next_url_path: ", "paginator ="),
    ('next_url_path = "next" }', "next_url_path = 5 }", "next_url_path: 5 is not a path", "next_url_path = 5 }"),
    ('data_selector = "orders"', 'data_selector = "orders[*]"', "'orders[*]' is not a selector", "data_selector ="),
    ('"total" ', '"total"\ntotal_header = "X-Total"', "total_selector and total_header both", "total_selector ="),
    (
        '{ type = "json_link", next_url_path = "next" }',
        '{ type = "offset", offset_format = "{page}" }',
        "'{page}' is not an offset_format",
        "paginator =",
    ),
    (
        '{ type = "json_link", next_url_path = "next" }',
        '{ type = "cursor", cursor_path = "next" }',
        "set exactly one of cursor_param and cursor_body_path",
        "paginator =",
    ),
    ("max_bad_rate = 0.05", 'date_format = "us"\nmax_bad_rate = 0', "'us' is not one of iso, epoch_", "date_format ="),
    (
        "max_bad_rate = 0.05",
        'date_format = "%d/%Q/%Y"\nmax_bad_rate = 0',
        "has %Q; the known directives are %d, %m,",
        "date_format =",
    ),
    ("max_bad_rate = 0.05", 'date_format = "%d/%d/%Y"\nmax_bad_rate = 0', "has %d twice", "date_format ="),
    (
        "max_bad_rate = 0.05",
        'date_format = "%H:%M"\nmax_bad_rate = 0',
        "defines no day: it needs %d, one of",
        "date_format =",
    ),
    ("max_bad_rate = 0.05", 'date_format = "%d/%m/%y%z"\nmax_bad_rate = 0', "has an offset, %z, so", "date_format ="),
    (
        "max_bad_rate = 0.05",
        'skip_other_days = "updated_at"\nmax_bad_rate = 0',
        "skip_other_days names updated_at, which must be a required field that the shop sends",
        "skip_other_days =",
    ),
    (
        "max_bad_rate = 0.05",
        'skip_other_days = "status"\nmax_bad_rate = 0',
        "skip_other_days names status, but day_is 'order_date' needs order_date",
        "skip_other_days =",
    ),
    (
        "max_bad_rate = 0.05",
        'skip_other_days = "order_date"\nday_is = "updated"\nmax_bad_rate = 0',
        "day_is 'updated' needs the field with an order's last update",
        "skip_other_days =",
    ),
    (
        "max_bad_rate = 0.05",
        'amount_format = "1.234.56"\nmax_bad_rate = 0',
        "amount_format: '1.234.56' is not 1234.56 as the shop writes it, such as '1.234,56",
        "amount_format =",
    ),
    ("max_bad_rate = 0.05", 'amount_format = "€"\nmax_bad_rate = 0', "'€' is not 1234.56", "amount_format ="),
    (
        "max_bad_rate = 0.10",
        'amount_format = "1,234.56"\nmax_bad_rate = 0',
        "it is a key of orders only",
        "amount_format =",
    ),
    ("max_bad_rate = 0.05", 'row_key = "id"\nmax_bad_rate = 0', "row_key names id, which no field reads", "row_key ="),
    ("max_bad_rate = 0.05", 'language = "pt"\nmax_bad_rate = 0', "it is a key of reviews only", 'language = "pt"'),
    (
        "max_bad_rate = 0.10",
        "non_revenue_statuses = []\nmax_bad_rate = 0",
        "it is a key of orders only",
        "non_revenue_statuses = []",
    ),
    (
        "[datasets.reviews]",
        '[datasets.orders.constants]\nstate = "paid"\n[datasets.reviews]',
        "names state",
        "constants",
    ),
    (
        "[datasets.reviews]",
        '[datasets.orders.keys]\n"customer_id" = []\n[datasets.reviews]',
        "is not a path",
        '"customer_id" =',
    ),
    ("[datasets.reviews]", '[datasets.orders.json]\nday = "{day}"\n[datasets.reviews]', 'method = "POST"', "json"),
    ("time_zone =", "time_zone", "is not TOML: Expected '=' after a key in a key/value pair (at line 5", ""),
]


@pytest.mark.parametrize(("was", "by", "expected", "line_has"), WRONG)
def test_a_wrong_file_is_reported_with_key_line_and_remedy(
    tmp_path: Path, was: str, by: str, expected: str, line_has: str
) -> None:
    path = tmp_path / "shop.toml"
    assert was in OURS
    path.write_text(OURS.replace(was, by, 1))
    with pytest.raises(ConfigurationError) as error:
        load_shop_config(path)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
    assert str(path) in error.value.cause
    assert error.value.remedy
    lines = path.read_text().splitlines()
    named = [lines[int(number) - 1] for number in re.findall(r"line (\d+), (?!column)", str(error.value))]
    assert [line_has in line for line in named] == ([True] * len(named) if line_has else [])
    assert bool(named) == bool(line_has)


def test_lookback_days_are_optional_and_go_with_the_day_of_an_update(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    declared = {"orders": 'lookback_days = [30, 1]\nday_is = "updated"', "reviews": "lookback_days = [7]"}
    text = OURS
    for name, keys in declared.items():
        text = text.replace(f"[datasets.{name}]\n", f"[datasets.{name}]\n{keys}\n")
    path.write_text(text)
    config = load_shop_config(path)
    assert {name: config.dataset(name).lookback_days for name in declared} == {"orders": (30, 1), "reviews": (7,)}
    assert days_before(date(2026, 3, 1), (30, 1)) == [date(2026, 2, 28), date(2026, 1, 30)]
    assert shop_config().dataset("orders").lookback_days == ()


def test_the_schema_for_editors_is_current() -> None:
    """Update: python -c "from ingestion.declaration.shop_config import *; print(json_schema(), end='')" > the file."""
    schema = PROJECT_ROOT / "ingestion" / "shop.schema.json"
    assert schema.read_text() == json_schema()
    validate = jsonschema.Draft7Validator(json.loads(json_schema())).validate
    for file in [PROJECT_ROOT / "ingestion" / "shop.toml", *(PROJECT_ROOT / "ingestion" / "shops").glob("*.toml")]:
        declared = tomllib.loads(file.read_text())
        validate(declared)
        assert (file.parent / file.read_text().split()[1]).resolve() == schema
        with pytest.raises(jsonschema.ValidationError):
            validate(declared | {"langauge": "en"})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml cannot be read: No such file"):
        load_shop_config(tmp_path / "nowhere.toml")


def test_the_error_for_an_unknown_dataset_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"no dataset 'returns'\. It declares orders, reviews"):
        shop_config().dataset("returns")


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ('"Nr."', ("Nr.",)),
        ('"order.number"', ("order", "number")),
        ('"lines.0.id"', ("lines", 0, "id")),
        ('["order.number"]', ("order.number",)),
        ('["lines", 0]', ("lines", 0)),
        ('{ first_of = ["lines.0.id", "number"] }', FirstOf((("lines", 0, "id"), ("number",)))),
        ('{ each_of = "payments.refunds" }', EachOf(("payments", "refunds"))),
    ],
)
def test_keys_are_paths_of_fields(tmp_path: Path, key: str, path: object) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(
        OURS.replace("[datasets.reviews]", f"[datasets.orders.keys]\norder_id = {key}\n\n[datasets.reviews]")
    )
    orders = load_shop_config(file).dataset("orders")
    assert orders.sources() == (path, ("customer_id",), ("total_amount",), ("order_date",), ("status",), ("items",))


@pytest.mark.parametrize(
    ("template", "filled_in"),
    [
        ("{day}", "2026-03-29"),
        ("{day:%d.%m.%Y}", "29.03.2026"),
        ("{next_day}", "2026-03-30"),
        ("{start}", "2026-03-29T00:00:00+01:00"),
        ("{end}", "2026-03-30T00:00:00+02:00"),
        ("{last_second:%H:%M:%S}", "23:59:59"),
        ("{second_before}", "2026-03-28T23:59:59+01:00"),
        ("paid", "paid"),
    ],
)
def test_a_template_is_filled_in_the_shops_time_zone(template: str, filled_in: str) -> None:
    assert fill(template, date(2026, 3, 29), "Europe/Berlin") == filled_in  # the start of summer time


@given(st.from_regex(r"[a-z][a-z0-9]{0,5}(_[a-z0-9]{1,5}){0,4}", fullmatch=True))
def test_dlt_keeps_allowed_field_names_unchanged(name: str) -> None:
    assert TypeAdapter(FieldName).validate_python(name) == name
    assert NamingConvention().normalize_path(name) == name
