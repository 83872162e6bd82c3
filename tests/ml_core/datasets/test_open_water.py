import numpy as np
import pytest

from ml_core.datasets.open_water import TrainingWater, read_water
from ml_core.datasets.split import BUFFER, TEST, TRAINING
from ml_core.datasets.training_data import TrainingData
from ml_core.errors import SeaIceError
from ml_core.events import Reporter
from ml_core.raster.grid import Window
from tests.builders.scenes import PIXEL_M, backscatter, data_of, ice

FOOTPRINT_PX = 8.0


class Scene:
    """A scene in memory whose upper left corner has no backscatter."""

    channels = ("HH", "HV")
    notes: tuple[str, ...] = ()
    label = "calm.tif"

    def __init__(self, grid, acquisition=None):
        self.grid, self.acquisition = grid, acquisition or {}
        self.pixels = backscatter(np.zeros(grid.shape))
        self.pixels[:, :16, :16] = np.nan

    def read(self, window):
        values = self.pixels[(slice(None), *window.slices)]
        return values, np.isfinite(values).all(0)


@pytest.fixture
def others():
    sic = ice((96, 128))
    return TrainingData("HH and HV", {"edge": data_of(sic, backscatter(sic))}, {})


def read(scene, others, recorder, fraction=0.2, chip_px=24):
    return read_water(scene, others, chip_px, fraction, 1, Reporter(recorder))


def test_water_learns_that_it_is_water_wherever_it_has_backscatter(make_grid, others, recorder):
    scene = Scene(make_grid(120, 140))
    with read(scene, others, recorder) as water:
        sic = water.data.array[..., -1]
        assert np.isnan(sic[:16, :16]).all()
        assert np.count_nonzero(sic == 0) == 120 * 140 - 16 * 16
        seen = water.data.observations
        # two values along a footprint, as the cells of a radiometer's product
        assert len(seen) == pytest.approx((120 * 140 - 256) / (FOOTPRINT_PX / 2) ** 2, rel=0.02)
        assert not seen.percent.any()
        assert not seen.high.any()
        assert seen.footprint_px == FOOTPRINT_PX
        assert water.data.grid.resolution_m == PIXEL_M


def test_what_is_held_out_is_apart_from_what_trains(make_grid, others, recorder):
    with read(Scene(make_grid(120, 140)), others, recorder) as water:
        split = water.split
        assert split.blocks == ()  # it chooses no epoch
        assert split.test_blocks
        assert 0.1 < water.held_out_share < 0.3
        whole = Window(0, 0, 120, 140)
        held, trains = water.counted(whole), split.training(whole)
        assert not (held & trains).any()
        near = np.argwhere(held)[:, None] - np.argwhere(trains)[None, ::7]
        assert np.abs(near).max(-1).min() >= FOOTPRINT_PX
        assert (split.roles == BUFFER).any()
        assert held.sum() == split.counts["test"] + np.isnan(water.data.array[held][:, 0]).sum()
    (text,) = [text for text in recorder.texts() if text.startswith("Open water, calm.tif")]
    assert f"{100 * water.held_out_share:.0f} %, a band across the swath, is held out" in text


@pytest.mark.parametrize("axis", [0, 1])
def test_what_is_held_out_has_every_incidence_angle(make_grid, others, recorder, axis):
    """The range of a scene on a map may run along its rows or its columns."""
    scene = Scene(make_grid(120, 140))
    angle = np.broadcast_to(np.expand_dims(np.linspace(0, 10, (140, 120)[axis]), axis), (120, 140))
    scene.pixels[0] -= angle
    with read(scene, others, recorder) as water:
        held = water.split.testing(Window(0, 0, 120, 140))
        trains = water.split.training(Window(0, 0, 120, 140))
    for part in (held, trains):
        assert part.any(axis=axis).mean() > 0.9


def test_without_a_validation_fraction_all_of_it_trains_and_counts(make_grid, others, recorder):
    with read(Scene(make_grid(96, 100)), others, recorder, fraction=0) as water:
        assert water.held_out_share == 0
        assert water.counted(Window(0, 0, 5, 6)).all()
        assert (water.split.roles != TEST).all()


@pytest.mark.parametrize("shape", [(96, 128), (400, 500)])
def test_water_is_at_most_a_third_of_what_is_learned(make_grid, others, recorder, shape):
    """Whatever its size: a network that sees water alone learns nothing of ice."""
    with read(Scene(make_grid(*shape)), others, recorder) as water:
        most = 0.5 * 96 * 128
        assert 0 < water.split.counts["training"] < 1.1 * most
        scenes, splits = water.beside(others.scenes, others.split(1, 0.2).fits[0])
        assert list(scenes) == list(splits) == ["edge", "open water, calm.tif"]
        assert (splits["open water, calm.tif"].roles == TRAINING).any()


def test_a_scene_too_small_to_hold_a_block_out_is_refused(make_grid, recorder):
    sic = ice((96, 128))
    others = TrainingData("", {"edge": data_of(sic, backscatter(sic), 20.0)}, {})
    scene = Scene(make_grid(28, 28))
    with (
        pytest.raises(SeaIceError, match=r"Open water, calm.tif: 28 px .* larger scene"),
        read(scene, others, recorder),
    ):
        pass


def test_water_with_other_noise_is_refused(make_grid, recorder):
    sic = ice((96, 128))
    data = data_of(sic, backscatter(sic))
    data.acquisition.update({"SEAICE_NOISE": "esa"})
    others = TrainingData("HH and HV", {"edge": data}, {})
    scene = Scene(make_grid(120, 140), {"SEAICE_NOISE": "none"})
    with (
        pytest.raises(SeaIceError, match="the thermal noise of HV was handled as none"),
        read(scene, others, recorder),
    ):
        pass


def test_the_part_that_trains_and_is_held_out_is_drawn_by_the_seed(make_grid, others, recorder):
    with read(Scene(make_grid(120, 140)), others, recorder) as water:
        drawn = [TrainingWater.drawn("w", water.data, 0.2, 1e6, seed) for seed in (1, 1, 2)]
    first, again, other = (one.split.test_blocks for one in drawn)
    assert first == again != other
