"""Settings that several tools share, read once from the environment. dlt, dbt and Airflow own what is theirs alone."""

import os
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pipeline_errors import ConfigurationError

PROJECT_ROOT = Path(__file__).resolve().parent


class _SecretFiles(PydanticBaseSettingsSource):
    """A secret whose variable is unset may stand in a file that NAME_FILE names, as containers mount them."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str | None, str, bool]:
        path = os.environ.get(f"{field_name.upper()}_FILE", "")
        if field.annotation != SecretStr | None or not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip() or None, field_name, False
        except (OSError, UnicodeDecodeError) as error:
            cause = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ConfigurationError(
                f"{field_name.upper()}_FILE: {path} cannot be read: {cause}", "Correct or unset it."
            ) from None

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """The environment's variables under their standard names; see README for what each one means.

    Secrets are read from files as well: `PGPASSWORD_FILE` and the like, where the variable itself is unset.
    `pghost` or `redis_url` unset means that the embedded server is used: `local.servers` fills them in.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    shop_api_url: str | None = None
    shop_api_user: str | None = None  # user name or client id, where shop.toml's auth wants one
    shop_api_token: SecretStr | None = None
    shop_config: Path = PROJECT_ROOT / "ingestion" / "shop.toml"

    pghost: str | None = None
    pgport: Annotated[int, Field(ge=1, le=65535)] = 5432
    pguser: str = "postgres"
    pgpassword: SecretStr | None = None
    pgdatabase: str = "daybreak"
    pgsslmode: str = "prefer"

    redis_url: SecretStr | None = None

    spark_remote: SecretStr | None = None  # sc://host:15002: its parameters can hold a token
    spark_exchange: str | None = None  # folder or URL of fsspec that we and the engine reach

    alert_urls: SecretStr | None = None  # apprise URLs, separated by white space or commas
    metrics_url: SecretStr | None = None  # http(s)

    log_format: Literal["logfmt", "json"] = "logfmt"

    daybreak_home: Path = PROJECT_ROOT / ".daybreak"

    # A step that takes longer is given up. Much more than it usually takes: a first backfill is one build.
    step_timeout_minutes: Annotated[float, Field(gt=0, le=10_000)] = 60

    # Of a day's loads in raw, besides the admitted and the published one: so many of the newest, and no superseded one
    # for longer than so many days. The newest is what replay judges, and always stays.
    raw_loads_kept: Annotated[int, Field(ge=1)] = 2
    raw_superseded_days: Annotated[int, Field(ge=1)] = 90
    log_days_kept: Annotated[int, Field(ge=1)] = 30  # of the command line's log files, today's included

    first_day: date | None = None  # Airflow loads this day and each one after it; without it, from the coming night on

    # From so many orders to build at once on, Airflow takes high_volume_processing: where an engine came nearest to
    # Postgres alone (docs/scale.md). A night stays below it, a first backfill of years may not.
    high_volume_orders: Annotated[int, Field(ge=0)] = 2_000_000

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then files that it names."""
        return init_settings, env_settings, _SecretFiles(settings_cls)

    def postgres_uri(self) -> str:
        """Connection URI of the warehouse, password included: for drivers only, never for a message."""
        password = quote(self.pgpassword.get_secret_value(), safe="") if self.pgpassword else ""
        credentials = quote(self.pguser, safe="") + (f":{password}" if password else "")
        host = quote(self.pghost or "", safe="")
        return f"postgresql://{credentials}@{host}:{self.pgport}/{quote(self.pgdatabase)}?sslmode={self.pgsslmode}"


@cache
def settings() -> Settings:
    """The settings in force. Call `settings.cache_clear()` after a change of the environment.

    Raises ConfigurationError naming the variable, never its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(f"{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False))
        raise ConfigurationError(f"The environment is not usable: {wrong}", "Correct or unset it.") from None
