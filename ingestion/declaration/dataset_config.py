"""What shop.toml declares of one dataset: how a day of it is asked for, where its rows and their fields stand."""

import re
from datetime import date
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from ingestion.declaration.endpoint import STRICT, HeaderName, Template, checked_template, filled_body, names_a_moment
from ingestion.declaration.field_path import Constant, Source
from ingestion.declaration.pages import BodyPath, KeyPath, Paginator, ParameterName, RowsSelector, Selector, SinglePage
from ingestion.values.amounts import PLAIN, amount_pattern
from ingestion.values.dates import NAMED_FORMATS, date_pattern

# Statuses of orders that bring no revenue, as most shops write them.
NON_REVENUE_STATUSES = ("canceled", "cancelled", "refunded", "returned", "unavailable", "failed")

# Every Postgres table has these columns already.
SYSTEM_COLUMNS = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # an unknown name, a malformed one, the name of a folder
        raise ValueError(f"{name!r} is no IANA time zone, such as 'Europe/Berlin'") from None
    return name


def _compiling_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    return pattern


def _free_column(name: str) -> str:
    if name in SYSTEM_COLUMNS:
        raise ValueError(f"{name!r} is a system column of Postgres; land it under another name with keys")
    return name


def _param(value: object) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return checked_template(value)
    if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{value!r} is neither a text nor a list of texts")
    return tuple(map(checked_template, value))


def _templates(body: dict[str, Any]) -> dict[str, Any]:
    filled_body(body, date(2024, 2, 29), "UTC")
    return body


def _readable_dates(date_format: str) -> str:
    if date_format in NAMED_FORMATS:
        return date_format
    if "%" not in date_format:
        raise ValueError(f"{date_format!r} is none of {', '.join(NAMED_FORMATS)}, nor a format such as '%d/%m/%Y'")
    date_pattern(date_format)
    return date_format


def _readable_amounts(amount_format: str) -> str:
    amount_pattern(amount_format)
    return amount_format


AmountFormat = Annotated[str, AfterValidator(_readable_amounts)]
DateFormat = Annotated[str, AfterValidator(_readable_dates)]
TimeZone = Annotated[str, AfterValidator(_known_zone)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]

# Names that dlt, Postgres and dbt all leave as they are; no leading underscore, since those columns are ours.
FieldName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=63),
    AfterValidator(_free_column),
]
TemplatePath = Annotated[Template, StringConstraints(pattern=r"^[A-Za-z0-9._~%/:{}-]+$")]

# A text is a template; a list of them gives the parameter once for each.
Params = dict[str, Annotated[str | tuple[str, ...], BeforeValidator(_param, json_schema_input_type=str | list[str])]]


class ItemKeys(BaseModel):
    """What an order consists of: where its parts stand in an item of the field `items`, a list of objects.

    The amount is that of the whole line (`total`) or of one (`price`); without `quantity` it is 1 each.
    """

    model_config = STRICT

    product_id: KeyPath
    quantity: KeyPath | None = None
    price: KeyPath | None = None
    total: KeyPath | None = None

    @model_validator(mode="after")
    def _has_one_amount(self) -> Self:
        if (self.price is None) == (self.total is None):
            raise ValueError("one of price and total says what an item costs: of one, or of the whole line")
        return self


class DatasetConfig(BaseModel):
    """One endpoint of the shop: how a day is asked for, where its rows stand, and which fields they have.

    `time_zone` and `language` are the shop's where they are not given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    path: TemplatePath
    params: Params = {}
    method: Literal["GET", "POST"] = "GET"
    body: Annotated[dict[str, Any], AfterValidator(_templates)] | None = Field(None, alias="json")
    page_size_param: ParameterName | None = None
    page_size_body_path: BodyPath | None = None
    data_selector: RowsSelector
    row_key: Annotated[str, Field(min_length=1)] | None = None
    paginator: Paginator = SinglePage()
    total_selector: Selector | None = None
    total_header: HeaderName | None = None
    fields: Annotated[tuple[FieldName, ...], Field(min_length=1, strict=False)]
    keys: dict[str, KeyPath] = {}
    constants: dict[str, str] = {}
    required: Annotated[tuple[str, ...], Field(strict=False)]
    items: ItemKeys | None = None
    product_id_pattern: Annotated[str, AfterValidator(_compiling_pattern)] | None = None
    day_is: Literal["order_date", "updated"] = "order_date"
    skip_other_days: str | None = None
    date_format: DateFormat = "iso"
    amount_format: AmountFormat = PLAIN
    minor_units: Literal[1, 10, 100, 1000] = 1
    non_revenue_statuses: Annotated[tuple[str, ...], Field(strict=False)] = NON_REVENUE_STATUSES
    time_zone: TimeZone = ""
    language: Language = ""
    max_bad_rate: Annotated[float, Field(ge=0, le=1)]

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        if len(set(self.fields)) < len(self.fields):
            raise ValueError("fields names a field twice")
        for key, names in (
            ("required", set(self.required)),
            ("keys", set(self.keys)),
            ("constants", set(self.constants)),
        ):
            if unknown := sorted(names - set(self.fields)):
                raise ValueError(f"{key} names {', '.join(unknown)}, which fields does not declare")
        if both := sorted(set(self.keys) & set(self.constants)):
            raise ValueError(f"{', '.join(both)} stands in both keys and constants")
        if self.items and "items" not in self.fields:
            raise ValueError("items tells where the parts of the field items stand, which fields does not declare")
        paths = [source for source in self.sources() if isinstance(source, tuple)]
        if self.row_key and (self.row_key,) not in paths:
            raise ValueError(f"row_key names {self.row_key}, which no field takes: keys can name it")
        if len(set(paths)) < len(paths):
            raise ValueError("keys gives two fields the same JSON key")
        return self

    @model_validator(mode="after")
    def _has_readable_days(self) -> Self:
        if (field := self.skip_other_days) is None:
            return self
        if field in self.constants or field not in self.required:
            raise ValueError(f"skip_other_days names {field}, which must be a field of the shop that is required")
        if (field == "order_date") != (self.day_is == "order_date") and "order_date" in self.fields:
            wanted = "order_date" if self.day_is == "order_date" else "a field that says when an order was updated"
            raise ValueError(f"skip_other_days names {field}, and day_is {self.day_is!r} wants {wanted}")
        return self

    @model_validator(mode="after")
    def _request_is_whole(self) -> Self:
        if (self.body is not None) != (self.method == "POST"):
            raise ValueError('json is the body of method = "POST", and the one needs the other')
        for key in ("page_size_body_path", "cursor_body_path", "offset_body_path", "page_body_path"):
            if (getattr(self, key, None) or getattr(self.paginator, key, None)) and self.body is None:
                raise ValueError(f'{key} needs method = "POST" and json')
        if not self.skip_other_days and not names_a_moment(f"{self.path} {self.params} {self.body}"):
            raise ValueError(
                'neither path nor params names the day: params = { date = "{day}" }, or skip_other_days if the shop '
                "cannot be asked for one"
            )
        if self.total_selector and self.total_header:
            raise ValueError("both total_selector and total_header say where the total stands: leave one")
        return self

    def sources(self) -> tuple["Source", ...]:
        """Where each field comes from, in the order of `fields`: its path in the JSON item, or what it always is."""
        return tuple(
            Constant(self.constants[field]) if field in self.constants else self.keys.get(field, (field,))
            for field in self.fields
        )
