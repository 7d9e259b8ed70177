"""How a shop's API is spoken to, in dlt's own terms: who we are, how pages follow each other, which day is meant."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from string import Formatter
from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)

Selector = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$")]
HeaderText = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]+$")]
ParameterName = Annotated[str, Field(min_length=1)]
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


class SinglePage(BaseModel):
    """A day is one page."""

    model_config = STRICT
    type: Literal["single_page"] = "single_page"


class JsonLink(BaseModel):
    """The body holds the next page's URL."""

    model_config = STRICT
    type: Literal["json_link"]
    next_url_path: Selector


class HeaderLink(BaseModel):
    """The header `Link` holds the next page's URL, as `rel="next"`."""

    model_config = STRICT
    type: Literal["header_link"]
    links_next_key: Annotated[str, Field(min_length=1)] = "next"


class Cursor(BaseModel):
    """The body holds a value that the next request repeats."""

    model_config = STRICT
    type: Literal["cursor"]
    cursor_path: Selector
    cursor_param: ParameterName


class Offset(BaseModel):
    """A request says how many rows it has seen. The day ends with their total, or with a page without rows."""

    model_config = STRICT
    type: Literal["offset"]
    offset_param: ParameterName = "offset"


class PageNumber(BaseModel):
    """A request says which page it wants. The day ends with the total of rows, or with a page without rows."""

    model_config = STRICT
    type: Literal["page_number"]
    page_param: ParameterName = "page"
    base_page: Annotated[int, Field(ge=0, le=1)] = 1


Auth: TypeAlias = Annotated[BearerAuth | ApiKeyAuth | HttpBasicAuth | OAuth2Auth, Field(discriminator="type")]
Paginator: TypeAlias = Annotated[
    SinglePage | JsonLink | HeaderLink | Cursor | Offset | PageNumber, Field(discriminator="type")
]


class _Moment(datetime):
    """A moment that is written in ISO 8601 unless a format says otherwise."""

    def __format__(self, spec: str) -> str:
        return super().__format__(spec) if spec else self.isoformat()


def moments(day: date, zone: str) -> Mapping[str, date]:
    """What a template may name: `day`, `next_day`; `start` and `end`, its first midnight and the next; a second before.

    `last_second` is the one before `end`, `second_before` the one before `start`, for shops that leave bounds out.
    """

    def midnight(of: date, earlier: timedelta = timedelta()) -> _Moment:
        # of the wall clock, as shops count: an hour that summer time takes or gives is not looked at
        at = datetime.combine(of, time()) - earlier
        return _Moment(*at.timetuple()[:6], tzinfo=ZoneInfo(zone))

    next_day, second = day + timedelta(days=1), timedelta(seconds=1)
    return {
        "day": day,
        "next_day": next_day,
        "start": midnight(day),
        "end": midnight(next_day),
        "last_second": midnight(next_day, second),
        "second_before": midnight(day, second),
    }


def filled(template: str, day: date, zone: str) -> str:
    """A template with the day's moments in it."""
    return template.format(**moments(day, zone))


def _template(text: str) -> str:
    """A text with names of moments in braces, and formats for them: `{day}`, `{start:%Y-%m-%dT%H:%M:%SZ}`."""
    a_day = date(2024, 2, 29)
    try:
        named = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
        if not (unknown := sorted(named - set(moments(a_day, "UTC")))):
            filled(text, a_day, "UTC")
    except ValueError as error:
        raise ValueError(f"{text!r} is no template: {error}") from None
    if unknown:
        known = ", ".join(moments(a_day, "UTC"))
        raise ValueError(f"{text!r} names {', '.join(map(repr, unknown))}; there are {known}")
    return text


Template = Annotated[str, AfterValidator(_template)]
