"""The checker notices what it is there for."""

import pytest

from support.history import faults

JOURNAL = list("abcd")


@pytest.mark.parametrize(("handled", "kills"), [("abcd", 0), ("abbcd", 1), ("aabccdd", 3), ("abbbcd", 2)])
def test_the_journal_is_accepted_with_a_repeat_for_a_kill(handled: str, kills: int) -> None:
    assert faults(handled, JOURNAL, kills=kills) == []


@pytest.mark.parametrize(
    ("handled", "kills", "fault"),
    [
        ("acd", 1, "gap: 1 to 1 were not handled"),
        ("bcd", 0, "gap: 0 to 0 were not handled"),
        ("ab", 5, "gap: 2 to 3, the end, were not handled"),
        ("", 0, "gap: 0 to 3, the end, were not handled"),
        ("abcacd", 9, "order: 0 was handled after 2"),
        ("abbbcd", 1, "repeats: 2 with 1 kills"),
        ("abxcd", 0, "x is not in the journal"),
    ],
)
def test_anything_else_is_a_fault(handled: str, kills: int, fault: str) -> None:
    assert fault in faults(handled, JOURNAL, kills=kills)
