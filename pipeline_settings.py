"""Settings that several tools share, read once from the environment. dlt, dbt and Airflow keep their own settings."""

import os
import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pipeline_errors import ConfigurationError

PROJECT_ROOT = Path(__file__).resolve().parent
PRIVATE_UMASK = 0o077  # of every process that writes to DAYBREAK_HOME, which holds customers' rows and passwords


class _SecretFiles(PydanticBaseSettingsSource):
    """Reads a secret from the file in NAME_FILE if NAME is unset, as containers mount secrets."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str | None, str, bool]:
        path = os.environ.get(f"{field_name.upper()}_FILE", "")
        if field.annotation != SecretStr | None or not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip() or None, field_name, False
        except (OSError, UnicodeDecodeError) as error:
            cause = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ConfigurationError(
                f"{field_name.upper()}_FILE: {path} cannot be read: {cause}", "Correct or unset it."
            ) from None

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """The environment variables, under their standard names. docs/reference/settings.md is generated from this class.

    A secret can come from a file: set `PGPASSWORD_FILE` instead of `PGPASSWORD`, and so on.
    Without `pghost` or `redis_url`, `local.servers` fills in the embedded server.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    shop_api_url: str | None = Field(
        None, description="The shop's API, as in `https://shop.example`. Unset: the first step fails."
    )
    shop_api_user: str | None = Field(
        None, description="User name or client id, if `auth` in `shop.toml` is `http_basic` or OAuth2."
    )
    shop_api_token: SecretStr | None = Field(
        None, description="Token, key, password or client secret, depending on `auth` in `shop.toml`."
    )
    shop_config: Path = Field(
        PROJECT_ROOT / "ingestion" / "shop.toml",
        description="The path of `shop.toml`. Your file must be in the image, or mounted.",
    )

    pghost: str | None = Field(
        None,
        description="The warehouse, PostgreSQL 16 or newer; a socket folder works. Unset: the embedded Postgres; "
        "under Airflow, tasks fail.",
    )
    pgport: Annotated[int, Field(ge=1, le=65535)] = Field(5432, description="Its port.")
    pguser: str = Field(
        "postgres",
        description="The login user: owns Daybreak's schemas, and is a member of its roles; no superuser is needed. Of "
        "the embedded Postgres: `daybreak`.",
    )
    pgpassword: SecretStr | None = Field(None, description="Its password.")
    pgdatabase: str = Field("daybreak", description="The warehouse's database.")
    pgsslmode: str = Field(
        "prefer", description="libpq's modes. Use `verify-full` if the server is on another machine."
    )

    redis_url: SecretStr | None = Field(
        None,
        description="The cache, `redis://:password@host:6379/0`. Unset: the embedded Valkey; under Airflow the cache "
        "is skipped with a warning.",
    )

    spark_remote: SecretStr | None = Field(
        None,  # its parameters can hold a token
        description="A server of Spark Connect, `sc://host:15002`, for `--engine spark` and Airflow's high-volume "
        "path. Unset: embedded Sail for the command, Postgres for Airflow.",
    )
    spark_exchange: str | None = Field(
        None,
        description="A folder or bucket that Daybreak and the engine can access. It holds customers' orders while a "
        "build runs. Unset: `DAYBREAK_HOME/engine`.",
    )

    alert_urls: SecretStr | None = Field(
        None,
        description="Receivers of alerts: apprise URLs, separated by spaces or commas. Unset: messages are stored.",
    )
    metrics_url: SecretStr | None = Field(
        None,
        description="Receives each run's metrics as JSON by `POST`, `http://` or `https://`. Unset: they are stored.",
    )

    log_format: Literal["logfmt", "json"] = Field(
        "logfmt", description="Format of Daybreak's log lines: `logfmt` (`key=value`) or `json`."
    )

    daybreak_home: Path = Field(
        PROJECT_ROOT / ".daybreak", description="Folder of all state. In the image: `/var/lib/daybreak`."
    )

    step_timeout_minutes: Annotated[float, Field(gt=0, le=10_000)] = Field(
        60,  # much more than a step usually takes
        description="Time limit of a step, and of each SQL statement. Raise it for a first backfill of years, which is "
        "one build.",
    )

    # The newest load always stays, because replay judges it.
    raw_loads_kept: Annotated[int, Field(ge=1)] = Field(
        2, description="Newest loads of a day that stay in raw, besides the admitted and the published one."
    )
    raw_superseded_days: Annotated[int, Field(ge=1)] = Field(
        90, description="Days after which a superseded load is removed from raw."
    )
    log_days_kept: Annotated[int, Field(ge=1)] = Field(
        30, description="Days of the command line's log files, today's included."
    )

    first_day: date | None = Field(
        None,
        description="Airflow loads this day and all days after it. Unset: from the next night on; after a backfill, "
        "from the last night on.",
    )

    # The size at which an engine came closest to Postgres alone. Only a first backfill of years may exceed it.
    high_volume_orders: Annotated[int, Field(ge=0)] = Field(
        2_000_000, description="Builds with more orders than this use Airflow's `high_volume_processing`."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment first, then the secret files it names."""
        return init_settings, env_settings, _SecretFiles(settings_cls)

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: SecretStr | None) -> SecretStr | None:
        """Refuse what the client would read as another server or database, without quoting it."""
        text = url.get_secret_value() if url else "unix://"
        try:
            parts = urlsplit(text)
            is_server = parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0
        except ValueError:  # the port is no number
            is_server = False
        if text.startswith("unix://") or (is_server and re.fullmatch("/?|/[0-9]+", parts.path)):
            return url
        raise ValueError("it is not redis://:password@host:6379/0; write a sign such as / ? # @ in it percent-encoded")

    def postgres_parameters(self) -> dict[str, Any]:
        """Return the warehouse as libpq's parameters, with the password: pass them to drivers, never log them."""
        return {
            "host": self.pghost,
            "port": self.pgport,
            "user": self.pguser,
            "password": self.pgpassword.get_secret_value() if self.pgpassword else None,
            "dbname": self.pgdatabase,
            "sslmode": self.pgsslmode,
        }

    def postgres_uri(self) -> str:
        """Return the warehouse's connection URI. It contains the password: pass it to drivers, never log it."""
        password = quote(self.pgpassword.get_secret_value(), safe="") if self.pgpassword else ""
        credentials = quote(self.pguser, safe="") + (f":{password}" if password else "")
        host = quote(self.pghost or "", safe="")
        return f"postgresql://{credentials}@{host}:{self.pgport}/{quote(self.pgdatabase)}?sslmode={self.pgsslmode}"


@cache
def settings() -> Settings:
    """Return the current settings. Call `settings.cache_clear()` after you change the environment.

    Raises ConfigurationError, which names the variable but never its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        found = [(str(e["loc"][0]).upper(), e["msg"]) for e in error.errors(include_input=False)]
        wrong = "; ".join(f"{name}: {message.removeprefix('Value error, ')}" for name, message in found)
        raise ConfigurationError(f"The environment has invalid settings: {wrong}", "Correct or unset it.") from None
