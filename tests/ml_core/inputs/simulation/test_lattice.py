import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.inputs.simulation.lattice import octaves, uniform, white
from ml_core.raster.grid import Window


@settings(max_examples=25, deadline=None)
@given(
    row=st.integers(-300, 300),
    col=st.integers(-300, 300),
    inset=st.tuples(st.integers(0, 60), st.integers(0, 60)),
)
def test_windows_agree_where_they_overlap(row, col, inset):
    deviations = (0.2, 0.0, 0.5, 0.4)
    whole = Window(row, col, 150, 140)
    part = Window(row + inset[0], col + inset[1], 70, 65)
    place = (slice(inset[0], inset[0] + 70), slice(inset[1], inset[1] + 65))
    for make in (
        lambda window: white(3, 1, window),
        lambda window: uniform(3, 1, window),
        lambda window: octaves(3, 64, window, deviations),
    ):
        np.testing.assert_array_equal(make(whole)[place], make(part))


def test_noise_is_standard_normal_and_streams_differ():
    first = white(1, 0, Window(-500, -500, 1000, 1000))
    second = white(1, 1, Window(-500, -500, 1000, 1000))
    assert abs(first.mean()) < 0.005
    assert first.std() == pytest.approx(1.0, abs=0.005)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.005


@pytest.mark.parametrize("octave", [0, 1, 2, 4])
def test_each_octave_has_its_deviation_and_scale(octave):
    deviations = tuple(0.5 if k == octave else 0.0 for k in range(octave + 1))
    field = octaves(1, 0, Window(0, 0, 1500, 1500), deviations)
    assert field.std() == pytest.approx(0.5, rel=0.03)
    step = 2**octave
    near = np.corrcoef(field[:, :-step].ravel(), field[:, step:].ravel())[0, 1]
    far = np.corrcoef(field[:, : -4 * step].ravel(), field[:, 4 * step :].ravel())[0, 1]
    assert abs(far) < 0.03
    assert near > 0.3 if octave else abs(near) < 0.03
