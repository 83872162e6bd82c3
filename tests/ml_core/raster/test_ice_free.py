import numpy as np

from ml_core.raster.grid import Window
from ml_core.raster.ice_free import IceFree
from ml_core.raster.polygon_bands import NO_POLYGON


def test_a_scene_without_ice_has_a_sic_of_0_everywhere_and_is_as_old_as_itself(make_grid):
    reference = IceFree({"SEAICE_START": "2024-03-01T06:00:00Z"})
    sic, valid = reference.on(make_grid(40, 50)).read(Window(3, 4, 5, 6))
    assert sic.shape == valid.shape == (5, 6)
    assert not sic.any()
    assert valid.all()
    assert np.isnan(reference.read_uncertainty(Window(3, 4, 5, 6))).all()
    assert (reference.read_polygons(Window(3, 4, 5, 6)).number == NO_POLYGON).all()
    assert reference.date == "2024-03-01T06:00:00Z"
    assert IceFree({}).date == ""
