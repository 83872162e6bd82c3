import base64
import re
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest

from ml_core.reports import colours
from ml_core.reports.charts import Mark, Series, bars, count_text, curves, density, matrix
from ml_core.reports.maps import Panel, maps, nice_length, reduced

LAND = (("sea", "#eeeeee"), ("land", "#333333"))


def svg(picture):
    head, data = picture.uri.split(",", 1)
    assert head == "data:image/svg+xml;base64"
    return base64.b64decode(data).decode()


def drawn():
    rng = np.random.default_rng(1)
    values = rng.uniform(0, 100, (20, 30))
    values[:3] = np.nan
    yield maps(
        [
            Panel(values, "SIC", colours.sic()),
            Panel(values - 50, "difference", colours.difference(20)),
            Panel(np.floor(values / 50), "flags", colours.categories("", LAND), LAND),
        ],
        (1000, 1000),
    )
    yield curves(
        [Series("a", [0, 1], [1, 2], [0, 1], [2, 3]), Series("b", [0], [1], [0], [2], marker="o")],
        x_label="x",
        y_label="y",
        log_y=True,
        marks=[Mark(0.5, "best")],
    )
    yield bars(
        ["0", "1-10"],
        [Series("a", [0, 1], [1, np.nan], [0, 1], [2, 3]), Series("b", [0, 1], [1, -1])],
        x_label="x",
        y_label="y",
        counts=[3, 20_000],
    )
    yield density(np.zeros((2, 2)), np.arange(3.0), x_label="x", y_label="y")
    yield matrix([[1, 0], [np.nan, np.nan]], "ab", x_label="x", y_label="y")


def test_pictures_are_the_same_each_time_and_refer_to_nothing_outside():
    for first, second in zip(drawn(), drawn(), strict=True):
        assert first == second
        text = svg(first)
        ET.fromstring(text)
        for target in re.findall(r'href="([^"]*)"', text):
            assert target.startswith(("#", "data:"))
        assert "<metadata" not in text


def test_drawing_leaves_matplotlibs_settings_alone():
    before = dict(matplotlib.rcParams)
    list(drawn())
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("sic", "colour"),
    [
        (-3, "#0064ff"),
        (0, "#0064ff"),
        (5, "#96c8ff"),
        (20, "#8cffa0"),
        (50, "#ffff00"),
        (80, "#ff7d07"),
        (95, "#ff0000"),
        (100, "#ff0000"),
        (104, "#ff0000"),
        (np.nan, colours.NO_DATA),
    ],
)
def test_sic_has_the_colours_of_ice_charts(sic, colour):
    scale = colours.sic()
    rgba = scale.colours(scale.norm(np.ma.masked_invalid([float(sic)])))[0]
    assert matplotlib.colors.to_hex(rgba) == colour


def test_reduced_averages_valid_pixels_only():
    values = np.array([[0, 100, np.nan], [50, np.nan, np.nan], [1, 3, 7]], float)
    expected = np.array([[50, np.nan], [2, 7]])
    np.testing.assert_allclose(reduced(values, 2), expected)
    assert reduced(np.ones((1000, 17)), 64).shape == (63, 2)
    np.testing.assert_array_equal(reduced(values, 2, categories=True), [[np.nan]])


@pytest.mark.parametrize(("length", "nice"), [(3.9, 2), (5, 5), (10, 10), (0.99, 0.5), (730, 500)])
def test_the_scale_bar_has_a_round_length(length, nice):
    assert nice_length(length) == pytest.approx(nice)


@pytest.mark.parametrize(("n", "shown"), [(9999, "9999"), (43210, "43k"), (1_240_000, "1.2M")])
def test_counts_fit_below_bars(n, shown):
    assert count_text(n) == shown
