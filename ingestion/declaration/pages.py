"""Selectors and paginators of the shop's API, in dlt's terms."""

import re
from string import Formatter
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, model_validator

from ingestion.declaration.endpoint import STRICT, HeaderName
from ingestion.declaration.field_path import Path

ParameterName = Annotated[str, Field(min_length=1)]
BodyPath = Annotated[str, StringConstraints(pattern=r"^\w+(\.\w+)*$")]

# Steps joined by dots. No step begins or ends with a space: "Nr. 5" is one key.
NESTED = re.compile(r"[^.\s]([^.]*[^.\s])?(\.[^.\s]([^.]*[^.\s])?)+")
NUMBER = re.compile(r"-?\d+")


def path_of(key: object) -> Path:
    """Parse a path: "a.b.0" is three steps, a string without dots is one key, a list is taken unchanged.

    Raises ValueError for anything else, and for an empty path.
    """
    if isinstance(key, list) and key and all(type(step) in (str, int) for step in key):
        return tuple(key)
    if not isinstance(key, str) or not key:
        raise ValueError(f'{key!r} is not a path: use a key, keys and numbers joined by dots, or a list: ["a.b", 0]')
    steps = key.split(".") if NESTED.fullmatch(key) else [key]
    return tuple(int(step) if number and NUMBER.fullmatch(step) else step for number, step in enumerate(steps))


def _parse_selector(key: object) -> Path:
    path = path_of(key)
    if any(set("[]*'\"\\") & set(str(step)) for step in path):
        raise ValueError(
            f'{key!r} is not a selector: use keys and numbers joined by dots, or a list of them: ["a.b", 0]'
        )
    return path


def _parse_rows_selector(key: object) -> Path:
    return () if key == "$" else _parse_selector(key)


Written = str | list[str | int]  # as in the file
KeyPath = Annotated[Path, BeforeValidator(path_of, json_schema_input_type=Written)]
Selector = Annotated[Path, BeforeValidator(_parse_selector, json_schema_input_type=Written)]
RowsSelector = Annotated[Path, BeforeValidator(_parse_rows_selector, json_schema_input_type=Written)]


class SinglePage(BaseModel):
    """A day is a single page."""

    model_config = STRICT
    type: Literal["single_page"] = "single_page"


class JsonLink(BaseModel):
    """The body holds the next page's URL, or a list of links such as `[{"rel": "next", "href": "…"}]`."""

    model_config = STRICT
    type: Literal["json_link"]
    next_url_path: Selector


class HeaderLink(BaseModel):
    """The header `Link` holds the next page's URL, as `rel="next"`."""

    model_config = STRICT
    type: Literal["header_link"]
    links_next_key: Annotated[str, Field(min_length=1)] = "next"


class HeaderCursor(BaseModel):
    """A response header holds a value that the next request sends as a parameter."""

    model_config = STRICT
    type: Literal["header_cursor"]
    cursor_key: HeaderName
    cursor_param: ParameterName


class Cursor(BaseModel):
    """The body holds a value that the next request sends as a parameter or in its body.

    A flag at `has_more_path` (true or false) may end the day even if there is a value.
    """

    model_config = STRICT
    type: Literal["cursor"]
    cursor_path: Selector
    cursor_param: ParameterName | None = None
    cursor_body_path: BodyPath | None = None
    has_more_path: Selector | None = None

    @model_validator(mode="after")
    def _check_cursor_place(self) -> Self:
        if (self.cursor_param is None) == (self.cursor_body_path is None):
            raise ValueError("set exactly one of cursor_param and cursor_body_path")
        return self


class Offset(BaseModel):
    """Each request sends the number of rows read so far. The day ends at its total, or with an empty page.

    `offset_format` sends more than the bare number: "{offset},{page_size}".
    """

    model_config = STRICT
    type: Literal["offset"]
    offset_param: ParameterName = "offset"
    offset_format: str = "{offset}"
    offset_body_path: BodyPath | None = None
    has_more_path: Selector | None = None

    @model_validator(mode="after")
    def _check_offset_format(self) -> Self:
        named = {name for _, name, _, _ in Formatter().parse(self.offset_format) if name is not None}
        if not {"offset"} <= named <= {"offset", "page_size"}:
            raise ValueError(f'{self.offset_format!r} is not an offset_format such as "{{offset}},{{page_size}}"')
        return self


class PageNumber(BaseModel):
    """Each request sends the number of a page. The day ends at its total of rows, or with an empty page."""

    model_config = STRICT
    type: Literal["page_number"]
    page_param: ParameterName = "page"
    page_body_path: BodyPath | None = None
    base_page: Annotated[int, Field(ge=0, le=1)] = 1
    has_more_path: Selector | None = None


Paginator: TypeAlias = Annotated[
    SinglePage | JsonLink | HeaderLink | HeaderCursor | Cursor | Offset | PageNumber, Field(discriminator="type")
]
