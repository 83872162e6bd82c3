import gc
import threading
import time
import weakref

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from ml_core import networks
from ml_core.datasets.normalisation import Normalisation
from ml_core.errors import CancelledError, SeaIceError
from ml_core.events import Reporter
from ml_core.networks import NetworkConfig
from ml_core.networks.fully_convolutional import as_map
from ml_core.prediction.runtimes.base import DeviceMemoryError
from ml_core.prediction.runtimes.openvino_runtime import OpenVinoRuntime
from ml_core.prediction.runtimes.torch_runtime import TorchRuntime
from ml_core.prediction.scene_input import SceneInput
from ml_core.prediction.tiled import TiledScene
from ml_core.raster.grid import Grid, Window
from ml_core.raster.tiles import Tiling
from tests.builders.models import random_state, sea_ice

SMALL = NetworkConfig(filters=4, depth=2)
PLAIN = Normalisation.of((0.0, 0.0), (1.0, 1.0))


class Function:
    """A runtime that applies a function to each batch."""

    def __init__(self, function=lambda batch: batch[:, :1], parallel=1):
        self.function, self.parallel = function, parallel
        self.prepared = []
        self.shapes = []

    def prepare(self, shape):
        self.prepared.append(shape)

    def __call__(self, batch):
        self.shapes.append(batch.shape[1:])
        return self.function(batch)


def computed_px(runtime):
    return sum(height * width for _, height, width in runtime.shapes)


class ArraySource:
    """Channels and mask in memory; counts its reads."""

    def __init__(self, values, valid=None):
        self.values = values
        self.channels = tuple(str(n) for n in range(len(values)))
        self.grid = Grid(CRS.from_epsg(3413), Affine.scale(40, -40), *values.shape[1:])
        self.valid = np.isfinite(values).all(axis=0) if valid is None else valid
        self.reads = 0

    def read(self, window):
        self.reads += 1
        values = np.full((len(self.values), window.height, window.width), np.nan, np.float32)
        valid = np.zeros((window.height, window.width), bool)
        inside = window.clipped(*self.valid.shape)
        place = Window(
            inside.row - window.row, inside.col - window.col, inside.height, inside.width
        )
        values[(slice(None), *place.slices)] = self.values[(slice(None), *inside.slices)]
        valid[place.slices] = self.valid[inside.slices]
        return values, valid


def runtime_of(config, state, **more):
    return OpenVinoRuntime(
        as_map(networks.plan(config)), [state], precision="float32", threads=1, **more
    )


def input_of(source, normalisation=PLAIN):
    return SceneInput(source, source.channels, normalisation)


def whole_image(runtime, source, normalisation, multiple):
    """The network on the whole scene at once, mirrored up to its multiple."""
    height, width = source.valid.shape
    x = normalisation.apply_to_channels(*source.read(Window(0, 0, height, width)))
    beyond = [(0, -size % multiple) for size in (height, width)]
    x = np.pad(x, [(0, 0), *beyond], mode="symmetric")
    return runtime(x[None])[0][:, :height, :width]


def tiled(runtime, source, normalisation, tiling, emit=lambda event: None):
    output = np.full(source.valid.shape, np.nan, dtype=np.float32)
    written = np.zeros(output.shape, dtype=int)

    def write(predicted):
        output[predicted.window.slices] = np.where(
            predicted.valid, predicted.output[0], np.float32(np.nan)
        )
        written[predicted.window.slices] += 1

    with TiledScene(input_of(source, normalisation), runtime, tiling) as scene:
        scene.predict(write, Reporter(emit))
    assert written.max() <= 1
    assert not np.isfinite(output[written == 0]).any()
    return output


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        NetworkConfig("encoder_decoder", filters=4, depth=2),
        NetworkConfig("same_resolution_cnn", filters=4, depth=3),
        NetworkConfig("patch_cnn", filters=3, depth=1, output_stride=4),
    ],
    ids=lambda config: config.architecture,
)
@pytest.mark.parametrize("size", [64, 90, 1000])
def test_tiles_equal_the_whole_image_with_the_exact_overlap(config, size):
    generator = np.random.default_rng(1)
    values = generator.normal(size=(2, 203, 318)).astype(np.float32)
    values[:, 90:130, :250] = np.nan
    values[:, :, 300:] = np.nan
    source = ArraySource(values)
    shape = networks.geometry(config)
    runtime = runtime_of(config, random_state(config))
    expected = whole_image(runtime, source, PLAIN, shape.multiple)[0]
    tiling = Tiling.of_cores(size, shape.overlap_px, shape.multiple)
    found = tiled(runtime, source, PLAIN, tiling)
    assert np.array_equal(np.isfinite(found), source.valid)
    difference = np.abs(found - expected)[source.valid]
    assert difference.max() < 1e-4 * np.abs(expected).max()


def test_a_overlap_that_is_too_small_shows(trained):
    """The comparison above can fail."""
    config = NetworkConfig.from_dict(trained[0].network)
    source = ArraySource(np.random.default_rng(1).normal(size=(2, 256, 256)).astype(np.float32))
    runtime = runtime_of(config, trained[1])
    expected = whole_image(runtime, source, PLAIN, 16)[0]
    found = tiled(runtime, source, PLAIN, Tiling.of_cores(64, 0, 16))
    assert np.abs(found - expected).max() > 0.05


@pytest.mark.parametrize(
    ("name", "size"), [("openvino", 256), ("openvino", 512), ("openvino", 1024), ("torch", 512)]
)
def test_a_trained_network_shows_no_seams(trained, size, name):
    card, state = trained
    config = NetworkConfig.from_dict(card.network)
    source = ArraySource(sea_ice((1500, 1300), seed=3)[0])
    normalisation = Normalisation.of(card.mean, card.std)
    runtime = runtime_of(config, state)
    if name == "torch":
        runtime = TorchRuntime(config, [state], "cpu", precision="float32")
    overlap = networks.geometry(config).overlap_px
    assert overlap == 96
    expected = whole_image(runtime, source, normalisation, 16)[0]
    found = tiled(runtime, source, normalisation, Tiling.of_cores(size, overlap, 16))
    assert 100 * np.abs(np.clip(found, 0, 1) - np.clip(expected, 0, 1)).max() <= 0.01


def test_empty_tiles_are_read_but_not_computed_and_half_empty_ones_are_cropped():
    values = np.full((2, 512, 512), np.nan, dtype=np.float32)
    values[:, 10:60, 300:340] = 1
    source = ArraySource(values)
    runtime = Function()
    found = tiled(runtime, source, PLAIN, Tiling.of_cores(256, 16, 16))
    assert np.array_equal(np.isfinite(found), source.valid)
    assert runtime.shapes == [(2, 128, 128)]


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 400),
    st.integers(1, 400),
    st.floats(0, 3.2),
    st.floats(0.1, 0.8),
    st.sampled_from([(64, 16, 16), (200, 20, 8), (100, 0, 1)]),
)
def test_a_turned_scene_is_whole_and_its_empty_corners_are_left_out(h, w, angle, share, cut):
    """As those of a satellite are: the network's output is its input, so nothing may be missing."""
    y, x = np.mgrid[:h, :w]
    along = (y - h / 2) * np.cos(angle) + (x - w / 2) * np.sin(angle)
    across = (x - w / 2) * np.cos(angle) - (y - h / 2) * np.sin(angle)
    valid = (np.abs(along) < share * max(h, w)) & (np.abs(across) < share * min(h, w) / 2)
    values = np.where(valid, np.random.default_rng(0).random((2, h, w)), np.nan)
    source = ArraySource(values.astype(np.float32))
    runtime = Function()
    tiling = Tiling.of_cores(*cut)
    found = tiled(runtime, source, PLAIN, tiling)
    np.testing.assert_array_equal(found, np.where(valid, source.values[0], np.nan))
    every = [tile.padded for tile in tiling.tiles((h, w))]
    assert computed_px(runtime) <= sum(tile.height * tile.width for tile in every)


def test_the_empty_corners_of_a_turned_scene_are_not_computed():
    y, x = np.mgrid[:1024, :1024] - 512
    valid = np.abs(y) + np.abs(x) < 470
    source = ArraySource(np.where(valid, np.float32(1), np.float32(np.nan))[None].repeat(2, 0))
    runtime = Function()
    # two tiles to a side, each with an empty half: three of its quarters hold data
    tiling = Tiling((528, 528), 16, 16)
    found = tiled(runtime, source, PLAIN, tiling)
    assert np.array_equal(np.isfinite(found), valid)
    assert len(runtime.shapes) == 12
    assert computed_px(runtime) < 0.85 * 4 * 528**2


def test_what_tiles_took_is_free_once_all_are_written():
    source = ArraySource(np.ones((2, 128, 128), dtype=np.float32))
    memory = []
    with TiledScene(input_of(source), Function(), Tiling.of_cores(64, 0, 1)) as scene:
        scene.predict(
            lambda predicted: memory.append(weakref.ref(predicted.output)),
            Reporter(lambda event: None),
        )
        gc.collect()
        assert len(memory) == 4
        assert [reference() for reference in memory] == [None] * 4


class Limited:
    """A device with memory for so many pixels."""

    parallel = 1

    def __init__(self, runtime, most_px):
        self.runtime, self.most_px = runtime, most_px
        self.calls = 0

    def prepare(self, shape):
        pass

    def __call__(self, batch):
        self.calls += 1
        if batch.shape[2] * batch.shape[3] > self.most_px:
            raise DeviceMemoryError("no")
        return self.runtime(batch)


def test_too_little_memory_gives_smaller_tiles_and_the_same_output():
    config = SMALL
    source = ArraySource(np.random.default_rng(0).normal(size=(2, 300, 200)).astype(np.float32))
    shape = networks.geometry(config)
    runtime = runtime_of(config, random_state(config))
    tiling = Tiling.of_cores(256, shape.reach_px, shape.multiple)
    limited = Limited(runtime, 120 * 160)
    found = tiled(limited, source, PLAIN, tiling)
    expected = tiled(runtime, source, PLAIN, tiling)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert limited.calls > 4
    with pytest.raises(MemoryError, match="too little memory for"):
        tiled(Limited(runtime, 10), source, PLAIN, tiling)


def test_several_threads_give_what_one_gives():
    config = SMALL
    source = ArraySource(np.random.default_rng(0).normal(size=(2, 300, 300)).astype(np.float32))
    runtime = runtime_of(config, random_state(config))
    tiling = Tiling.of_cores(64, 48, 4)
    expected = tiled(runtime, source, PLAIN, tiling)
    runtime.parallel = 4
    assert np.array_equal(tiled(runtime, source, PLAIN, tiling), expected)


def running():
    return threading.active_count()


@pytest.mark.parametrize("stage", ["read", "compute", "write"])
def test_a_failure_in_any_stage_is_raised_and_ends_the_threads(stage):
    source = ArraySource(np.ones((2, 256, 256), dtype=np.float32))
    before = running()

    def fail(*_, **__):
        raise SeaIceError(f"{stage} failed")

    if stage == "read":
        source.read = fail
    runtime = Function(fail) if stage == "compute" else Function()
    runtime.parallel = 2
    with (
        pytest.raises(SeaIceError, match=f"{stage} failed"),
        TiledScene(input_of(source), runtime, Tiling.of_cores(32, 0, 1)) as scene,
    ):
        scene.predict(
            fail if stage == "write" else lambda predicted: None, Reporter(lambda event: None)
        )
    assert running() == before


def test_cancelling_stops_within_a_few_tiles_and_ends_the_threads():
    source = ArraySource(np.ones((2, 2048, 2048), dtype=np.float32))
    before = running()
    cancelled = threading.Event()

    def slow(batch):
        time.sleep(0.01)
        return batch[:, :1]

    def emit(event):
        if event.fraction > 0.02:
            cancelled.set()

    with (
        pytest.raises(CancelledError),
        TiledScene(input_of(source), Function(slow), Tiling.of_cores(32, 0, 1)) as scene,
    ):
        scene.predict(lambda predicted: None, Reporter(emit, cancelled.is_set))
    assert source.reads < 4096 * 0.02 + 20
    assert running() == before


def test_all_tiles_have_the_size_that_the_network_is_prepared_for():
    source = ArraySource(np.ones((2, 170, 195), dtype=np.float32))
    runtime = Function(parallel=2)
    output = tiled(runtime, source, PLAIN, Tiling.of_cores(32, 16, 16))
    np.testing.assert_array_equal(output, 1)
    assert runtime.prepared == [(1, 2, 64, 64)]
    assert runtime.shapes == [(2, 64, 64)] * 30


def test_the_first_tile_is_read_before_the_network_is_there_and_leaving_ends_the_thread():
    source = ArraySource(np.ones((2, 256, 256), dtype=np.float32))
    before = running()
    with TiledScene(input_of(source), Function(), Tiling.of_cores(64, 0, 1)) as scene:
        deadline = time.monotonic() + 10
        while not source.reads and time.monotonic() < deadline:
            time.sleep(0.001)
        assert source.reads
        assert scene.tile_shape == (2, 64, 64)
    assert running() == before
    assert source.reads <= 2


def test_few_tiles_are_in_memory_at_a_time():
    source = ArraySource(np.ones((2, 1024, 1024), dtype=np.float32))
    written = []

    def slow(predicted):
        time.sleep(0.002)
        written.append(source.reads - len(written))

    runtime = Function(parallel=2)
    with TiledScene(input_of(source), runtime, Tiling.of_cores(64, 0, 1)) as scene:
        scene.predict(slow, Reporter(lambda event: None))
    assert len(written) == 256
    assert max(written) <= 9
