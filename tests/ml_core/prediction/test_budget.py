import itertools
import math

import pytest

from ml_core.prediction.budget import BLOCK_PX, cache_bytes, tile_shape
from ml_core.raster.tiles import tiles

GIB = 2**30


class Device:
    """What a runtime says of its needs."""

    def __init__(self, parallel=2, bytes_per_px=224.0, on_gpu=False):
        self.parallel, self.bytes_per_px, self.on_gpu = parallel, bytes_per_px, on_gpu
        self.fixed_bytes = 200 * 2**20


def core_of(budget_gib, runtime, shape=(10_000, 10_000)):
    return tile_shape(runtime, round(budget_gib * GIB), shape, 2, 96, 16)


def needed_bytes(budget_gib, runtime, core):
    padded = (core[0] + 2 * 96) * (core[1] + 2 * 96)
    tile = runtime.bytes_per_px + 4 * 9 + 4 * 8
    return runtime.fixed_bytes + cache_bytes(round(budget_gib * GIB)) + padded * tile


def computed_px(shape, core):
    return sum(tile.padded.height * tile.padded.width for tile in tiles(shape, core, 96, 16))


@pytest.mark.parametrize("budget_gib", [1, 1.5, 2, 4])
@pytest.mark.parametrize("shape", [(10_000, 10_000), (10_400, 9_984), (5_008, 16_000)])
def test_of_all_tiles_that_fit_the_budget_none_computes_less(budget_gib, shape):
    runtime = Device()
    core = core_of(budget_gib, runtime, shape)
    assert all(side % BLOCK_PX == 0 for side in core)
    assert needed_bytes(budget_gib, runtime, core) <= budget_gib * GIB
    sides = range(BLOCK_PX, 2560 + 1, BLOCK_PX)
    others = (
        other
        for other in itertools.product(sides, sides)
        if needed_bytes(budget_gib, runtime, other) <= budget_gib * GIB
    )
    assert computed_px(shape, core) == min(computed_px(shape, other) for other in others)


def test_the_budget_of_two_gib_gives_large_tiles_on_two_cores():
    assert math.prod(core_of(2, Device())) >= 1792**2


def test_tiles_are_as_large_for_a_small_scene_as_for_a_large_one():
    runtime = Device(parallel=1)
    assert {core_of(2, runtime, (side, side)) for side in (5_000, 10_000, 20_000)} == {(2048, 2560)}


def test_little_memory_gives_small_tiles_of_whole_cells():
    for side in core_of(0.5, Device(bytes_per_px=20_000)):
        assert 16 <= side < BLOCK_PX
        assert side % 16 == 0


def test_a_gpu_is_not_limited_by_main_memory():
    on_gpu = core_of(1, Device(bytes_per_px=1e6, on_gpu=True))
    assert math.prod(on_gpu) > math.prod(core_of(1, Device(bytes_per_px=1e6)))


def test_a_small_scene_has_a_tile_for_every_caller():
    # four tiles for two callers: 1250 px, down to whole blocks
    assert core_of(2, Device(), (2500, 2500)) == (1024, 1024)
