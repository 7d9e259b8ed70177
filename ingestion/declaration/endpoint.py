"""How a shop's API is spoken to, in dlt's own terms: who we are, and which day is meant."""

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
    """SHOP_API_TOKEN as `Authorization: Bearer …`; nothing where it is not set."""

    model_config = STRICT
    type: Literal["bearer"] = "bearer"


class ApiKeyAuth(BaseModel):
    """SHOP_API_TOKEN in a header, or in a parameter of the URL, of this name."""

    model_config = STRICT
    type: Literal["api_key"]
    name: HeaderName
    location: Literal["header", "query"] = "header"


class HttpBasicAuth(BaseModel):
    """SHOP_API_USER and SHOP_API_TOKEN as user and password; some shops want an empty password."""

    model_config = STRICT
    type: Literal["http_basic"]


class OAuth2Auth(BaseModel):
    """SHOP_API_USER and SHOP_API_TOKEN as a client's id and secret, for which `access_token_url` gives a token."""

    model_config = STRICT
    type: Literal["oauth2_client_credentials"]
    access_token_url: Url
    access_token_request_data: dict[str, str] = {}


Auth: TypeAlias = Annotated[BearerAuth | ApiKeyAuth | HttpBasicAuth | OAuth2Auth, Field(discriminator="type")]


class _Moment(datetime):
    """A moment that is written in ISO 8601 unless a format says otherwise; `%s` is its Unix time in seconds."""

    def __format__(self, spec: str) -> str:
        return super().__format__(spec.replace("%s", f"{self.timestamp():.0f}")) if spec else self.isoformat()


def moments(day: date, zone: str) -> Mapping[str, date]:
    """What a template may name: `day`, `next_day`; `start` and `end`, its first midnight and the next; a second before.

    `last_second` is the one before `end`, `second_before` the one before `start`, for shops that leave bounds out. Each
    of the four in UTC is `start_utc` and so on.
    """

    def midnight(of: date, earlier: timedelta = timedelta()) -> _Moment:
        # of the wall clock, as shops count: an hour that summer time takes or gives is not looked at
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


def filled(template: str, day: date, zone: str) -> str:
    """A template with the day's moments in it."""
    return template.format(**moments(day, zone))


def filled_body(body: Any, day: date, zone: str) -> Any:
    """A JSON body with the day's moments in its texts. One that names none may have braces of its own, as GraphQL has.

    Raises ValueError if a text that names a moment is no template.
    """
    if isinstance(body, dict):
        return {key: filled_body(part, day, zone) for key, part in body.items()}
    if isinstance(body, list):
        return [filled_body(part, day, zone) for part in body]
    return filled(checked_template(body), day, zone) if isinstance(body, str) and names_a_moment(body) else body


def names_a_moment(text: str) -> bool:
    """Whether a moment of the day is named somewhere in it."""
    return any(f"{{{name}" in text for name in moments(date(2024, 2, 29), "UTC"))


def checked_template(text: str) -> str:
    """A text with names of moments in braces, and formats for them: `{day}`, `{start:%d.%m.%Y}`, `{end:%s}`.

    Raises ValueError if it is none.
    """
    a_day = date(2024, 2, 29)
    try:
        named = [(name, spec or "") for _, name, spec, _ in Formatter().parse(text) if name is not None]
        if not (unknown := sorted({name for name, _ in named} - set(moments(a_day, "UTC")))):
            filled(text, a_day, "UTC")
    except ValueError as error:
        raise ValueError(f"{text!r} is no template: {error}") from None
    if unknown:
        known = ", ".join(moments(a_day, "UTC"))
        raise ValueError(f"{text!r} names {', '.join(map(repr, unknown))}; there are {known}")
    if any(name.endswith("day") and "%s" in spec for name, spec in named):
        raise ValueError(f"{text!r} wants the Unix time of a day: moments such as start and end have one")
    return text


Template = Annotated[str, AfterValidator(checked_template)]
