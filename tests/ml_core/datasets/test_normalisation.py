import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ml_core.datasets.normalisation import Moments, moments, normalisation
from ml_core.datasets.split import Split
from ml_core.errors import SeaIceError
from tests.builders.scenes import backscatter, data_of, ice

VALUES = st.integers(1, 40).flatmap(
    lambda n: arrays(np.float64, (n, 2), elements=st.floats(-60, 60))
)


def of(pixels):
    return Moments(len(pixels), pixels.mean(0), pixels.var(0))


@given(st.lists(VALUES, min_size=1, max_size=5))
def test_moments_of_parts_are_those_of_all(parts):
    joined = of(parts[0])
    for part in parts[1:]:
        joined = joined.joined(of(part))
    every = np.concatenate(parts)
    assert joined.count == len(every)
    np.testing.assert_allclose(joined.mean, every.mean(0), atol=1e-9)
    np.testing.assert_allclose(joined.variance, every.var(0), atol=1e-9)


def test_only_what_trains_and_has_a_reference_counts():
    sic = ice((60, 80))
    pixels = backscatter(sic)
    pixels[:, :10] = np.nan
    data = data_of(sic, pixels)
    found = moments(data.array, Split.full(data.cells))
    known = pixels[:, 10:].reshape(2, -1).astype(float)
    assert found.count == known.shape[1]
    np.testing.assert_allclose(found.mean, known.mean(1))
    np.testing.assert_allclose(found.variance, known.var(1))
    for split in (Split.held_out(data.cells), Split.unused(data.cells)):
        assert moments(data.array, split) is None
    with pytest.raises(SeaIceError, match="the training part has no pixel where HH, HV and"):
        normalisation([None, None], ("HH", "HV"))


def test_what_is_constant_in_every_scene_is_refused_and_named():
    scene, other = (Moments(9, np.array([-20.0, 30.0]), np.array([v, 0.0])) for v in (4.0, 2.0))
    with pytest.raises(SeaIceError, match="angle has the value 30 everywhere on the training part"):
        normalisation([scene, None, other], ("HH", "angle"))


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e7])
def test_a_channel_may_have_any_unit(unit):
    parts = [Moments(9, np.array([-20.0, 3 * unit]), np.array([4.0, (0.1 * unit) ** 2]))]
    found = normalisation(parts, ("HH", "extra"))
    assert found.std[1] == pytest.approx(0.1 * unit)
    with pytest.raises(SeaIceError, match="extra has the value"):
        normalisation([Moments(9, parts[0].mean, np.array([4.0, 0.0]))], ("HH", "extra"))
