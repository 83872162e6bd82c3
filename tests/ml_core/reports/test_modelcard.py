import html
import re

import pytest

from ml_core.networks import NetworkConfig
from ml_core.reports import modelcard, page
from tests.builders.models import card_of

CALIBRATION = {
    "networks": 16,
    "method": "dropout",
    "coverage_before": 0.42,
    "footprints": 84.4,
    "scale": 2.5,
    "floors_percent": [1.0, 4.0],
}


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """The text of a page that shows a model card."""
    for source in page.resource_path("reports").iterdir():
        (tmp_path / source.name).write_text(source.read_text())
    monkeypatch.setattr(page, "resource_path", lambda name: tmp_path)
    (tmp_path / "card.html").write_text(
        '{% from "modelcard.html" import model_card %}{{ model_card(card, calibration, acquired) }}'
    )

    def show(**more):
        card = card_of(NetworkConfig(filters=4, depth=2), **more)
        path = tmp_path / "out.html"
        page.render(
            "card.html",
            str(path),
            card=card,
            calibration=modelcard.calibration(card),
            acquired=modelcard.acquired(card),
        )
        return " ".join(html.unescape(path.read_text(encoding="utf-8")).split())

    return show


def test_the_card_gives_network_channels_and_ground(shown):
    text = shown(training={"inputs": {"HH": "<a> & b.tif"}, "seed": 7})
    for part in (
        "HH: <a> & b.tif",
        "architecture unet; in_channels 2",
        "HH −15, 5; HV −24, 5",
        ">40 m<",
        ">12000 m<",
        ">7<",
        "not calibrated: no validation part",
    ):
        assert part in text


def test_the_card_gives_what_the_scenes_were_made_from(shown):
    scenes = [
        {"acquisition": {"SEAICE_NOISE": noise, "SEAICE_MODE": "EW", "SEAICE_IPF": "3.52"}}
        for noise in ("none", "ESA, range & azimuth")
    ]
    text = shown(training={"scenes": scenes})
    for label, values in (("Noise removal", "ESA, range & azimuth; none"), ("IPF", "3.52")):
        assert re.search(rf">Training scenes: {label}<[^>]*>\s*<[^>]*>{values}<", text)


def test_a_card_without_acquisitions_says_nothing_of_them(shown):
    assert "Training scenes" not in shown(training={"acquisition": {}})


def test_the_calibration_is_described(shown):
    text = shown(calibration={**CALIBRATION, "coverage_of_blocks_left_out": 0.9, "widened": 1.2})
    assert (
        "16 networks by dropout; the 90 % interval of means over a footprint held 42 % of the"
        " validation cells before calibration and 90 % of blocks left out of the calibration after"
        " it, so that the interval was made 1.20 times as wide to hold 90 % of them (84 independent"
        " footprints); spread times 2.50, and 1.0, 4.0 % (at SIC of 0 to 100 %, evenly) where all"
        " networks agree"
    ) in text


@pytest.mark.parametrize("left_out", [{}, {"coverage_of_blocks_left_out": None}])
def test_a_calibration_on_a_single_block_says_so(shown, left_out):
    older = {key: value for key, value in CALIBRATION.items() if key != "floors_percent"}
    text = shown(calibration={**older, "floor_percent": 3.0, **left_out})
    assert "one block only, so that none could be left out to check it (84 independent" in text
    assert "and 3.0 % where all networks agree" in text


def test_nested_values_become_lines_and_long_lists_are_cut():
    found = dict(modelcard.lines({"a": {"b": {"c": 1}}, "d": list(range(20)), "e": "x"}))
    assert found == {
        "a.b.c": 1,
        "d": "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 … 20 in all",
        "e": "x",
    }


def test_settings_join_lists():
    card = card_of(NetworkConfig(filters=4, depth=2), training={"parameters": {"b": [15, 80]}})
    assert modelcard.settings(card) == [("b", "15, 80")]
