"""A page's rows as columns, the file, and its fingerprint."""

import csv
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.declaration.field_path import Constant, EachOf, FirstOf
from ingestion.landing import day_file
from ingestion.landing.day_file import MAX_UNDECLARED_NAMES, CsvFile, DayFile, columns_of
from ingestion.landing.page_columns import page_columns
from ingestion.values.json_text import Number, field_text, storable

FIELDS = ("id", "amount")
SOURCES = (("id",), ("amount",))
DAY = date(2024, 2, 29)
anything = st.text(st.characters(), max_size=5)
numbers = (st.integers() | st.floats()).map(lambda number: Number(str(number)))  # a literal, so ASCII
values = st.none() | st.booleans() | anything | numbers | st.lists(anything, max_size=2)
items = st.lists(st.dictionaries(st.sampled_from([*FIELDS, "note", "x"]), values, max_size=4) | values, max_size=12)


def write(path: Path, *pages: list[Any]) -> DayFile:
    with DayFile(path, "load-1", DAY, FIELDS, SOURCES) as file:
        for page in pages:
            file.write(page)
    return file


@given(items)
def test_every_declared_value_lands_as_its_text(rows: list[Any]) -> None:
    columns = page_columns(rows, FIELDS, SOURCES)
    for field, column in zip(FIELDS, columns.fields, strict=True):
        expected = [field_text(row.get(field)) if isinstance(row, dict) else None for row in rows]
        assert column.to_pylist() == [text if text is None else storable(text) for text in expected]
    for row, escaped in zip(rows, columns.escaped.to_pylist(), strict=True):
        texts = {field: field_text(row.get(field)) or "" for field in FIELDS} if isinstance(row, dict) else {}
        assert escaped == (",".join(field for field, text in texts.items() if storable(text) != text) or None)


@given(items)
def test_nothing_undeclared_is_lost(rows: list[Any]) -> None:
    extra = page_columns(rows, FIELDS, SOURCES).extra.to_pylist()
    for row, text in zip(rows, extra, strict=True):
        has_extra = not isinstance(row, dict) or bool(row.keys() - set(FIELDS))
        assert (text is not None) == has_extra


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "id"]), values | st.dictionaries(st.just("c"), values))))
def test_an_object_with_a_nested_field_goes_to_extra(rows: list[Any]) -> None:
    columns = page_columns(rows, ("id", "part", "item", "always"), (("id",), ("a", "c"), ("b", 1), Constant("paid")))
    for number, row in enumerate(rows):
        whole, listed = row.get("a"), row.get("b")
        part = whole.get("c") if isinstance(whole, dict) else None
        item = listed[1] if isinstance(listed, list) and len(listed) > 1 else None
        found = [column[number].as_py() for column in columns.fields]
        wanted = [field_text(value) for value in (row.get("id"), part, item, "paid")]
        assert found == [text if text is None else storable(text) for text in wanted]
        assert (columns.extra[number].as_py() is not None) == bool(row.keys() - {"id"})
    assert columns.undeclared == set()


def test_the_first_path_with_a_value_counts() -> None:
    customer = FirstOf((("customer", "id"), ("email",)), frozenset({"0"}))
    rows = [
        {"customer": {"id": Number("7")}, "email": "a@shop.example"},
        {"customer": {"id": Number("0")}, "email": "b@shop.example"},
        {"customer": {"id": " "}, "email": None},
        {"customer": None, "email": ""},
        {},
    ]
    columns = page_columns(rows, ("customer_id",), (customer,))
    assert columns.fields[0].to_pylist() == ["7", "b@shop.example", None, None, None]
    assert [text is not None for text in columns.extra.to_pylist()] == [True, True, True, True, False]
    assert columns.undeclared == set()


def test_lists_on_the_way_are_entered() -> None:
    refunds = EachOf(("payments", "captures", "refunds"))
    rows = [
        {"payments": [{"captures": [{"refunds": [{"id": "a"}, {"id": "b"}]}, {"refunds": []}]}, {"captures": None}]},
        {"payments": [{"captures": {"refunds": {"id": "c"}}}, "x", {}]},
        {"payments": []},
        {"payments": None},
        {},
    ]
    columns = page_columns(rows, ("refunds",), (refunds,))
    assert columns.fields[0].to_pylist() == ['[{"id":"a"},{"id":"b"}]', '[{"id":"c"}]', "[]", None, None]
    assert columns.undeclared == set()


def test_an_item_that_is_not_an_object_goes_to_extra() -> None:
    columns = page_columns([None, "x", [Number("1.0")], {}], FIELDS, SOURCES)
    assert columns.extra.to_pylist() == ["null", '"x"', "[1.0]", None]
    assert columns.fields[0].null_count == 4
    assert columns.undeclared == set()


def test_the_file_distinguishes_empty_text_from_null(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.csv", [{"id": "", "amount": Number("1.50")}], [{"id": None, "note": "n"}])
    assert file.last.path.read_text().splitlines() == [
        '"_load_id","_day","_row_number","id","amount","_extra","_escaped"',
        '"load-1",2024-02-29,1,"","1.50",,',
        '"load-1",2024-02-29,2,,,"{""note"":""n""}",',
    ]
    assert (file.row_count, file.undeclared_fields) == (2, ("note",))


@given(items, st.data())
def test_the_fingerprint_ignores_page_boundaries(tmp_path_factory: Any, rows: list[Any], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(rows)))
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    whole = write(path, rows)
    with whole.last.path.open(newline="") as lines:
        assert len(list(csv.reader(lines))) == len(rows) + 1
    assert write(path, rows[:cut], rows[cut:]).fingerprint() == whole.fingerprint()


def test_the_fingerprint_depends_on_everything_else(tmp_path: Path) -> None:
    days: list[list[Any]] = [
        [],
        [{"id": "a", "amount": "b"}],
        [{"id": "ab", "amount": ""}],
        [{"id": "ab"}],
        [{"id": "a"}, {"id": "b"}],
        [{"id": "b"}, {"id": "a"}],
        [{"id": "ab"}, {"id": ""}],
        [{"id": "ab"}, {}],
        [{"id": "ab", "note": None}],
        [{"id": "\0"}],
        [{"id": "\\u0000"}],
        [{"id": "a", "x": Number("1")}],
        [{"id": "a", "x": "1"}],
    ]
    assert len({write(tmp_path / "rows.csv", day).fingerprint() for day in days}) == len(days)


def test_a_number_and_its_text_have_the_same_fingerprint(tmp_path: Path) -> None:
    text, number = ([{"id": value}] for value in ("12.5", Number("12.5")))
    assert write(tmp_path / "a", text).fingerprint() == write(tmp_path / "b", number).fingerprint()


def test_the_number_of_undeclared_names_is_limited(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.csv", *([{f"f{page}_{row}": 1 for row in range(90)}] for page in range(9)))
    assert len(file.undeclared_fields) == MAX_UNDECLARED_NAMES


def test_columns_match_the_table() -> None:
    columns = columns_of(FIELDS)
    assert list(columns) == ["_load_id", "_day", "_row_number", "id", "amount", "_extra", "_escaped"]
    assert columns["_day"] == pa.date32()


def test_rows_after_a_full_file_go_to_the_next_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_file, "ROWS_OF_A_FILE", 3)
    full: list[tuple[CsvFile, list[str]]] = []

    def take(taken: CsvFile) -> None:
        full.append((taken, taken.path.read_text().splitlines()))  # the whole file is on disk

    with DayFile(tmp_path / "rows.csv", "load-1", DAY, FIELDS, SOURCES, take) as file:
        for page in ("ab", "cd", "", "efg", "h", ""):
            file.write([{"id": name} for name in page])
    written = [*full, (file.last, file.last.path.read_text().splitlines())]
    assert [one.row_count for one, _ in written] == [4, 3, 1]
    assert [line.split(",")[2:4] for _, lines in written for line in lines[1:]] == [
        [str(number), f'"{name}"'] for number, name in enumerate("abcdefgh", 1)
    ]
    assert len({one.path for one, _ in written}) == 3
    assert file.fingerprint() == write(tmp_path / "whole.csv", [{"id": name} for name in "abcdefgh"]).fingerprint()
