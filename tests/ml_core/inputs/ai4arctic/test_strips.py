import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml_core.inputs.ai4arctic.strips import Strips
from ml_core.raster.grid import Window


@given(st.integers(1, 1600), st.integers(1, 9), st.integers(1, 5), st.integers(1, 700))
def test_windows_cover_the_image_and_every_line_is_read_once(lines, samples, factor, height):
    image = np.arange(lines * samples).reshape(lines, samples)
    read = []

    def reduced(part):
        read.extend(range(part.start, part.stop))
        more = -(part.stop - part.start) % factor
        return {"first": np.pad(image[part], ((0, more), (0, 0)))[::factor, ::factor]}

    strips = Strips(image.shape, factor, reduced)
    whole = Window(0, 0, -(-lines // factor), -(-samples // factor))
    found = np.full((whole.height, whole.width), -1)
    for window in whole.blocks(height, 3):
        found[window.slices] = strips.read("first", window)
    assert np.array_equal(found, image[::factor, ::factor])
    assert read == list(range(lines))


def test_a_window_within_the_last_strip_is_cut_from_it():
    image = np.arange(60).reshape(6, 10)
    read = []

    def reduced(part):
        read.append(part)
        return {"all": image[part]}

    strips = Strips(image.shape, 1, reduced)
    strips.read("all", Window(1, 0, 4, 10))
    assert np.array_equal(strips.read("all", Window(2, 3, 2, 4)), image[2:4, 3:7])
    assert np.array_equal(strips.read("all", Window(0, 0, 1, 2)), image[:1, :2])
    assert read == [slice(1, 5), slice(0, 1)]
