"""Where things stand in a page of the shop's API, and how pages follow each other, in dlt's own terms."""

import re
from string import Formatter
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, model_validator

from ingestion.declaration.endpoint import STRICT, HeaderName
from ingestion.declaration.field_path import Path

ParameterName = Annotated[str, Field(min_length=1)]
BodyPath = Annotated[str, StringConstraints(pattern=r"^\w+(\.\w+)*$")]

# Steps joined by dots, none of which begins or ends with a space: "Nr. 5" is one key.
NESTED = re.compile(r"[^.\s]([^.]*[^.\s])?(\.[^.\s]([^.]*[^.\s])?)+")
NUMBER = re.compile(r"-?\d+")


def path_of(key: object) -> Path:
    """The steps to a value: "a.b.0" goes into objects and lists, another text is one key, a list is taken as it is.

    Raises ValueError if it is neither, or empty.
    """
    if isinstance(key, list) and key and all(type(step) in (str, int) for step in key):
        return tuple(key)
    if not isinstance(key, str) or not key:
        raise ValueError(f'{key!r} is no path: it is a key, keys and numbers joined by dots, or a list: ["a.b", 0]')
    steps = key.split(".") if NESTED.fullmatch(key) else [key]
    return tuple(int(step) if number and NUMBER.fullmatch(step) else step for number, step in enumerate(steps))


def _selected(key: object) -> Path:
    path = path_of(key)
    if any(set("[]*'\"\\") & set(str(step)) for step in path):
        raise ValueError(
            f'{key!r} is no selector: it is keys and numbers joined by dots, or a list of them, ["a.b", 0]'
        )
    return path


def _selected_rows(key: object) -> Path:
    return () if key == "$" else _selected(key)


Written = str | list[str | int]  # as it stands in the file
KeyPath = Annotated[Path, BeforeValidator(path_of, json_schema_input_type=Written)]
Selector = Annotated[Path, BeforeValidator(_selected, json_schema_input_type=Written)]
RowsSelector = Annotated[Path, BeforeValidator(_selected_rows, json_schema_input_type=Written)]


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


class HeaderCursor(BaseModel):
    """A header holds a value that the next request repeats as a parameter."""

    model_config = STRICT
    type: Literal["header_cursor"]
    cursor_key: HeaderName
    cursor_param: ParameterName


class Cursor(BaseModel):
    """The body holds a value that the next request repeats, as a parameter or in its own body.

    A flag at `has_more_path`, true or false, may say that the day is over although there is a value.
    """

    model_config = STRICT
    type: Literal["cursor"]
    cursor_path: Selector
    cursor_param: ParameterName | None = None
    cursor_body_path: BodyPath | None = None
    has_more_path: Selector | None = None

    @model_validator(mode="after")
    def _stands_somewhere(self) -> Self:
        if (self.cursor_param is None) == (self.cursor_body_path is None):
            raise ValueError("one of cursor_param and cursor_body_path says where the next request has the cursor")
        return self


class Offset(BaseModel):
    """A request says how many rows it has seen. The day ends with their total, or with a page without rows.

    `offset_format` writes it otherwise than as the bare number: "{offset},{page_size}".
    """

    model_config = STRICT
    type: Literal["offset"]
    offset_param: ParameterName = "offset"
    offset_format: str = "{offset}"
    offset_body_path: BodyPath | None = None
    has_more_path: Selector | None = None

    @model_validator(mode="after")
    def _names_the_offset(self) -> Self:
        named = {name for _, name, _, _ in Formatter().parse(self.offset_format) if name is not None}
        if not {"offset"} <= named <= {"offset", "page_size"}:
            raise ValueError(f'{self.offset_format!r} is no offset_format, such as "{{offset}},{{page_size}}"')
        return self


class PageNumber(BaseModel):
    """A request says which page it wants. The day ends with the total of rows, or with a page without rows."""

    model_config = STRICT
    type: Literal["page_number"]
    page_param: ParameterName = "page"
    page_body_path: BodyPath | None = None
    base_page: Annotated[int, Field(ge=0, le=1)] = 1
    has_more_path: Selector | None = None


Paginator: TypeAlias = Annotated[
    SinglePage | JsonLink | HeaderLink | HeaderCursor | Cursor | Offset | PageNumber, Field(discriminator="type")
]
