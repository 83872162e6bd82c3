import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_core.inputs.simulation.edge import ice_cover, step
from ml_core.inputs.simulation.leads import Leads, strip_share
from ml_core.inputs.simulation.spectral import Fields
from ml_core.raster.grid import Window

SIZE_M = (300e3, 200e3)


def fields(seed):
    return Fields(seed, SIZE_M, 5e3, 1000.0)


def inside_scene(made, field):
    x_m, y_m = made.positions(field)
    return (x_m >= 0) & (x_m <= SIZE_M[0]) & (y_m >= 0) & (y_m <= SIZE_M[1])


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.6, 1.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_asked_share_of_the_scene_lies_inside_the_edge(seed, fraction):
    made = fields(seed)
    cover = ice_cover(made, fraction, polynyas=0)
    scene = inside_scene(made, cover.inside)
    assert (cover.inside.nodes[scene] > 0).mean() == pytest.approx(fraction, abs=1e-3)
    compactness = cover.compactness.nodes
    assert compactness.min() >= 0
    assert compactness.max() <= 1
    if fraction == 0:
        assert compactness.max() == 0  # open water, wherever one looks


def test_polynyas_open_the_pack():
    compactness = [ice_cover(fields(3), 1.0, count).compactness.nodes for count in (0, 4)]
    opened = compactness[1] < 0.2
    assert not (compactness[0] < 0.2).any()
    assert opened.any()
    # where none is, the pack is as it was
    far = compactness[1] > 0.5
    assert np.isclose(compactness[0], compactness[1])[far].mean() > 0.9


@given(st.floats(-10, 10), st.floats(0.1, 10))
def test_a_step_rises_from_0_to_1_evenly_on_both_sides(low, width):
    values = np.linspace(low - width, low + 2 * width, 61)
    found = step(values, low, low + width)
    assert (np.diff(found) >= 0).all()
    assert found[0] == 0
    assert found[-1] == 1
    np.testing.assert_allclose(found + found[::-1], 1, atol=1e-5)


@given(st.floats(0, 300), st.floats(0, 200))
def test_the_share_of_a_strip_in_a_pixel_is_that_of_fine_samples(off_m, half_m):
    places = off_m + 100 * (np.arange(1000) + 0.5) / 1000 - 50
    expected = (np.abs(places) <= half_m).mean()
    found = strip_share(np.float32([[off_m]]), np.float32([[half_m]]), 100.0)
    assert found[0, 0] == pytest.approx(expected, abs=2e-3)


def test_leads_take_about_their_share_of_the_pack_and_no_share_takes_none():
    window = Window(0, 0, 400, 600)
    calm = np.zeros((400, 600), np.float32)
    taken = [Leads(fields(4), share).on(window, 500.0, calm)[0] for share in (0.0, 0.02, 0.06)]
    assert not taken[0].any()
    for lead, share in zip(taken[1:], (0.02, 0.06), strict=True):
        assert 0.3 * share < lead.mean() < 1.5 * share
        assert lead.max() == pytest.approx(1)
