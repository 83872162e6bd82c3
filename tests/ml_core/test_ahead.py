import threading

import pytest

from ml_core.ahead import computed_ahead


def test_results_come_in_the_order_of_the_items():
    with computed_ahead(lambda n: n * n, range(20), threads=3, ahead=5) as results:
        found = list(results)
    assert found == [n * n for n in range(20)]


def test_no_more_is_computed_than_may_wait():
    begun = []
    with computed_ahead(begun.append, range(100), ahead=2) as results:
        for used in range(1, 6):
            next(results)
            assert len(begun) <= used + 2
    assert len(begun) <= 7


def test_the_first_results_are_computed_before_any_is_asked_for():
    begun = threading.Event()
    with computed_ahead(lambda _: begun.set(), range(3)):
        assert begun.wait(10)


def test_an_error_reaches_the_caller_and_ends_the_threads():
    def fail(n):
        if n == 3:
            raise ValueError("the fourth")
        return n

    before = threading.active_count()
    with (
        pytest.raises(ValueError, match="the fourth"),
        computed_ahead(fail, range(100), threads=2, ahead=2) as results,
    ):
        list(results)
    assert threading.active_count() == before
