"""The settings of one dataset in shop.toml: the request for a day, the location of rows, the fields."""

import re
from datetime import date
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from ingestion.declaration.endpoint import HeaderName, Template, check_template, fill_body, names_moment
from ingestion.declaration.field_path import Constant, EachOf, FirstOf, Path, Source
from ingestion.declaration.lookback import LookbackDays
from ingestion.declaration.order_lists import ItemKeys, RefundKeys
from ingestion.declaration.pages import (
    BodyPath,
    Paginator,
    ParameterName,
    RowsSelector,
    Selector,
    SinglePage,
    Written,
    path_of,
)
from ingestion.values.amounts import PLAIN, amount_pattern
from ingestion.values.dates import NAMED_FORMATS, date_pattern

# Statuses of orders that bring no revenue, as most shops write them.
NON_REVENUE_STATUSES = ("canceled", "cancelled", "refunded", "returned", "unavailable", "failed")

# Every Postgres table has these columns already.
SYSTEM_COLUMNS = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # an unknown name, a malformed one, the name of a folder
        raise ValueError(f"{name!r} is not an IANA time zone such as 'Europe/Berlin'") from None
    return name


def _check_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    return pattern


def _check_column(name: str) -> str:
    if name in SYSTEM_COLUMNS:
        raise ValueError(f"{name!r} is a system column of Postgres; use keys to land it under another name")
    return name


def _parse_param(value: object) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return check_template(value)
    if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{value!r} is neither a string nor a list of strings")
    return tuple(map(check_template, value))


def _check_body(body: dict[str, Any]) -> dict[str, Any]:
    fill_body(body, date(2024, 2, 29), "UTC")
    return body


def _check_date_format(date_format: str) -> str:
    if date_format in NAMED_FORMATS:
        return date_format
    if "%" not in date_format:
        raise ValueError(f"{date_format!r} is not one of {', '.join(NAMED_FORMATS)}, nor a format such as '%d/%m/%Y'")
    date_pattern(date_format)
    return date_format


def _check_amount_format(amount_format: str) -> str:
    amount_pattern(amount_format)
    return amount_format


def _parse_key(key: object) -> Path | FirstOf | EachOf:
    if not isinstance(key, dict):
        return path_of(key)
    if set(key) == {"each_of"}:
        return EachOf(path_of(key["each_of"]))
    paths = key.get("first_of")
    if set(key) != {"first_of"} or not isinstance(paths, list) or len(paths) < 2:
        raise ValueError(
            f'{key!r} is not a path: use {{ first_of = ["customer.id", "email"] }} for the first with a value, '
            '{{ each_of = "payments.refunds" }} for the elements of lists within lists'
        )
    return FirstOf(tuple(map(path_of, paths)))


AmountFormat = Annotated[str, AfterValidator(_check_amount_format)]
DateFormat = Annotated[str, AfterValidator(_check_date_format)]
TimeZone = Annotated[str, AfterValidator(_check_zone)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]

# Names that dlt, Postgres and dbt leave unchanged. Columns with a leading underscore are reserved for the pipeline.
FieldName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=63),
    AfterValidator(_check_column),
]
TemplatePath = Annotated[Template, StringConstraints(pattern=r"^[A-Za-z0-9._~%/:{}-]+$")]

# A path, several of which the first with a value counts, or one through lists.
FieldPlace = Annotated[
    Path | FirstOf | EachOf,
    BeforeValidator(
        _parse_key,
        json_schema_input_type=Written | dict[Literal["first_of"], list[Written]] | dict[Literal["each_of"], Written],
    ),
]

# A string is one template; a list repeats the parameter once per template.
Params = dict[
    str, Annotated[str | tuple[str, ...], BeforeValidator(_parse_param, json_schema_input_type=str | list[str])]
]


class DatasetConfig(BaseModel):
    """One endpoint of the shop: the request for a day, the location of its rows, and their fields.

    `time_zone` and `language` default to the shop's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    path: TemplatePath
    params: Params = {}
    method: Literal["GET", "POST"] = "GET"
    body: Annotated[dict[str, Any], AfterValidator(_check_body)] | None = Field(None, alias="json")
    page_size_param: ParameterName | None = None
    page_size_body_path: BodyPath | None = None
    data_selector: RowsSelector
    row_key: Annotated[str, Field(min_length=1)] | None = None
    paginator: Paginator = SinglePage()
    total_selector: Selector | None = None
    total_header: HeaderName | None = None
    accept: Annotated[tuple[str, ...], Field(strict=False)] = ()
    fields: Annotated[tuple[FieldName, ...], Field(min_length=1, strict=False)]
    keys: dict[str, FieldPlace] = {}
    constants: dict[str, str] = {}
    required: Annotated[tuple[str, ...], Field(strict=False)]
    items: ItemKeys | None = None
    refunds: RefundKeys | None = None
    no_customer: Annotated[tuple[str, ...], Field(strict=False)] = ()
    product_id_pattern: Annotated[str, AfterValidator(_check_pattern)] | None = None
    day_is: Literal["order_date", "updated"] = "order_date"
    skip_other_days: str | None = None
    lookback_days: LookbackDays = ()
    date_format: DateFormat = "iso"
    amount_format: AmountFormat = PLAIN
    amount_decimals: Literal["exact", "round"] = "exact"
    minor_units: Literal[1, 10, 100, 1000] = 1
    non_revenue_statuses: Annotated[tuple[str, ...], Field(strict=False)] = NON_REVENUE_STATUSES
    time_zone: TimeZone = ""
    language: Language = ""
    max_bad_rate: Annotated[float, Field(ge=0, le=1)]

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        if len(set(self.fields)) < len(self.fields):
            raise ValueError("fields lists a field twice")
        for key, names in (
            ("required", set(self.required)),
            ("keys", set(self.keys)),
            ("constants", set(self.constants)),
        ):
            if unknown := sorted(names - set(self.fields)):
                raise ValueError(f"{key} names {', '.join(unknown)}, not declared in fields")
        if both := sorted(set(self.keys) & set(self.constants)):
            raise ValueError(f"{', '.join(both)} is in both keys and constants")
        if self.minor_units == 1000 and self.amount_decimals != "round":
            raise ValueError(
                'minor_units 1000 gives three decimals, and the marts have two: set amount_decimals = "round"'
            )
        for key in ("items", "refunds"):
            if getattr(self, key) and key not in self.fields:
                raise ValueError(f"{key} describes the field {key}, which is not declared in fields")
        paths = [source for source in self.sources() if isinstance(source, tuple)]
        if self.row_key and (self.row_key,) not in paths:
            raise ValueError(f"row_key names {self.row_key}, which no field reads: map a field to it in keys")
        if len(set(paths)) < len(paths):
            raise ValueError("keys maps two fields to the same JSON key")
        return self

    @model_validator(mode="after")
    def _check_skip_other_days(self) -> Self:
        if (field := self.skip_other_days) is None:
            return self
        if field in self.constants or field not in self.required:
            raise ValueError(f"skip_other_days names {field}, which must be a required field that the shop sends")
        if (field == "order_date") != (self.day_is == "order_date") and "order_date" in self.fields:
            wanted = "order_date" if self.day_is == "order_date" else "the field with an order's last update"
            raise ValueError(f"skip_other_days names {field}, but day_is {self.day_is!r} needs {wanted}")
        return self

    @model_validator(mode="after")
    def _check_request(self) -> Self:
        if (self.body is not None) != (self.method == "POST"):
            raise ValueError('json is the body of method = "POST": set both or neither')
        for key in ("page_size_body_path", "cursor_body_path", "offset_body_path", "page_body_path"):
            if (getattr(self, key, None) or getattr(self.paginator, key, None)) and self.body is None:
                raise ValueError(f'{key} needs method = "POST" and json')
        if not self.skip_other_days and not names_moment(f"{self.path} {self.params} {self.body}"):
            raise ValueError(
                'neither path nor params names the day: set params = { date = "{day}" }, or skip_other_days if the API '
                "cannot filter by day"
            )
        if self.total_selector and self.total_header:
            raise ValueError("total_selector and total_header both give the total: keep one")
        return self

    def sources(self) -> tuple["Source", ...]:
        """Return the source of each field, in the order of `fields`."""
        return tuple(map(self._source, self.fields))

    def _source(self, field: str) -> "Source":
        if field in self.constants:
            return Constant(self.constants[field])
        place = self.keys.get(field, (field,))
        if field == "customer_id" and isinstance(place, FirstOf):
            return FirstOf(place.paths, frozenset(self.no_customer))
        return place
