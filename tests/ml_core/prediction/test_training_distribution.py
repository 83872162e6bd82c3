import json
import re

import numpy as np
import pytest

from ml_core.prediction.training_distribution import OutOfDistribution, TrainingDistribution
from ml_core.raster.grid import Window

CHANNELS = ("HH", "HV", "incidence_angle")


def pixels(seed, n=40_000, shift_db=0.0, angle=(20, 40)):
    rng = np.random.default_rng(seed)
    return np.column_stack(
        [
            rng.normal(-12 + shift_db, 2, n),
            rng.normal(-25 + shift_db, 2, n),
            rng.uniform(*angle, n),
        ]
    ).astype(np.float32)


def scene(*args, **kwargs):
    return pixels(*args, **kwargs).T.reshape(3, 200, 200)


def new(domain, values):
    valid = np.isfinite(values).all(axis=0)
    found, counts = domain.compare(values, CHANNELS, valid)
    assert counts.sum() == valid.sum()
    return found


def test_what_training_had_is_not_new():
    domain = TrainingDistribution.of(pixels(1), CHANNELS)
    assert new(domain, scene(2)).mean() < 0.01


@pytest.mark.parametrize("kwargs", [{"shift_db": 14.0}, {"angle": (43, 47)}])
def test_other_backscatter_and_other_angles_are_new(kwargs):
    domain = TrainingDistribution.of(pixels(1), CHANNELS)
    assert new(domain, scene(2, **kwargs)).mean() > 0.9


def test_an_angle_that_training_did_not_use_is_not_compared():
    domain = TrainingDistribution.of(pixels(1)[:, :2], CHANNELS[:2])
    assert domain.incidence_deg is None
    assert new(domain, scene(2, angle=(43, 47))).mean() < 0.01


def test_missing_pixels_are_neither_counted_nor_new():
    train = pixels(1)
    train[::2, 0] = np.nan
    domain = TrainingDistribution.of(train, CHANNELS)
    assert domain.counts.sum() == 20_000
    values = scene(2, shift_db=14.0)
    values[0, :50] = np.nan
    assert not new(domain, values)[:50].any()
    assert TrainingDistribution.of(np.full((5, 2), np.nan), CHANNELS[:2]) is None


def test_it_survives_a_model_card():
    domain = TrainingDistribution.of(pixels(1), CHANNELS)
    found = TrainingDistribution.from_dict(json.loads(json.dumps(domain.to_dict())))
    np.testing.assert_array_equal(found.counts, domain.counts)
    assert (found.median_db, found.incidence_deg) == (domain.median_db, domain.incidence_deg)
    assert TrainingDistribution.from_dict(None) is None
    assert TrainingDistribution.from_dict({"lowest_db": 0, "bins": 3}) is None


def novelty_of(values, footprint_px=40):
    novelty = OutOfDistribution(
        TrainingDistribution.of(pixels(1), CHANNELS), CHANNELS, values.shape[1:], footprint_px
    )
    for row in range(0, 200, 64):  # tiles with margins, beyond the scene too
        window = Window(row - 16, -16, 96, 232)
        part = np.full((3, 96, 232), np.nan, np.float32)
        inside = window.clipped(200, 200)
        place = np.s_[:, inside.row - row + 16 : inside.stop_row - row + 16, 16:216]
        part[place] = values[(slice(None), *inside.slices)]
        novelty.add(window, part, np.isfinite(part).all(axis=0))
    return novelty


def test_a_scene_like_the_training_raises_no_warning():
    novelty = novelty_of(scene(2))
    assert novelty.share < 0.01
    assert novelty.warning() == ""


def test_a_scene_unlike_the_training_is_warned_of_with_figures():
    text = novelty_of(scene(2, shift_db=14.0, angle=(30, 46))).warning()
    assert "% of the scene's pixels are unlike what the network was trained on" in text
    assert "HH median 2 dB here, -12 dB in training" in text
    assert "HV median -11 dB here, -25 dB in training" in text
    assert "incidence angle 30 to 46 deg here, 20 to 40 deg in training" in text


def test_the_map_shows_where_it_is_new():
    values = scene(2)
    values[:2, :, 100:] += 14
    share = novelty_of(values, footprint_px=16).share_map()
    assert share.shape == (100, 100)
    assert np.nanmax(share[:, :40]) < 0.1
    assert np.nanmin(share[:, 60:]) > 0.9


EXTRA = (*CHANNELS, "ice_age")


def with_extra(array, low, high, axis):
    shape = [*array.shape]
    shape[axis] = 1
    more = np.random.default_rng(7).uniform(low, high, shape).astype(np.float32)
    return np.concatenate([array, more], axis=axis)


@pytest.mark.parametrize(("low", "high", "share"), [(100, 300, 0), (310, 400, 1), (200, 400, 0.45)])
def test_an_extra_channel_is_compared_by_its_range(low, high, share):
    trained = TrainingDistribution.of(with_extra(pixels(1), 100, 300, 1), EXTRA)
    stored = TrainingDistribution.from_dict(json.loads(json.dumps(trained.to_dict())))
    assert stored.bounds() == trained.bounds()
    novelty = OutOfDistribution(stored, EXTRA, (200, 200), 40)
    values = with_extra(scene(2), low, high, 0)
    novelty.add(Window(0, 0, 200, 200), values, np.isfinite(values).all(axis=0))
    assert novelty.share == pytest.approx(share, abs=0.02)
    if share:
        here = r"ice_age ([\d.]+) to ([\d.]+) here, ([\d.]+) to ([\d.]+) in training"
        found = [float(text) for text in re.search(here, novelty.warning()).groups()]
        assert found == pytest.approx([low, high, 100, 300], abs=0.5)


def test_a_card_from_before_extra_channels_is_read():
    old = TrainingDistribution.of(pixels(1), CHANNELS).to_dict()
    del old["extra"]
    assert list(TrainingDistribution.from_dict(old).bounds()) == ["incidence_angle"]
