import pytest

from ml_core.prediction.budget import BLOCK_PX, cache_bytes, tile_size

GIB = 2**30


class Device:
    """What a runtime says of its needs."""

    def __init__(self, parallel=2, bytes_per_px=256.0, on_gpu=False):
        self.parallel, self.bytes_per_px, self.on_gpu = parallel, bytes_per_px, on_gpu
        self.fixed_bytes = 200 * 2**20


def size(budget_gib, runtime, side=10_000):
    return tile_size(runtime, round(budget_gib * GIB), (side, side), 2, 96, 16)


@pytest.mark.parametrize("budget_gib", [1, 1.5, 2, 4])
def test_a_tile_of_a_large_scene_fits_the_budget_and_fills_it(budget_gib):
    runtime = Device()
    core = size(budget_gib, runtime)
    assert core % BLOCK_PX == 0

    def needed(core):
        padded = (core + 2 * 96) ** 2
        tiles = runtime.bytes_per_px + 4 * 9 + 4 * 8
        return runtime.fixed_bytes + cache_bytes(round(budget_gib * GIB)) + padded * tiles

    assert needed(core) <= budget_gib * GIB
    assert core == 2048 or needed(core + BLOCK_PX) > budget_gib * GIB


def test_the_budget_of_two_gib_gives_large_tiles_on_two_cores():
    assert size(2, Device()) >= 1792


def test_little_memory_gives_small_tiles_of_whole_cells():
    core = size(0.5, Device(bytes_per_px=20_000))
    assert 16 <= core < BLOCK_PX
    assert core % 16 == 0


def test_a_gpu_is_not_limited_by_main_memory():
    assert size(1, Device(bytes_per_px=1e6, on_gpu=True)) > size(1, Device(bytes_per_px=1e6))


def test_a_small_scene_has_a_tile_for_every_caller():
    # four tiles for two callers: 1250 px, down to whole blocks
    assert size(2, Device(), side=2500) == 1024
