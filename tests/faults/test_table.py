"""The page on reliability tells the truth: each fault has its tests or says why not, and the table is their marks'."""

from tests.faults.catalogue import AREAS, FAULTS
from tests.faults.table import PAGE, marked_tests, page


def test_the_page_has_the_table_of_today() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.faults.table"


def test_each_fault_is_shown_or_says_why_not() -> None:
    shown = {number for test in marked_tests() for number in test.faults}
    assert shown <= FAULTS.keys()
    assert {number for number, fault in FAULTS.items() if not fault.caveat} <= shown
    assert [number for numbers in AREAS.values() for number in numbers] == sorted(FAULTS)
