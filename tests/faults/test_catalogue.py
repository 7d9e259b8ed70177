"""Each fault of the catalogue has its tests, or says why not."""

from docs.generator.faults import marked_tests
from tests.faults.catalogue import AREAS, FAULTS


def test_each_fault_has_tests_or_a_caveat() -> None:
    shown = {number for test in marked_tests() for number in test.faults}
    assert shown <= FAULTS.keys()
    assert {number for number, fault in FAULTS.items() if not fault.caveat} <= shown
    assert [number for numbers in AREAS.values() for number in numbers] == sorted(FAULTS)
