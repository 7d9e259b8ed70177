"""What shop.toml declares: the API's shape, and what its rows are held to. Checked whole before anything runs."""

import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from ingestion.item_source import Constant, Source
from ingestion.shop_api import (
    Auth,
    BearerAuth,
    HeaderName,
    HeaderText,
    Paginator,
    ParameterName,
    Selector,
    SinglePage,
    Template,
)
from pipeline_errors import ConfigurationError
from pipeline_settings import settings

# The columns that the staging models read of each dataset, its id first. Further fields land in raw and stay there.
STAGED_FIELDS = {
    "orders": ("order_id", "customer_id", "total_amount", "order_date", "status"),
    "reviews": ("review_id", "product_id", "customer_id", "rating", "review_text", "review_date"),
}

# Those without which a row is never valid: columns that the marts promise to be there.
NEEDED_FIELDS = {
    "orders": ("order_id", "customer_id", "total_amount", "order_date", "status"),
    "reviews": ("review_id", "product_id", "customer_id", "rating"),
}

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


# Names that dlt, Postgres and dbt all leave as they are; no leading underscore, since those columns are ours.
FieldName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=63),
    AfterValidator(_free_column),
]
RowsSelector = Annotated[str, StringConstraints(pattern=r"^(\$|[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)$")]
UrlPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~%/-]+$")]
TemplatePath = Annotated[Template, StringConstraints(pattern=r"^[A-Za-z0-9._~%/:{}-]+$")]
KeyPath = Annotated[str, Field(min_length=1)] | Annotated[tuple[str | int, ...], Field(min_length=1, strict=False)]

NESTED = re.compile(r"[A-Za-z_]\w*(\.([A-Za-z_]\w*|\d+))+")


class DatasetConfig(BaseModel):
    """One endpoint of the shop: how a day is asked for, where its rows stand, and which fields they have."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    path: TemplatePath
    params: dict[str, Template] = {}
    page_size_param: ParameterName | None = None
    data_selector: RowsSelector
    paginator: Paginator = SinglePage()
    total_selector: Selector | None = None
    fields: Annotated[tuple[FieldName, ...], Field(min_length=1, strict=False)]
    keys: dict[str, KeyPath] = {}
    constants: dict[str, str] = {}
    required: Annotated[tuple[str, ...], Field(strict=False)]
    product_id_pattern: Annotated[str, AfterValidator(_compiling_pattern)] | None = None
    minor_units: Literal[1, 10, 100, 1000] = 1
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
        paths = [source for source in self.sources() if isinstance(source, tuple)]
        if len(set(paths)) < len(paths):
            raise ValueError("keys gives two fields the same JSON key")
        if not any("{" in template for template in (self.path, *self.params.values())):
            raise ValueError('neither path nor params names the day: params = { date = "{day}" }')
        return self

    def sources(self) -> tuple["Source", ...]:
        """Where each field comes from, in the order of `fields`: its path in the JSON item, or what it always is."""
        return tuple(
            Constant(self.constants[field]) if field in self.constants else _path(self.keys.get(field, field))
            for field in self.fields
        )


class ShopConfig(BaseModel):
    """shop.toml as a whole."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    time_zone: Annotated[str, AfterValidator(_known_zone)]
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
    health_path: UrlPath
    max_text_bytes: Annotated[int, Field(ge=1, le=1_000_000_000)]
    page_size: Annotated[int, Field(ge=1)] = 5_000
    max_pages: Annotated[int, Field(ge=1)] = 100_000
    max_page_bytes: Annotated[int, Field(ge=1)] = 512_000_000
    timeout_seconds: Annotated[float, Field(gt=0)] = 60
    deadline_seconds: Annotated[float, Field(gt=0)] = 3_600
    max_attempts: Annotated[int, Field(ge=1)] = 5
    backoff_seconds: Annotated[float, Field(ge=0)] = 0.5
    auth: Auth = BearerAuth()
    headers: dict[HeaderName, HeaderText] = {}
    datasets: Annotated[dict[str, DatasetConfig], Field(min_length=1)]

    @model_validator(mode="after")
    def _staging_is_served(self) -> Self:
        for name, dataset in self.datasets.items():
            if name not in STAGED_FIELDS:
                raise ValueError(f"datasets.{name} has no staging model; there are {', '.join(STAGED_FIELDS)}")
            if missing := [field for field in STAGED_FIELDS[name] if field not in dataset.fields]:
                raise ValueError(f"datasets.{name}.fields lacks {', '.join(missing)}, which staging reads")
            if missing := [field for field in NEEDED_FIELDS[name] if field not in dataset.required]:
                raise ValueError(f"datasets.{name}.required lacks {', '.join(missing)}, which no mart can be without")
        return self

    def dataset(self, name: str) -> DatasetConfig:
        """The declaration of a dataset; ConfigurationError if shop.toml has none of that name."""
        try:
            return self.datasets[name]
        except KeyError:
            raise ConfigurationError(
                f"shop.toml declares no dataset {name!r}", f"It declares {', '.join(self.datasets)}."
            ) from None


def _path(key: str | tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The steps to a value: "a.b.0" goes into objects and lists, another text is one key, a list is taken as it is."""
    if isinstance(key, tuple):
        return key
    steps = key.split(".") if NESTED.fullmatch(key) else [key]
    return tuple(int(step) if step.isdecimal() and number else step for number, step in enumerate(steps))


def load_shop_config(path: Path) -> ShopConfig:
    """Read and check a shop.toml.

    Raises ConfigurationError naming the file, every key that is wrong, and what it should be.
    """
    try:
        text = path.read_text(encoding="utf-8")
        declared = tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}", "Set SHOP_CONFIG to a shop.toml, or unset it for ours."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is no TOML: {error}", "Correct the file.") from None
    try:
        return ShopConfig.model_validate(declared)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {_explain(error, text)}", "ingestion/shop.toml shows every key.") from None


def shop_config() -> ShopConfig:
    """The configuration that SHOP_CONFIG names, read anew: it is quick, and the file may have been corrected."""
    return load_shop_config(settings().shop_config)


def json_schema() -> str:
    """The JSON schema of shop.toml, for editors: ingestion/shop.schema.json."""
    schema = ShopConfig.model_json_schema() | {"$schema": "http://json-schema.org/draft-07/schema#"}
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def _explain(error: ValidationError, text: str) -> str:
    wrong = []
    for detail in error.errors(include_url=False):
        key = ".".join(str(part) for part in detail["loc"])
        message = "is unknown" if detail["type"] == "extra_forbidden" else detail["msg"].removeprefix("Value error, ")
        line = _line_of(tuple(map(str, detail["loc"])), text)
        wrong.append((f"line {line}, " if line else "") + (f"{key}: {message}" if key else message))
    return "; ".join(wrong)


def _line_of(key: tuple[str, ...], text: str) -> int | None:
    """The line where a key stands, or the innermost table or value around it that has one."""
    table: tuple[str, ...] = ()
    found: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            table = tuple(part.strip("\"' ") for part in header[1].split("."))
            found.setdefault(table, number)
        elif assigned := re.match(r"\s*([\w\"'.-]+)\s*=", line):
            found.setdefault((*table, *(part.strip("\"'") for part in assigned[1].split("."))), number)
    return next((found[key[:length]] for length in range(len(key), 0, -1) if key[:length] in found), None)
