from dataclasses import replace

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from ml_core.datasets.batch import Augmentation
from ml_core.datasets.block_split import draw_split
from ml_core.datasets.normalisation import moments, normalisation
from ml_core.datasets.sampler import ChipSampler, TrainingSampler
from ml_core.datasets.split import Split
from ml_core.datasets.weighting import weighting_of
from ml_core.errors import SeaIceError
from ml_core.training.tasks import Regression
from tests.builders.scenes import backscatter, data_of, ice

PLAIN = Augmentation(north_south=False, contrast=0)


def sampler(data, split, size=32, augmentation=PLAIN):
    return ChipSampler(
        data.array,
        data.cells,
        split,
        normalisation([moments(data.array, split)], data.channels),
        size,
        Regression().label,
        augmentation,
    )


@pytest.fixture(scope="module")
def numbered():
    """A scene whose HH is the pixel's number, with holes in HV and in the reference."""
    sic = ice((60, 80))
    pixels = backscatter(sic)
    pixels[0] = np.arange(sic.size).reshape(sic.shape)
    pixels[1, 10:14, 20:30] = np.nan
    sic[40:50, 5:9] = np.nan
    return data_of(sic, pixels)


def places(batch, scaling, width):
    """First row and column of each chip, from HH."""
    number = np.rint(batch.pixels[:, 0, 0, 0] * scaling.std[0] + scaling.mean[0]).astype(int)
    return np.divmod(number, width)


def test_a_chip_is_the_scene_at_its_place(numbered):
    split = draw_split(numbered.cells, 6.0, 0.2, np.random.default_rng(1))
    scaling = normalisation([moments(numbered.array, split)], numbered.channels)
    batch = sampler(numbered, split, 16).draw(50, np.random.default_rng(2))
    assert batch.pixels.shape == (50, 16, 16, 2)
    assert batch.pixels.dtype == batch.label.dtype == np.float32
    from ml_core.raster.grid import Window

    for i, (row, col) in enumerate(zip(*places(batch, scaling, 80))):
        window = Window(row, col, 16, 16)
        part = numbered.array[window.slices]
        valid = np.isfinite(part).all(-1) & split.training(window)
        assert np.array_equal(batch.valid[i], valid)
        assert batch.valid[i].any()
        assert np.allclose(batch.label[i][valid], part[..., -1][valid] / 100)
        expected = np.nan_to_num((part[..., :-1] - scaling.mean) / scaling.std)
        assert np.allclose(batch.pixels[i], expected)


def test_chips_are_spread_evenly_over_the_reference(numbered):
    split = Split.full(numbered.cells)
    drawn = np.zeros((60, 80))
    rng = np.random.default_rng(3)
    rows, cols = sampler(numbered, split, 16)._reference_pixels(60_000, rng)
    np.add.at(drawn, (rows, cols), 1)
    known = np.isfinite(numbered.array[..., -1])
    assert not drawn[~known].any()
    expected = 60_000 / known.sum()
    # chi-squared of a uniform draw: mean 1, standard deviation sqrt(2 / n)
    chi = ((drawn[known] - expected) ** 2 / expected).mean()
    assert abs(chi - 1) < 5 * np.sqrt(2 / known.sum())


@pytest.mark.parametrize("shape", [(40, 80), (40, 32), (90, 100)])
def test_a_place_is_drawn_by_the_reference_in_it(shape):
    sic = ice(shape)
    sic[5:20, 11:30] = np.nan
    data = data_of(sic, backscatter(ice(shape)))
    rows, cols = sampler(data, Split.full(data.cells), 32)._places(20_000, np.random.default_rng(4))
    held = sliding_window_view(np.isfinite(sic), (32, 32)).sum((2, 3))
    drawn = np.zeros(held.shape)
    np.add.at(drawn, (rows, cols), 1)
    expected = held * rows.size / held.sum()
    # chi-squared of independent draws: mean 1, standard deviation sqrt(2 / n)
    chi = ((drawn - expected) ** 2 / expected).mean()
    assert abs(chi - 1) < 5 * np.sqrt(2 / held.size) + 1 / held.size


def test_chips_are_drawn_where_all_of_the_reference_lies_in_a_corner():
    """A pixel there has one place in ten thousand of those in the middle."""
    sic = ice((400, 400))
    sic[2:, :] = np.nan
    sic[:, 2:] = np.nan
    data = data_of(sic, backscatter(ice((400, 400))))
    batch = sampler(data, Split.full(data.cells), 128).draw(50, np.random.default_rng(4))
    assert batch.valid.reshape(50, -1).any(axis=1).all()


def test_the_training_part_alone_normalises(numbered):
    split = draw_split(numbered.cells, 6.0, 0.2, np.random.default_rng(1))
    from ml_core.raster.grid import Window

    used = split.training(Window(0, 0, 60, 80)) & np.isfinite(numbered.array[..., -1])
    scaling = normalisation([moments(numbered.array, split)], numbered.channels)
    values = numbered.array[used][:, :-1].astype(float)
    assert np.allclose(scaling.mean, values.mean(0), rtol=1e-5)
    assert np.allclose(scaling.std, values.std(0), rtol=1e-5)


@pytest.mark.parametrize(
    ("choice", "has_angle", "count"),
    [
        ("none", False, 1),
        ("flips", False, 2),
        ("flips", True, 4),
        ("rotations", False, 8),
        ("rotations", True, 4),
    ],
)
def test_augmentation_gives_each_version_alike(choice, has_angle, count):
    sic = ice((32, 32))
    pixels = backscatter(sic)
    if has_angle:
        angle = np.linspace(20, 45, 32, dtype=np.float32)[None, None].repeat(32, 1)
        pixels = np.concatenate([pixels, angle])
    data = data_of(sic, pixels, 4)
    split = Split.full(data.cells)
    augmentation = replace(Augmentation.of(choice, has_angle=has_angle), contrast=0)
    chips = sampler(data, split, 32, augmentation)
    batch = chips.draw(400, np.random.default_rng(1))
    versions = {}
    for chip, label in zip(batch.pixels, batch.label):
        # a varied label goes with its varied pixels
        versions.setdefault(chip.tobytes(), set()).add(label.tobytes())
    assert len(versions) == count
    assert all(len(labels) == 1 for labels in versions.values())


def test_north_stays_north_of_south_in_a_mirrored_chip():
    sic = ice((32, 32))
    data = data_of(sic, backscatter(sic), 4)
    chips = sampler(data, Split.full(data.cells), 32, Augmentation.of("flips", has_angle=False))
    label = data.array[..., -1] / 100
    for chip in chips.draw(20, np.random.default_rng(1)).label:
        assert np.allclose(chip, label) or np.allclose(chip, label[::-1])


def test_contrast_changes_by_chip_and_polarisation_but_not_the_angle():
    sic = ice((32, 32))
    angle = np.linspace(20, 45, 32, dtype=np.float32)[None, None].repeat(32, 1)
    data = data_of(sic, np.concatenate([backscatter(sic), angle]), 4)
    varied = Augmentation(north_south=False, contrast=0.2)
    drawn = sampler(data, Split.full(data.cells), 32, varied).draw(300, np.random.default_rng(1))
    plain = sampler(data, Split.full(data.cells), 32).draw(1, np.random.default_rng(1)).pixels[0]
    assert np.array_equal(drawn.pixels[..., 2], plain[None, ..., 2].repeat(300, 0))
    factors = (drawn.pixels[..., :2] / plain[..., :2]).reshape(300, -1, 2)
    assert np.allclose(factors, factors[:, :1], rtol=1e-3)
    logs = np.log(factors[:, 0])
    assert np.abs(logs.mean(0)).max() < 0.04
    assert np.abs(logs.std(0) - 0.2).max() < 0.03
    assert abs(np.corrcoef(logs.T)[0, 1]) < 0.2


def test_no_augmentation_leaves_chips_as_they_are():
    sic = ice((32, 32))
    data = data_of(sic, backscatter(sic), 4)
    augmentation = Augmentation.of("none", has_angle=False)
    drawn = sampler(data, Split.full(data.cells), 32, augmentation).draw(
        20, np.random.default_rng(1)
    )
    assert (drawn.pixels == drawn.pixels[:1]).all()


def test_a_scene_smaller_than_a_chip_says_both_sizes(small_data):
    with pytest.raises(SeaIceError, match=r"96 x 128 px.*chip of 160 x 160 px.*Chip size"):
        sampler(small_data, Split.full(small_data.cells), 160)


def test_a_channel_without_variation_is_refused():
    sic = ice((64, 64))
    pixels = backscatter(sic)
    pixels[1] = -25.0
    data = data_of(sic, pixels)
    with pytest.raises(SeaIceError, match="HV has the value -25 everywhere"):
        normalisation([moments(data.array, Split.full(data.cells))], data.channels)


def weighted(scene, **changes):
    """A sampler of a scene whose uncertainty follows its HH, and its weighting."""
    hh = np.abs(scene.array[..., 0])
    scene = replace(
        scene, uncertainty_percent=(2 + 20 * hh / np.nanmax(hh)).astype(np.float16), **changes
    )
    full = Split.full(scene.cells)
    weighting = weighting_of({"a": scene}, {"a": full}, 5.0)
    normal = normalisation([moments(scene.array, full)], scene.channels)
    label = Regression().label
    return (
        scene,
        weighting,
        normal,
        TrainingSampler(
            {"a": scene},
            {"a": full},
            normal,
            16,
            label,
            Augmentation(contrast=0),
            weighting=weighting,
        ),
    )


def test_weights_stay_with_their_pixels_in_mirrored_chips(small_data):
    scene, weighting, normal, sampled = weighted(small_data)
    batch = sampled.draw(40, np.random.default_rng(5))
    hh = np.abs(batch.pixels[..., 0] * normal.std[0] + normal.mean[0])
    sigma = 2 + 20 * hh / np.nanmax(np.abs(scene.array[..., 0]))
    np.testing.assert_allclose(
        batch.weight[batch.valid], weighting.of(sigma)[batch.valid], rtol=5e-3
    )


def test_scenes_without_an_uncertainty_weigh_1(small_data):
    scene, weighting, normal, _ = weighted(small_data)
    scenes = {"a": scene, "b": small_data}
    splits = dict.fromkeys(scenes, Split.full(small_data.cells))
    sampled = TrainingSampler(scenes, splits, normal, 16, Regression().label, weighting=weighting)
    weight = sampled.draw(200, np.random.default_rng(6)).weight
    assert weight.shape == (200, 16, 16)
    ones = (weight == 1).all(axis=(1, 2)).sum()
    assert 70 < ones < 130
    plain = TrainingSampler(scenes, splits, normal, 16, Regression().label)
    assert plain.draw(4, np.random.default_rng(6)).weight is None
