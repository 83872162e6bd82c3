import base64
import dataclasses
import re

import numpy as np
import pytest

from ml_core.datasets.split import Split
from ml_core.observation.observations import Observations, footprints_on
from ml_core.raster.grid import Window
from ml_core.reports.reference_map import USES, draw, spread, uses
from tests.builders.scenes import backscatter, data_of, ice

FOOTPRINT_PX = 8.0
TRAINS, VALIDATES, BUFFER, UNUSED, HIDDEN = range(len(USES))


@pytest.fixture
def data():
    """A scene of 96 x 128 px, seen by a radiometer, without backscatter at its left."""
    sic = ice((96, 128))
    pixels = backscatter(sic)
    pixels[:, :, :24] = np.nan
    row, col = (at.ravel() + 2.5 for at in np.mgrid[:92:5, :124:5])
    percent = sic[row.astype(int), col.astype(int)]
    seen = Observations.of_footprints(row, col, percent, None, FOOTPRINT_PX)
    return dataclasses.replace(data_of(sic, pixels), observations=seen)


@pytest.fixture
def split(data):
    return Split.of_blocks(data.cells, [Window(0, 32, 24, 16)], buffer=4)


def cover_of(data, row, col):
    """The share of a Gaussian over all pixels that has backscatter, by its definition."""
    rows, cols = np.indices(data.grid.shape) + 0.5
    apart = np.hypot(rows - row, cols - col)
    weight = 0.5 ** ((2 * apart / FOOTPRINT_PX) ** 2)
    total = np.pi * FOOTPRINT_PX**2 / (4 * np.log(2))  # of the plane
    return float(weight[np.isfinite(data.array[..., 0])].sum() / total)


def test_each_value_is_used_as_its_place_and_its_ground_allow(data, split):
    seen = data.observations
    found = uses(data, seen, split, observes=True)
    names = {1: TRAINS, 2: VALIDATES, 3: BUFFER}
    checked = set()
    for number, use in enumerate(found):
        role = split.roles[
            int(seen.row[number] // split.cell_px), int(seen.col[number] // split.cell_px)
        ]
        cover = cover_of(data, seen.row[number], seen.col[number])
        least = {1: 0.5, 2: 0.95, 3: 0}[role]
        if abs(cover - least) > 0.02:  # the footprint is weighed on cells
            assert use == (names[role] if cover >= least else HIDDEN), (cover, role)
            checked.add(int(use))
    assert checked == {TRAINS, VALIDATES, BUFFER, HIDDEN}


def test_a_network_matched_by_pixels_learns_at_the_edges_too(data, split):
    by_pixels = uses(data, data.observations, split, observes=False)
    by_footprints = uses(data, data.observations, split, observes=True)
    differ = by_pixels != by_footprints
    assert differ.any()
    assert set(by_pixels[differ]) == {TRAINS}
    assert set(by_footprints[differ]) == {HIDDEN}


def test_what_a_data_fraction_leaves_out_is_named(data):
    unused = Split.unused(data.cells)
    assert UNUSED in uses(data, data.observations, unused, observes=True)


def test_circles_are_a_subset_that_is_apart(data):
    seen = data.observations
    some = spread(seen, 0.0)
    assert 0 < some.size < len(seen)
    rows, cols = seen.row[some] // 16, seen.col[some] // 16
    assert len(set(zip(rows, cols, strict=True))) == some.size
    fewer = spread(seen, 64.0)
    assert fewer.size == 2 * 2


def svg(picture):
    return base64.b64decode(picture.uri.split(",", 1)[1]).decode()


def test_dots_have_the_colours_of_their_use_and_the_legend_their_number(data, split, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "ml_core.reports.reference_map.maps", lambda panels, *a, **k: drawn.extend(panels)
    )
    draw(data, [split], observes=True)
    by_sic, by_use = drawn
    found = uses(data, data.observations, split, observes=True)
    assert np.array_equal(by_use.over.values, found)
    assert np.array_equal(by_sic.over.values, data.observations.percent)
    counts = {USES[use][0]: int((found == use).sum()) for use in np.unique(found)}
    assert [name for name, _ in by_use.over.legend] == [f"{n} ({c})" for n, c in counts.items()]
    assert by_use.values.shape == data.grid.shape
    assert np.allclose(by_use.over.radius_px, FOOTPRINT_PX / 2)


def test_the_picture_is_the_same_each_time_and_has_every_dot(data, split):
    first, second = (draw(data, [split], observes=True) for _ in range(2))
    assert first == second
    text = svg(first)
    for name in ("#0b5cad", "#d1600a", "#8a3ea8", "#111111"):
        assert name in text.lower()
    assert len(re.findall("<use ", text)) >= 2 * len(data.observations)


def test_a_large_scene_is_thinned_and_dots_stay_in_place(split, monkeypatch):
    sic = np.zeros((900, 1300), np.float32)
    sic[:, 700:] = 100
    data = data_of(sic, backscatter(sic), 100.0)
    data = dataclasses.replace(data, observations=footprints_on(sic, 100.0))
    drawn = []
    monkeypatch.setattr(
        "ml_core.reports.reference_map.maps", lambda panels, size, **k: drawn.append((panels, size))
    )
    draw(data, [Split.full(data.cells)], observes=True)
    (panels, size_m) = drawn[0]
    panel = panels[0]
    assert max(panel.values.shape) <= 400
    # HH is bright where there is ice: each dot lies on what it speaks of
    rows, cols = panel.over.row.astype(int), panel.over.col.astype(int)
    ice_there = panel.values[rows, cols] > -14
    certain = np.isin(panel.over.values, (0, 100))
    assert np.array_equal(ice_there[certain], panel.over.values[certain] == 100)
    assert size_m == (4000, 4000)


def test_of_folds_each_value_has_that_in_which_it_validates(data, monkeypatch):
    folds = [
        Split.of_blocks(data.cells, [Window(0, column, 48, 32)], buffer=2) for column in (0, 32)
    ]
    drawn = []
    monkeypatch.setattr(
        "ml_core.reports.reference_map.maps", lambda panels, *a, **k: drawn.extend(panels)
    )
    draw(data, folds, observes=True)
    values = drawn[1].over.values
    assert set(values) == {0, 1, 2}
    assert (values[data.observations.col < 16] == 2).all()  # no backscatter there
    inside = (abs(data.observations.row - 48) < 36) & (abs(data.observations.col - 96) < 20)
    assert (values[inside] == 1).all()


def test_polygons_get_circles_of_their_area(data, split, monkeypatch):
    count = 3
    place, sic = np.array([20.0, 50, 80]), np.array([0.0, 50, 100])
    seen = Observations(
        *(place, place, sic, sic, sic, np.full(count, np.nan)), 0.0, np.full(count, 314.15927)
    )
    drawn = []
    monkeypatch.setattr(
        "ml_core.reports.reference_map.maps", lambda panels, *a, **k: drawn.extend(panels)
    )
    draw(dataclasses.replace(data, observations=seen), [split], observes=True)
    assert np.allclose(drawn[0].over.radius_px, 10)
    assert drawn[0].over.circled.size == count
