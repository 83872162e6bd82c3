import itertools
import subprocess
import sys
import tempfile
import textwrap
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from ml_core.errors import SeaIceError
from ml_core.raster import writing
from ml_core.raster.grid import Grid, Window
from ml_core.raster.writing import BandInfo, RasterWriter, overview_factors
from tests.builders.rasters import ORIGIN, Affine

GRID = Grid(CRS.from_epsg(3413), Affine(40, 0, ORIGIN[0], 0, -40, ORIGIN[1]), 700, 1300)
SIC = BandInfo("Sea-ice concentration", "%")


def values(seed=0):
    return np.random.default_rng(seed).random(GRID.shape, dtype=np.float32) * 100


@pytest.mark.parametrize("compression", ["deflate", "zstd", "none"])
def test_what_is_written_by_windows_is_read_back(tmp_path, compression):
    path = str(tmp_path / "sic.tif")
    written = values()
    written[100:150, 20:600] = np.nan
    tags = {"SEAICE_MODEL": "net"}
    with RasterWriter(path, GRID, [SIC], tags=tags, compression=compression) as writer:
        for row in range(0, 700, 300):
            window = Window(row, 0, 300, 1300).clipped(*GRID.shape)
            writer.write(window, written[window.slices])
    with rasterio.open(path) as dataset:
        assert dataset.descriptions == ("Sea-ice concentration",)
        assert dataset.units == ("%",)
        assert dataset.nodata == -9999
        assert dataset.block_shapes == [(512, 512)]
        assert dataset.tags()["SEAICE_MODEL"] == "net"
        assert dataset.crs == GRID.crs
        assert dataset.transform == GRID.transform
        assert dataset.overviews(1) == [2, 4, 8]
        found = dataset.read(1)
    assert np.array_equal(found == -9999, np.isnan(written))
    valid = np.isfinite(written)
    assert np.array_equal(found[valid], written[valid])


def test_overviews_are_means_without_nodata(tmp_path):
    path = str(tmp_path / "sic.tif")
    written = values()
    written[:, ::2] = np.nan
    with RasterWriter(path, GRID, [SIC]) as writer:
        writer.write(GRID.window, written)
    with rasterio.open(path, overview_level=0) as dataset:
        found = dataset.read(1)
    expected = (written[0::2, 1::2] + written[1::2, 1::2]) / 2
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_overviews_of_numbers_are_nearest_pixels(tmp_path):
    path = str(tmp_path / "numbers.tif")
    written = np.random.default_rng(1).integers(1, 2**24, GRID.shape).astype(np.float32)
    with RasterWriter(path, GRID, [SIC], averaged=False) as writer:
        writer.write(GRID.window, written)
    with rasterio.open(path, overview_level=0) as dataset:
        assert np.isin(dataset.read(1), written).all()


def test_lerc_keeps_values_to_a_hundredth(tmp_path):
    path = str(tmp_path / "sic.tif")
    written = values()
    written[5] = np.nan
    with RasterWriter(path, GRID, [SIC], compression="lerc") as writer:
        writer.write(GRID.window, written)
    with rasterio.open(path) as dataset:
        found = dataset.read(1)
    assert (found[5] == -9999).all()
    assert np.nanmax(np.abs(np.where(found == -9999, np.nan, found) - written)) <= 0.0101


def test_bands_with_a_step_are_rounded_to_it_and_take_less_space(tmp_path):
    written = np.random.default_rng(0).normal(-20, 5, (2, 700, 1300)).astype(np.float32)
    written[:, 5] = np.nan
    sizes = []
    for number, steps in enumerate([(None, None), (2**-8, None), (2**-8, 2**-4)]):
        path = tmp_path / f"{number}.tif"
        bands = [BandInfo("sigma0", "dB", step) for step in steps]
        with RasterWriter(str(path), GRID, bands) as writer:
            writer.write(GRID.window, written)
        sizes.append(path.stat().st_size)
        with rasterio.open(path) as dataset:
            found = dataset.read()
        assert (found[:, 5] == -9999).all()
        for band, wanted, step in zip(found, written, steps, strict=True):
            off = np.delete(np.abs(band - wanted), 5, axis=0).max()
            if step is None:
                assert off == 0
            else:
                assert 0.45 * step < off <= 0.5 * step
                assert np.all(band % step == 0)
    assert sizes[1] < 0.9 * sizes[0]
    assert sizes[2] < 0.75 * sizes[0]


def test_several_bands_and_integers(tmp_path):
    path = str(tmp_path / "classes.tif")
    written = np.arange(2 * 700 * 1300).reshape(2, 700, 1300).astype(np.uint8)
    bands = [BandInfo("a"), BandInfo("b", "m")]
    with RasterWriter(path, GRID, bands, dtype="uint8", nodata=255) as writer:
        writer.write(GRID.window, written)
    with rasterio.open(path) as dataset:
        assert np.array_equal(dataset.read(), written)
        assert dataset.nodata == 255
    with rasterio.open(path, overview_level=0) as dataset:
        # classes are not averaged
        assert np.isin(dataset.read(1)[0, :3], written[0]).all()


class Recorded(RasterWriter):
    """Says which windows go to the file."""

    puts: list

    def _put(self, window, values):
        self.puts.append(window)
        super()._put(window, values)


def cut(draw, length, most):
    """Cuts of 0 to length."""
    inside = draw(st.lists(st.integers(1, length - 1), max_size=most, unique=True))
    return [0, *sorted(inside), length]


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_windows_may_begin_and_end_anywhere_and_blocks_are_written_once(data):
    height, width = data.draw(st.tuples(st.integers(2, 130), st.integers(2, 130)))
    grid = Grid(GRID.crs, GRID.transform, height, width)
    rows, cols = cut(data.draw, height, 5), cut(data.draw, width, 5)
    windows = [
        Window(top, left, bottom - top, right - left)
        for top, bottom in itertools.pairwise(rows)
        for left, right in itertools.pairwise(cols)
    ]
    in_order = data.draw(st.booleans())
    come = windows if in_order else data.draw(st.permutations(windows))
    if not in_order:
        come = come[: data.draw(st.integers(0, len(come)))]
    given_values = np.random.default_rng(0).random((2, height, width), np.float32)
    expected = np.full((2, height, width), -9999, np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "sic.tif"))
        with Recorded(path, grid, [SIC, SIC], block_px=16, overviews=False) as writer:
            writer.puts = []
            for window in come:
                place = (slice(None), *window.slices)
                expected[place] = given_values[place]
                writer.write(window, given_values[place])
        with rasterio.open(path) as dataset:
            assert np.array_equal(dataset.read(), expected)
    touched = np.zeros((height, width), int)
    for put in writer.puts:
        touched[put.slices] += 1
    # tiles come row by row, about
    if in_order:
        assert (touched == 1).all()
        assert all(
            put.row % 16 == put.col % 16 == 0
            and (put.height % 16 == 0 or put.stop_row == height)
            and (put.width % 16 == 0 or put.stop_col == width)
            for put in writer.puts
        )


def test_pixels_that_come_late_or_twice_are_kept(tmp_path):
    path = str(tmp_path / "sic.tif")
    grid = Grid(GRID.crs, GRID.transform, 64, 640)
    written = np.random.default_rng(0).random(grid.shape, np.float32)
    with RasterWriter(path, grid, [SIC], block_px=16, overviews=False) as writer:
        # more blocks wait for their lower half than may
        for top, bottom in ((0, 8), (24, 40), (8, 24), (40, 64)):
            for col in range(0, 640, 10):
                window = Window(top, col, bottom - top, 10)
                writer.write(window, written[window.slices])
        written[3:9, 5:300] = 7
        writer.write(Window(3, 5, 6, 295), written[3:9, 5:300])
    with rasterio.open(path) as dataset:
        assert np.array_equal(dataset.read(1), written)


def test_unwritten_blocks_are_nodata(tmp_path):
    path = str(tmp_path / "sic.tif")
    with RasterWriter(path, GRID, [SIC]) as writer:
        writer.write(Window(0, 0, 10, 10), np.ones((10, 10), dtype=np.float32))
    with rasterio.open(path) as dataset:
        found = dataset.read(1)
    assert (found == 1).sum() == 100
    assert (found == -9999).sum() == found.size - 100


@pytest.mark.parametrize("shape", [(5000, 3), (3, 5000), (2600, 1), (1100, 40)])
def test_narrow_rasters_are_whole(tmp_path, shape):
    grid = Grid(GRID.crs, GRID.transform, *shape)
    with RasterWriter(str(tmp_path / "sic.tif"), grid, [SIC]) as writer:
        writer.write(grid.window, np.ones(shape, np.float32))
    with rasterio.open(tmp_path / "sic.tif") as dataset:
        assert (dataset.read(1) == 1).all()
        assert len(dataset.overviews(1)) == len(overview_factors(*shape))


def test_bands_share_no_block(tmp_path):
    """A block of three bands is written three times, and the file keeps all copies."""
    path = tmp_path / "sic.tif"
    grid = Grid(GRID.crs, GRID.transform, 1536, 1024)
    noise = np.random.default_rng(1).random((3, *grid.shape), np.float32)
    with RasterWriter(str(path), grid, [SIC] * 3, overviews=False) as writer:
        for row in range(0, 1536, 512):
            window = Window(row, 0, 512, 1024)
            writer.write(window, noise[(slice(None), *window.slices)])
    assert path.stat().st_size < 1.02 * noise.nbytes
    with rasterio.open(path) as dataset:
        assert np.array_equal(dataset.read(), noise)


@pytest.mark.parametrize(("bands", "is_big"), [(2, False), (3, True)])
def test_a_file_that_may_pass_four_gib_is_a_big_tiff(tmp_path, bands, is_big):
    path = tmp_path / "sic.tif"
    grid = Grid(GRID.crs, GRID.transform, 10_000, 10_000)
    writer = RasterWriter(str(path), grid, [SIC] * bands)
    writer.write(Window(0, 0, 1, 1), np.ones((bands, 1, 1), np.float32))
    with pytest.raises(KeyboardInterrupt), writer:  # nothing is built of an unfinished file
        raise KeyboardInterrupt
    assert path.read_bytes()[:4] == (b"II+\0" if is_big else b"II*\0")


def test_overview_factors_end_near_256_px():
    assert overview_factors(200, 256) == []
    assert overview_factors(300, 10) == [2]
    assert overview_factors(10_000, 9_000) == [2, 4, 8, 16, 32, 64]


def test_a_full_disk_is_reported_at_once(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda _: usage(2**30, 2**30, 2**20))
    with (
        pytest.raises(SeaIceError, match=r"the disk is full \(1 MiB are free\); free some space"),
        RasterWriter(str(tmp_path / "sic.tif"), GRID, [SIC]) as writer,
    ):
        writer.write(GRID.window, values())


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("share", [0.0003, 0.5, 0.8, 0.97, 0.999])
def test_a_file_that_could_not_grow_is_an_error(tmp_path, share):
    """GDAL's threads lose write errors: wherever the limit strikes, it must be noticed."""
    path = tmp_path / "sic.tif"
    with RasterWriter(str(path), GRID, [SIC]) as writer:
        writer.write(GRID.window, values())
    limit = int(path.stat().st_size * share)
    script = f"""
        import resource, signal
        import numpy as np
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        from ml_core.errors import SeaIceError
        from tests.ml_core.raster.test_writing import GRID, SIC, values
        from ml_core.raster.writing import RasterWriter
        try:
            with RasterWriter({str(path)!r}, GRID, [SIC]) as writer:
                writer.write(GRID.window, values())
        except SeaIceError as error:
            print("told:", error)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert "told:" in result.stdout, result.stdout + result.stderr
    assert "sic.tif: cannot be written" in result.stdout
