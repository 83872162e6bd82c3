import numpy as np
import pytest

from ml_core.inputs.sentinel1.noisepriors import NoisePrior
from ml_core.inputs.sentinel1.noiseremoval import ImageSource
from ml_core.inputs.sentinel1.noisescaling import NoiseBlocks, estimate
from ml_core.inputs.sentinel1.product import Product
from tests.builders.safe import MadeUp

COUNT, ACROSS, ROWS, LOOKS = 3, 60, 120, 800.0
BLOCK_PX = 25
LEVEL = np.array([3e-3, 1.2e-3, 0.7e-3])
PRIOR = NoisePrior(np.ones(3), np.zeros(3), (0.3, 1e-4), "none")


def annotated(pixel):
    """NESZ of three subswaths, a W across each as the antenna makes it, at image pixels."""
    width = ACROSS * BLOCK_PX
    subswath = np.clip(pixel // width, 0, COUNT - 1).astype(int)
    u = (pixel - subswath * width) / width
    return LEVEL[subswath] * (1 + 0.5 * np.cos(3 * np.pi * u) + 0.4 * (2 * u - 1) ** 2)


def blocks_of(surface, scale, offset=(0, 0, 0), shift=(0, 0, 0), seed=0):
    """Blocks of a surface (rows, blocks) under noise of another size than annotated."""
    pixel = np.arange(COUNT * ACROSS * BLOCK_PX, dtype=float)
    of = np.repeat(np.arange(COUNT), ACROSS)
    first = np.repeat(np.arange(COUNT) * ACROSS * BLOCK_PX, ACROSS * BLOCK_PX)
    by_pixel = np.repeat(of, BLOCK_PX)
    moved = np.clip(pixel - np.asarray(shift)[by_pixel], first, first + ACROSS * BLOCK_PX - 1)

    def means(values):
        return np.tile(values.reshape(-1, BLOCK_PX).mean(axis=1), (ROWS, 1))

    true = np.asarray(scale)[by_pixel] * annotated(moved) + np.asarray(offset)[by_pixel]
    speckle = np.random.default_rng(seed).gamma(LOOKS, 1 / LOOKS, (ROWS, COUNT * ACROSS))
    return NoiseBlocks(
        (surface + means(true)) * speckle,
        means(annotated(pixel)),
        means(np.gradient(annotated(pixel).reshape(COUNT, -1), axis=1).ravel()),
        of,
        np.arange(COUNT * ACROSS) * BLOCK_PX + 12.0,
        1.0,
        40.0,
        LOOKS,
        40.0,
    )


@pytest.mark.parametrize("water_db", [-31, -34])
@pytest.mark.parametrize("scale", [(1.0, 1.0, 1.0), (1.48, 1.0, 1.06), (1.1, 1.5, 0.9)])
def test_scale_and_shift_are_found_over_water(water_db, scale):
    water = 10 ** (water_db / 10)
    shift = (0, 15, -12)
    blocks = blocks_of(water, scale, shift=shift)
    found = estimate(blocks, PRIOR)
    assert found.scale == pytest.approx(scale, abs=0.03)
    assert found.shift_px == pytest.approx(shift, abs=2.5)
    assert found.trust.min() > 0.9
    noise = found.scale[blocks.subswath] * blocks.nesz + found.offset[blocks.subswath]
    noise -= (found.scale * found.shift_px)[blocks.subswath] * blocks.slope
    left = (blocks.sigma0 - noise).mean(axis=0).reshape(COUNT, ACROSS).mean(axis=1)
    assert 10 * np.log10(left / water) == pytest.approx([0, 0, 0], abs=0.3)
    assert np.abs(found.jumps_db[1]).max() < 0.5
    if scale[0] > 1.4:
        assert found.jumps_db[0, 0] < -3


def test_offsets_are_found_from_the_borders():
    offset = np.array([1e-4, -0.5e-4, -0.5e-4])
    found = estimate(blocks_of(10**-3.2, (1.2, 1, 1), offset), PRIOR)
    assert found.offset == pytest.approx(offset, abs=2e-5)


def test_ice_of_any_texture_among_water_does_not_mislead():
    generator = np.random.default_rng(4)
    surface = np.full((ROWS, COUNT * ACROSS), 10**-3.1)
    patches = generator.random((ROWS // 10, COUNT * ACROSS // 10)) < 0.4
    ice = np.kron(patches, np.ones((10, 10)))
    surface = np.where(ice, 0.01 * generator.lognormal(0, 0.4, surface.shape), surface)
    found = estimate(blocks_of(surface, (1.48, 1.0, 1.06)), PRIOR)
    assert found.scale == pytest.approx((1.48, 1.0, 1.06), abs=0.1)


def test_a_scene_without_dark_parts_hardly_changes():
    prior = NoisePrior(np.full(3, 1.5), np.full(3, 1e-4), (0.2, 1e-4), "published")
    ice = np.random.default_rng(5).lognormal(np.log(0.02), 0.3, (ROWS, COUNT * ACROSS))
    blocks = blocks_of(ice, (1, 1, 1))
    found = estimate(blocks, prior)
    assert found.trust.max() < 0.9
    change = found.noise(blocks) - blocks.nesz
    assert 10 * np.log10(1 + np.abs(change / ice).mean()) < 0.2


def test_blocks_without_values_are_left_out():
    blocks = blocks_of(10**-3.2, (1.3, 1, 1))
    for values in (blocks.sigma0, blocks.nesz, blocks.slope):
        values[::2] = np.nan
        values[:, 10] = np.nan
    assert estimate(blocks, PRIOR).scale == pytest.approx((1.3, 1, 1), abs=0.05)


def test_an_image_smaller_than_a_block_says_nothing(tmp_path):
    source = ImageSource.read(Product(str(MadeUp(samples=60).write(tmp_path))), "HV")
    with source.open() as image:
        blocks = source.blocks(image, 80)
    found = estimate(blocks, NoisePrior(np.full(5, 1.5), np.zeros(5), (0.2, 1e-4), ""))
    assert (found.scale == 1).all()


def test_blocks_are_means_of_the_image_and_count_its_looks(tmp_path):
    """Speckle of 3 looks per pixel: 12 in the mean of 2 x 2, and more where a pixel straddles."""
    generator = np.random.default_rng(1)
    power = 1e4 * generator.gamma(3, 1 / 3, (640, 800))
    numbers = np.sqrt(power).round()
    numbers[:, 300:310] = 0
    product = MadeUp(lines=640, samples=800, digital_numbers={"HV": numbers}).write(tmp_path)
    source = ImageSource.read(Product(str(product)), "HV")
    with source.open() as image:
        blocks = source.blocks(image, 80)
    assert blocks.sigma0.shape == (10, 5 * 6)
    assert np.nanmean(blocks.sigma0) == pytest.approx(1e4 / 600**2, rel=0.02)
    assert np.nanmean(blocks.nesz) == pytest.approx(1e4 / 600**2)
    first = int(blocks.pixel[0] - 12)
    expected = (numbers[:16, first : first + 25] ** 2).mean() / 600**2
    assert blocks.sigma0[0, 0] == pytest.approx(expected, rel=1e-5)
    lost = np.isnan(blocks.sigma0).all(axis=0)
    assert blocks.pixel[lost] == pytest.approx([305], abs=25)
    assert blocks.pixel_looks == pytest.approx(12 / (5 / 6) ** 2, rel=0.08)
