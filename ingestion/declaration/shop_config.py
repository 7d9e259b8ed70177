"""The model of shop.toml: the shape of the API, and the rules for its rows. Validated before anything runs."""

import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from ingestion.declaration.dataset_config import DatasetConfig, Language, TimeZone
from ingestion.declaration.endpoint import Auth, BearerAuth, HeaderName, HeaderText
from pipeline_errors import ConfigurationError
from pipeline_settings import settings

# The columns that the staging models read from each dataset, its id first.
STAGED_FIELDS = {
    "orders": ("order_id", "customer_id", "total_amount", "order_date", "status"),
    "reviews": ("review_id", "product_id", "customer_id", "rating", "review_text", "review_date"),
}

# Those that a shop need not declare, and further ones. Other fields stay in raw.
OPTIONAL_FIELDS = {
    "orders": (
        "customer_id", "items", "currency", "exchange_rate", "discount_amount", "tax_amount", "shipping_amount",
        "is_test", "cancelled_at", "refunds",
    ),
    "reviews": (),
}  # fmt: skip

# A row without one of these is never valid: the marts declare the columns not null.
NEEDED_FIELDS = {
    "orders": ("order_id", "total_amount", "order_date", "status"),
    "reviews": ("review_id", "product_id", "customer_id", "rating"),
}

# Keys that only one dataset may set.
OWN_KEYS = {
    "items": "orders",
    "refunds": "orders",
    "amount_decimals": "orders",
    "amount_format": "orders",
    "day_is": "orders",
    "minor_units": "orders",
    "non_revenue_statuses": "orders",
    "language": "reviews",
    "product_id_pattern": "reviews",
}

CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
UrlPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~%/-]+$")]


class ShopConfig(BaseModel):
    """The whole of shop.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    time_zone: TimeZone
    language: Language
    currency: CurrencyCode | None = None
    health_path: UrlPath
    max_text_bytes: Annotated[int, Field(ge=1, le=1_000_000_000)]
    page_size: Annotated[int, Field(ge=1)] = 5_000
    max_pages: Annotated[int, Field(ge=1)] = 100_000
    max_page_bytes: Annotated[int, Field(ge=1)] = 128_000_000
    timeout_seconds: Annotated[float, Field(gt=0)] = 60
    deadline_seconds: Annotated[float, Field(gt=0)] = 3_600
    max_attempts: Annotated[int, Field(ge=1)] = 5
    backoff_seconds: Annotated[float, Field(ge=0)] = 0.5
    auth: Auth = BearerAuth()
    headers: dict[HeaderName, HeaderText] = {}
    datasets: Annotated[dict[str, DatasetConfig], Field(min_length=1)]

    @model_validator(mode="after")
    def _check_datasets(self) -> Self:
        for name, dataset in self.datasets.items():
            if name not in STAGED_FIELDS:
                raise ValueError(f"datasets.{name} has no staging model; the datasets are {', '.join(STAGED_FIELDS)}")
            if missing := [f for f in STAGED_FIELDS[name] if f not in (*dataset.fields, *OPTIONAL_FIELDS[name])]:
                raise ValueError(f"datasets.{name}.fields lacks {', '.join(missing)}, which staging reads")
            if missing := [field for field in NEEDED_FIELDS[name] if field not in dataset.required]:
                raise ValueError(f"datasets.{name}.required lacks {', '.join(missing)}, which the marts need")
            if "currency" in dataset.fields and self.currency is None:
                raise ValueError(
                    f'datasets.{name}.fields names currency: set the shop\'s own, currency = "EUR", above the datasets'
                )
            for key, owner in OWN_KEYS.items():
                if key in dataset.model_fields_set and name != owner:
                    raise ValueError(f"datasets.{name}.{key} has no effect: it is a key of {owner} only")
        return self

    def dataset(self, name: str) -> DatasetConfig:
        """Return the declaration of a dataset, with the shop's time zone and language as defaults.

        Raises ConfigurationError if shop.toml has none of that name.
        """
        try:
            declared = self.datasets[name]
        except KeyError:
            raise ConfigurationError(
                f"shop.toml declares no dataset {name!r}", f"It declares {', '.join(self.datasets)}."
            ) from None
        shops = {"time_zone": declared.time_zone or self.time_zone, "language": declared.language or self.language}
        return declared.model_copy(update=shops)


def load_shop_config(path: Path) -> ShopConfig:
    """Read and validate a shop.toml.

    Raises ConfigurationError with the file, every wrong key, and what each should be.
    """
    try:
        text = path.read_text(encoding="utf-8")
        declared = tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}", "Set SHOP_CONFIG to a shop.toml, or unset it for the default."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}", "Correct the file.") from None
    try:
        return ShopConfig.model_validate(declared)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {_explain(error, text)}", "ingestion/shop.toml shows every key.") from None


def shop_config() -> ShopConfig:
    """Read the file that SHOP_CONFIG names, each time: reading is fast, and the file may have been corrected."""
    return load_shop_config(settings().shop_config)


def json_schema() -> str:
    """Return the JSON schema of shop.toml for editors: ingestion/shop.schema.json."""
    schema = ShopConfig.model_json_schema() | {"$schema": "http://json-schema.org/draft-07/schema#"}
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def _explain(error: ValidationError, text: str) -> str:
    wrong = []
    for detail in error.errors(include_url=False):
        key = ".".join(str(part) for part in detail["loc"])
        message = "is unknown" if detail["type"] == "extra_forbidden" else detail["msg"].removeprefix("Value error, ")
        inner = message.partition(" ")[0].split(".")  # the first word of an error about a table is often the key
        line = _line_of((*_written(detail["loc"]), *inner), text)
        wrong.append((f"line {line}, " if line else "") + (f"{key}: {message}" if key else message))
    return "; ".join(wrong)


def _written(loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return the keys of an error as in the file: without the type that pydantic adds to a paginator's keys."""
    return tuple(
        str(part) for before, part in zip(("", *loc), loc, strict=False) if before not in ("paginator", "auth")
    )


def _line_of(key: tuple[str, ...], text: str) -> int | None:
    """Return the line of a key, or of the innermost table or value around it that has one."""
    table: tuple[str, ...] = ()
    lines: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            table = tuple(part.strip("\"' ") for part in header[1].split("."))
            lines.setdefault(table, number)
        elif assigned := re.match(r"\s*([\w\"'.-]+)\s*=", line):
            lines.setdefault((*table, *(part.strip("\"'") for part in assigned[1].split("."))), number)
    return next((lines[key[:length]] for length in range(len(key), 0, -1) if key[:length] in lines), None)
