import html
import re

import pytest

from ml_core.networks import NetworkConfig
from ml_core.reports import modelcard, page
from tests.builders.models import card_of

CALIBRATION = {
    "source": "dropout",
    "scale": 2.5,
    "lower_percent": [1.0, 4.0],
    "upper_percent": [3.0, 5.0],
    "calibrated": True,
    "reason": "",
    "parts": 12,
    "noun": "scenes",
    "footprints": 84.4,
    "coverage_of_parts_left_out": 0.91,
}


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """The text of a page that shows a model card."""
    for source in page.resource_path("reports").iterdir():
        (tmp_path / source.name).write_text(source.read_text())
    monkeypatch.setattr(page, "resource_path", lambda name: tmp_path)
    (tmp_path / "card.html").write_text(
        '{% from "modelcard.html" import model_card %}{{ model_card(card, calibration, acquired,'
        " validated) }}"
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
            validated=modelcard.validated(card),
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


@pytest.mark.parametrize(
    ("refit", "folds", "expected"),
    [
        (
            True,
            [],
            "RMSE 8.1 % SIC, of the network before the refit; the network in the file was then"
            " fitted again on all data, so that nothing is left to validate it",
        ),
        (True, [8.0, 9.0], "of the network before the refit"),
        (False, [8.0, 9.0], "RMSE 8.1 % SIC, of the networks of all folds; the network in the"),
        (False, [], "RMSE 8.1 % SIC, of the network in the file<"),
    ],
)
def test_the_card_says_of_which_network_the_error_is(shown, refit, folds, expected):
    metrics = {"validation": {"rmse_percent": 8.123}, "folds_rmse_percent": folds}
    text = shown(training={"fitted_again_on_everything": refit}, metrics=metrics)
    assert expected in text
    assert ("all folds" in text) == ("all folds" in expected)


@pytest.mark.parametrize("metrics", [{}, {"validation": {"rmse_percent": None}}])
def test_a_card_without_validation_says_so(shown, metrics):
    """Such as that of a file of before, or of a training on all of its data."""
    assert ">by nothing: no part was held out<" in shown(metrics=metrics)


def test_the_calibration_is_described(shown):
    text = shown(calibration=CALIBRATION)
    assert (
        "90 % interval of means over a footprint follows from the SIC and networks drawn by dropout"
        " and held 91 % of the cells of scenes left out in turn (12 scenes, 84 independent"
        " footprints); by the SIC it reaches 1.0, 4.0 % below and 3.0, 5.0 % above (at SIC of 0 to"
        " 100 %, evenly), with 2.50 times the spread, squares added"
    ) in text
    assert "not calibrated" not in text


def test_too_few_parts_are_described(shown):
    reason = "only 3 validation blocks could check it"
    text = shown(calibration={**CALIBRATION, "calibrated": False, "reason": reason})
    assert f"not calibrated: {reason}. Its 90 % interval" in text


@pytest.mark.parametrize("floors", [{"floor_percent": 3.0}, {"floors_percent": [3.0]}])
def test_a_calibration_of_an_earlier_version_is_not_trusted(shown, floors):
    older = {"method": "dropout", "scale": 1.0, "coverage_before": 0.4, **floors}
    text = shown(calibration=older)
    assert "not calibrated: an earlier version fitted it" in text
    assert "it reaches 4.9 % below and 4.9 % above , with 1.64 times the spread" in text


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
