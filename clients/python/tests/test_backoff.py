import pytest

from idv_gateway import Backoff


def test_the_bound_doubles_up_to_the_most_and_falls_back_after_progress() -> None:
    backoff = Backoff(first=1.0, most=5.0, fraction=lambda: 1.0)
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.next() == 1.0


def test_the_jitter_is_full_and_comes_on_top_of_what_was_asked_for() -> None:
    fractions = iter([0.0, 0.5, 0.25])
    backoff = Backoff(first=1.0, most=8.0, fraction=lambda: next(fractions))
    assert [backoff.next(), backoff.next(), backoff.next(at_least=30.0)] == [0.0, 1.0, 31.0]


def test_it_never_overflows() -> None:
    backoff = Backoff(most=10.0, fraction=lambda: 1.0)
    assert {backoff.next() for _ in range(5000)} >= {10.0}


@pytest.mark.parametrize(("first", "most"), [(0.0, 1.0), (2.0, 1.0), (-1.0, 1.0)])
def test_bounds_that_are_none_are_refused(first: float, most: float) -> None:
    with pytest.raises(ValueError, match="first must be"):
        Backoff(first=first, most=most)
