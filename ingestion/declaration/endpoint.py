"""Authentication and day templates of a shop's API, in dlt's terms."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from string import Formatter
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$")]
HeaderText = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]+$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]


class BearerAuth(BaseModel):
    """SHOP_API_TOKEN as `Authorization: Bearer …`. Without a token, no header is sent."""

    model_config = STRICT
    type: Literal["bearer"] = "bearer"


class ApiKeyAuth(BaseModel):
    """SHOP_API_TOKEN in the header or query parameter of this name."""

    model_config = STRICT
    type: Literal["api_key"]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$")]
    location: Literal["header", "query"] = "header"


class HttpBasicAuth(BaseModel):
    """SHOP_API_USER and SHOP_API_TOKEN as user and password. The password may be empty."""

    model_config = STRICT
    type: Literal["http_basic"]


class OAuth2Auth(BaseModel):
    """SHOP_API_USER and SHOP_API_TOKEN as client id and secret, exchanged for a token at `access_token_url`."""

    model_config = STRICT
    type: Literal["oauth2_client_credentials"]
    access_token_url: Url
    access_token_request_data: dict[str, str] = {}


Auth: TypeAlias = Annotated[BearerAuth | ApiKeyAuth | HttpBasicAuth | OAuth2Auth, Field(discriminator="type")]


class _Moment(datetime):
    """A timestamp that formats as ISO 8601 by default; `%s` is its Unix time in seconds."""

    def __format__(self, spec: str) -> str:
        return super().__format__(spec.replace("%s", f"{self.timestamp():.0f}")) if spec else self.isoformat()


def moments(day: date, zone: str) -> Mapping[str, date]:
    """Return the names that a template may use: `day`, `next_day`, and the midnights `start` and `end`.

    For APIs with exclusive or inclusive bounds, `last_second` is one second before `end`, and `second_before` is one
    second before `start`. The suffix `_utc`, as in `start_utc`, gives each of these four in UTC.
    """

    def midnight(of: date, earlier: timedelta = timedelta()) -> _Moment:
        # Subtract on the wall clock, as shops do, and ignore changes of summer time.
        at = datetime.combine(of, time()) - earlier
        return _Moment(*at.timetuple()[:6], tzinfo=ZoneInfo(zone))

    next_day, second = day + timedelta(days=1), timedelta(seconds=1)
    bounds = {
        "start": midnight(day),
        "end": midnight(next_day),
        "last_second": midnight(next_day, second),
        "second_before": midnight(day, second),
    }
    in_utc = {f"{name}_utc": moment.astimezone(UTC) for name, moment in bounds.items()}
    return {"day": day, "next_day": next_day, **bounds, **in_utc}


def fill(template: str, day: date, zone: str) -> str:
    """Fill a template with the day's timestamps."""
    return template.format(**moments(day, zone))


def fill_body(body: Any, day: date, zone: str) -> Any:
    """Fill the strings of a JSON body. A string without a timestamp name is kept, since GraphQL uses braces too.

    Raises ValueError if a string that names a timestamp is not a template.
    """
    if isinstance(body, dict):
        return {key: fill_body(part, day, zone) for key, part in body.items()}
    if isinstance(body, list):
        return [fill_body(part, day, zone) for part in body]
    return fill(check_template(body), day, zone) if isinstance(body, str) and names_moment(body) else body


def names_moment(text: str) -> bool:
    """Return whether the text names a timestamp of the day."""
    return any(f"{{{name}" in text for name in moments(date(2024, 2, 29), "UTC"))


def check_template(text: str) -> str:
    """Return the text if it is a template, such as `{day}`, `{start:%d.%m.%Y}` or `{end:%s}`; else raise ValueError."""
    a_day = date(2024, 2, 29)
    try:
        named = [(name, spec or "") for _, name, spec, _ in Formatter().parse(text) if name is not None]
        if not (unknown := sorted({name for name, _ in named} - set(moments(a_day, "UTC")))):
            fill(text, a_day, "UTC")
    except ValueError as error:
        raise ValueError(f"{text!r} is not a template: {error}") from None
    if unknown:
        known = ", ".join(moments(a_day, "UTC"))
        raise ValueError(f"{text!r} names {', '.join(map(repr, unknown))}; the known names are {known}")
    if any(name.endswith("day") and "%s" in spec for name, spec in named):
        raise ValueError(f"{text!r} asks for the Unix time of a date: use a timestamp such as start or end")
    return text


Template = Annotated[str, AfterValidator(check_template)]
