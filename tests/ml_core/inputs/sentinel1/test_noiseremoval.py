import re

import numpy as np
import pytest

from ml_core.errors import SeaIceError
from ml_core.events import Reporter
from ml_core.inputs.sentinel1.noiseremoval import ImageSource, noise_removals
from ml_core.inputs.sentinel1.product import Product
from tests.builders.safe import MadeUp

SIZE = {"lines": 1600, "samples": 2000}
WATER = 10**-3.1


def noise_numbers():
    """Noise in DN^2 by pixel: 3.6e-3 in sigma0 at the first subswath, falling, in arcs."""
    pixel = np.arange(2000)
    level = np.repeat([3.6e-3, 1.3e-3, 1.1e-3, 0.7e-3, 0.6e-3], 400)
    return 600**2 * level * (1 + 0.5 * np.cos(np.pi * (pixel % 400) / 200))


def water(scale):
    """HV of water under noise that is some times the annotated, 10 looks."""
    noise = noise_numbers() * np.repeat(scale, 400)
    speckle = np.random.default_rng(0).standard_gamma(10, (1600, 2000)) / 10
    return np.sqrt((WATER * 600**2 + noise) * speckle).round()


def removed(tmp_path, handling, scale=(1.4, 1, 1, 1.1, 1), **changes):
    product = MadeUp(
        **SIZE,
        **{
            "noise_range": [(0, np.arange(2000), noise_numbers())],
            "digital_numbers": {"HV": water(scale)},
            **changes,
        },
    )
    product = Product(str(product.write(tmp_path)))
    sources = [ImageSource.read(product, name) for name in ("HH", "HV")]
    events = []
    removals = noise_removals(
        sources, product, handling, resolution_m=80, report=Reporter(events.append)
    )
    texts = [event.text for event in events]
    with sources[1].open(removals[1]) as image:
        power, _ = image.rows(0, 1600)
    handlings = [removal.handling for removal in removals]
    return removals, handlings, texts, power


def jumps_db(power):
    sides = [(power[:, n * 400 - 40 : n * 400], power[:, n * 400 : n * 400 + 40]) for n in (1, 2)]
    return [10 * np.log10(far.mean() / near.mean()) for near, far in sides]


def test_scaled_noise_levels_the_subswaths_and_says_by_what(tmp_path):
    removals, handlings, texts, power = removed(tmp_path, "scaled")
    assert handlings == ["ESA, range", "scaled, range"]
    assert jumps_db(power) == pytest.approx([0, 0], abs=0.5)
    found = removals[1]
    scale = [float(k) for k in found.tags["SEAICE_NOISE_SCALE"].split()]
    assert scale == pytest.approx([1.4, 1, 1, 1.1, 1], abs=0.05)
    assert float(found.tags["SEAICE_NOISE_JUMPS_BEFORE_DB"].split()[0]) < -2
    assert abs(float(found.tags["SEAICE_NOISE_JUMPS_AFTER_DB"].split()[0])) < 0.5
    assert found.equalisation.looks == pytest.approx(40 / (5 / 6) ** 2, rel=0.1)
    assert any(re.search(r"EW1 scale 1\.(3[5-9]|4)", text) for text in texts)
    assert any("EW1/EW2 -" in text and "dB before, " in text for text in texts)
    # HH keeps the annotated noise
    assert removals[0].noise is removals[0].source.noise
    assert removals[0].tags == {"SEAICE_NOISE": "ESA, range"}


def test_the_annotated_noise_leaves_a_jump(tmp_path):
    removals, handlings, texts, power = removed(tmp_path, "esa")
    assert handlings == ["ESA, range", "ESA, range"]
    assert jumps_db(power)[0] < -2
    assert removals[1].equalisation is None
    assert not any("scale" in text for text in texts)


def test_none_leaves_the_noise_where_it_is(tmp_path):
    removals, handlings, _, power = removed(tmp_path, "none")
    assert handlings == ["none", "none"]
    assert power.mean() > 2 * WATER
    assert removals[1].nesz.quiet > 0


def test_without_subswaths_the_annotated_noise_is_subtracted(tmp_path):
    removals, handlings, texts, _ = removed(tmp_path, "scaled", subswaths=0)
    assert handlings == ["ESA, range", "ESA, range"]
    assert removals[1].noise is removals[1].source.noise
    assert any(
        "names no subswaths, so that the noise of HV cannot be corrected" in t for t in texts
    )


def test_noise_without_values_can_only_stay(tmp_path):
    with pytest.raises(SeaIceError, match="set Thermal noise to none"):
        removed(tmp_path, "scaled", noise_range=[(0, [0, 1999], [0, 0])])
