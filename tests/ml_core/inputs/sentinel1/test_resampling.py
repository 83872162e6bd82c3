import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_core.inputs.sentinel1.resampling import RunningBox, block_sums, looks


@given(st.floats(1, 5000), st.sampled_from([3.5, 10.0, 25.0, 40.0]))
def test_looks_span_the_resolution(resolution, spacing):
    block, box = looks(resolution, spacing)
    wanted = max(1, round(resolution / spacing))
    assert abs(block * box - wanted) <= 0.1 * wanted
    assert box >= 2 or wanted == 1


def test_looks_of_the_usual_products():
    assert looks(80, 40) == (1, 2)
    assert looks(80, 10) == (4, 2)
    assert looks(40, 40) == (1, 1)
    assert looks(10, 40) == (1, 1)


def area_mean(image, line, pixel, size):
    """The mean over a square of an image of constant pixels, by adding up fine samples."""
    steps = (np.arange(400) + 0.5) / 400 - 0.5
    rows = np.floor(line + size * steps + 0.5).astype(int)
    cols = np.floor(pixel + size * steps + 0.5).astype(int)
    return image[np.ix_(rows, cols)].mean()


@pytest.mark.parametrize(("block", "box"), [(1, 2), (1, 3), (1, 1)])
def test_a_sample_is_the_exact_mean_over_the_map_pixel(block, box):
    generator = np.random.default_rng(0)
    image = generator.random((60, 50)).astype(np.float32)
    running = filled(image[..., None], (block, block), (box, box))
    for line, pixel in ((20.0, 20.0), (31.5, 11.25), (40.3, 40.8), (25.75, 33.0)):
        mean = running.sample(np.array([line]), np.array([pixel]))[0, 0] / box**2
        assert mean == pytest.approx(area_mean(image, line, pixel, box), abs=0.005)


@pytest.mark.parametrize(("block", "box"), [(4, 2), (5, 3), (1, 2)])
def test_a_slope_keeps_its_place(block, box):
    rows, cols = np.mgrid[:100, :120].astype(np.float32)
    image = np.stack([rows, cols, np.ones_like(rows)], -1)
    running = filled(image, (block, block), (box, box), strip=4 * block)
    line, pixel = np.array([40.0, 51.3, 33.9]), np.array([60.0, 22.2, 80.7])
    sums = running.sample(line, pixel)
    assert sums[:, 2] == pytest.approx((block * box) ** 2)
    assert sums[:, 0] / sums[:, 2] == pytest.approx(line, abs=1e-4)
    assert sums[:, 1] / sums[:, 2] == pytest.approx(pixel, abs=1e-4)


def filled(image, block, box, strip=16):
    running = RunningBox(-(-image.shape[1] // block[1]), image.shape[2], block, box)
    for start in range(0, image.shape[0], strip):
        running.append(block_sums(image[start : start + strip], block))
    running.finish()
    return running


def test_the_image_ends_where_it_ends():
    image = np.ones((10, 12, 1), np.float32)
    running = filled(image, (1, 1), (2, 2))
    lines = np.array([5.0, -0.5, -1.5, 9.5, 10.5, 5.0, 5.0, -50.0, 1e6])
    pixels = np.array([5.0, 5.0, 5.0, 5.0, 5.0, -0.5, 12.5, 5.0, 5.0])
    expected = [4, 2, 0, 2, 0, 2, 0, 0, 0]
    assert running.sample(lines, pixels)[:, 0] == pytest.approx(expected)


def test_rows_may_be_dropped_and_come_in_any_portions():
    generator = np.random.default_rng(1)
    image = generator.random((300, 40, 2)).astype(np.float32)
    whole = filled(image, (1, 1), (3, 2), strip=300)
    running = RunningBox(40, 2, (1, 1), (3, 2))
    start = 0
    pixel = generator.uniform(-2, 41, 50)
    for portion in (1, 2, 50, 7, 100, 3, 137):
        running.append(image[start : start + portion])
        start += portion
        low = max(start - 60, -3)
        running.drop(low - 3)
        assert running.stop_line <= start
        line = generator.uniform(low, running.stop_line, 50)
        assert running.sample(line, pixel) == pytest.approx(whole.sample(line, pixel), abs=1e-6)
    assert running._rows.shape[0] < 400


def test_block_sums_add_up_whole_and_partial_blocks():
    values = np.arange(5 * 7, dtype=np.float32).reshape(5, 7, 1)
    sums = block_sums(values, (2, 3))
    assert sums.shape == (3, 3, 1)
    assert sums.sum() == values.sum()
    assert sums[0, 0, 0] == values[:2, :3].sum()
    assert sums[2, 2, 0] == values[4, 6]
