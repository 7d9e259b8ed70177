"""docs/reliability.md: each fault has tests or a caveat, and the table matches the marks."""

from tests.faults.catalogue import AREAS, FAULTS
from tests.faults.table import PAGE, marked_tests, page


def test_the_page_has_the_current_table() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.faults.table"


def test_each_fault_has_tests_or_a_caveat() -> None:
    shown = {number for test in marked_tests() for number in test.faults}
    assert shown <= FAULTS.keys()
    assert {number for number, fault in FAULTS.items() if not fault.caveat} <= shown
    assert [number for numbers in AREAS.values() for number in numbers] == sorted(FAULTS)
