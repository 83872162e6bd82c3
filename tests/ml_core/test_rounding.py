from hypothesis import given
from hypothesis import strategies as st

from ml_core.rounding import rounded_up


@given(st.integers(0, 10_000), st.integers(1, 500))
def test_it_is_the_least_multiple_that_is_not_below(value, multiple):
    found = rounded_up(value, multiple)
    assert found % multiple == 0
    assert value <= found < value + multiple
