import pytest

from ml_core.prediction.budget import cache_bytes, tiling_within
from ml_core.raster.tiles import padded_length

GIB = 2**30


class Device:
    """What a runtime says of its needs."""

    def __init__(self, parallel=1, bytes_per_px=190.0, on_gpu=False):
        self.parallel, self.bytes_per_px, self.on_gpu = parallel, bytes_per_px, on_gpu
        self.fixed_bytes = 200 * 2**20


def shape(budget_gib, runtime, scene=(10_000, 10_000)):
    return tiling_within(round(budget_gib * GIB), runtime, scene, 2, 96, 16).most


def pixels(scene, rows, cols):
    """Height and width of tiles, and the pixels of all of them."""
    height, width = padded_length(scene[0], rows, 96, 16), padded_length(scene[1], cols, 96, 16)
    return height, width, rows * height * cols * width


@pytest.mark.parametrize("budget_gib", [0.5, 1, 1.5, 2, 4])
@pytest.mark.parametrize("scene", [(10_000, 10_000), (10_400, 9_800), (13_000, 7_000)])
def test_a_tile_fits_the_budget_and_no_other_that_fits_computes_less(budget_gib, scene):
    runtime = Device()
    height, width = found = shape(budget_gib, runtime, scene)
    needed = runtime.bytes_per_px + 2 * 9 + 3 * 8
    cache = cache_bytes(round(budget_gib * GIB))
    most_px = min((budget_gib * GIB - runtime.fixed_bytes - cache) / needed, 2656**2)
    assert height * width <= most_px
    every = [pixels(scene, rows, cols) for rows in range(1, 60) for cols in range(1, 60)]
    ours = min(total for *size, total in every if tuple(size) == found)
    assert ours == min(total for *size, total in every if size[0] * size[1] <= most_px)


def test_memory_does_not_grow_with_the_scene():
    areas = [
        height * width
        for height, width in (shape(2, Device(), (side, side)) for side in (5000, 10_000, 20_000))
    ]
    assert min(areas) >= 6.4e6
    assert max(areas) <= 1.1 * min(areas)
    assert areas[2] <= areas[0]


def test_little_memory_gives_small_tiles_of_whole_cells():
    height, width = shape(0.5, Device(bytes_per_px=20_000))
    assert height * width < 512**2
    assert height % 16 == width % 16 == 0


def test_a_gpu_is_not_limited_by_main_memory():
    small, large = (shape(1, Device(bytes_per_px=1e6, on_gpu=gpu)) for gpu in (False, True))
    assert large[0] * large[1] > small[0] * small[1]


def test_a_small_scene_has_tiles_for_every_caller():
    # four tiles: (2500 + 2 * 96) / 2, up to whole cells
    assert shape(2, Device(), (2500, 2500)) == (1360, 1360)
    assert shape(2, Device(), (1, 1)) == (16, 16)
