import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from ml_core import networks
from ml_core.datasets.normalisation import Normalisation
from ml_core.errors import SeaIceError
from ml_core.events import Reporter
from ml_core.jobs import PredictJob, RasterSource
from ml_core.networks import NetworkConfig
from ml_core.prediction.scene_input import SceneInput, check_scene, with_channels_of
from ml_core.raster.grid import Grid, Window
from ml_core.raster.scene import Scene
from tests.builders.models import card_of
from tests.builders.rasters import sigma0_db

WINDOW = Window(0, 0, 4, 5)


class Layers:
    """Three channels in memory, each with its number; an edge pixel beyond the grid is NaN."""

    channels = ("HH", "HV", "incidence_angle")
    grid = Grid(CRS.from_epsg(3413), Affine.scale(40, -40), 4, 5)

    def read(self, window):
        inside = window.clipped(4, 5)
        values = np.full((3, window.height, window.width), np.nan, np.float32)
        rows, cols = np.mgrid[: inside.height, : inside.width]
        values[:, : inside.height, : inside.width] = (
            np.arange(3)[:, None, None] * 100 + rows * 10 + cols
        )
        return values, np.isfinite(values[0])


def test_channels_come_normalised_in_the_networks_order():
    seen = []
    normalisation = Normalisation.of((100.0, 10.0), (4.0, 2.0))
    scene = SceneInput(
        Layers(),
        ("incidence_angle", "HH"),
        normalisation,
        lambda window, values, valid: seen.append((window, values.copy(), valid)),
    )
    x, valid = scene.read(WINDOW)
    assert valid.all()
    np.testing.assert_allclose(x[:, 0, 0], [(200 - 100) / 4, (0 - 10) / 2])
    ((window, values, _),) = seen
    assert window == WINDOW
    np.testing.assert_array_equal(values[:, 0, 0], [200, 0])


def test_beyond_its_end_a_scene_is_mirrored():
    plain = Normalisation.of((0.0,), (1.0,))
    x, valid = SceneInput(Layers(), ("HH",), plain).read(Window(0, 0, 8, 8))
    inside = Layers().read(WINDOW)[0][:1]
    np.testing.assert_array_equal(x, np.pad(inside, [(0, 0), (0, 4), (0, 3)], mode="symmetric"))
    assert valid.sum() == 20


@pytest.mark.parametrize(("in_channels", "given"), [(2, True), (2, False), (3, True)])
def test_the_incidence_angle_is_used_only_by_a_network_that_was_trained_with_it(
    recorder, in_channels, given
):
    job = PredictJob(
        hh=RasterSource("hh.tif"),
        hv=RasterSource("hv.tif"),
        incidence=RasterSource("angle.tif") if given else None,
        model="net.safetensors",
        output="sic.tif",
    )
    card = card_of(NetworkConfig(in_channels=in_channels))
    found = with_channels_of(job, card, Reporter(recorder))
    assert (found.incidence is not None) == (in_channels == 3)
    dropped = given and in_channels == 2
    assert ("the incidence angle is not used" in " ".join(recorder.texts())) == dropped


def test_a_missing_incidence_angle_is_asked_for(recorder):
    job = PredictJob(
        hh=RasterSource("hh.tif"), hv=RasterSource("hv.tif"), model="net", output="sic.tif"
    )
    with pytest.raises(SeaIceError, match="net was trained with HH, HV, incidence_angle; give"):
        with_channels_of(job, card_of(NetworkConfig(in_channels=3)), Reporter(recorder))


def test_a_scene_is_to_be_large_and_fine_enough(raster, recorder):
    hh, hv = (raster(f"{name}.tif", sigma0_db((12, 30))) for name in ("hh", "hv"))
    job = PredictJob(hh=hh, hv=hv, model="net", output="sic.tif")
    small, coarse = NetworkConfig(depth=4), NetworkConfig(depth=1)
    with Scene.open(job, 0) as scene:
        with pytest.raises(SeaIceError, match=r"12 x 30 px; the network needs at least 16"):
            check_scene(scene, card_of(small), "net", networks.geometry(small), Reporter(recorder))
        assert recorder.texts() == []
        card = card_of(coarse, resolution_m=20.0)
        check_scene(scene, card, "net", networks.geometry(coarse), Reporter(recorder))
        angle = card_of(NetworkConfig(in_channels=3))
        with pytest.raises(SeaIceError, match="holds HH, HV, but net was trained with HH, HV, inc"):
            check_scene(scene, angle, "net", networks.geometry(coarse), Reporter(recorder))
    assert "has pixels of 40 m, the network was trained at 20 m" in recorder.texts("warning")[0]
