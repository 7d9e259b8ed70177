"""JSON numbers keep their spelling."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.values.json_text import Number, field_text, json_text, parse_json, storable

anything = st.text(st.characters())  # lone surrogates included
scalars = st.none() | st.booleans() | anything
numbers = st.sampled_from(["0", "-0", "1.50", "1e400", "1E+2", "123456789012345678901234567890", "0.10"]).map(Number)
values = st.recursive(
    scalars | numbers, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(anything, inner, max_size=4)
)


@pytest.mark.parametrize("literal", ["1.50", "1e400", "-0", "12345678901234567890", "NaN", "-Infinity", "true", "null"])
def test_a_literal_keeps_its_spelling(literal: str) -> None:
    assert json_text(parse_json(literal.encode())) == literal


def test_a_number_differs_from_a_string_and_keys_are_sorted() -> None:
    assert json_text(parse_json(b'{ "b": 1.50, "a": ["1.50", {"z": 1, "y": 2}] }')) == (
        '{"a":["1.50",{"y":2,"z":1}],"b":1.50}'
    )


@given(values)
def test_json_text_parses_to_the_same_value(value: Any) -> None:
    text = json_text(value)
    assert parse_json(text.encode()) == value  # so the text is valid UTF-8
    assert "\0" not in text


@given(anything)
def test_strings_agree_with_the_standard_library(text: str) -> None:
    assert json.loads(json_text(text)) == text


@given(anything)
def test_storable_text_can_be_stored(text: str) -> None:
    held = storable(text)
    held.encode()
    assert "\0" not in held
    assert (held == text) == ("\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        ("12.5", "12.5"),
        (Number("12.5"), "12.5"),
        (True, "true"),
        (None, None),
        ([Number("1.0"), "x"], '[1.0,"x"]'),
    ],
)
def test_a_declared_value_is_its_text(value: Any, text: str | None) -> None:
    assert field_text(value) == text
