import pytest

from ml_core.datasets.provenance import KnownScenes, check_alike, summary
from ml_core.errors import SeaIceError
from ml_core.events import Reporter

ESA = {
    "SEAICE_NOISE": "ESA, range and azimuth",
    "SEAICE_FLOOR_DB": "-50",
    "SEAICE_MODE": "EW",
    "SEAICE_PLATFORM": "S1A",
    "SEAICE_IPF": "3.52",
    "SEAICE_RESOLUTION_M": "80",
}
OLD = {**ESA, "SEAICE_NOISE": "ESA, range", "SEAICE_IPF": "2.60"}
SCALED = {**ESA, "SEAICE_NOISE_CROSSPOL": "scaled, range and azimuth"}
NONE = {**ESA, "SEAICE_NOISE": "none"}
OWN = {"SEAICE_START": "2024-03-01T12:00:00"}
"""A layer of the analyst's own."""


def known(*acquisitions):
    return KnownScenes(acquisitions, "the scenes that net was trained on")


@pytest.fixture
def warned(recorder):
    """What is warned of when a scene is checked."""

    def warned(scene, *others, **more):
        known(*others).check(scene, "hh.tif", Reporter(recorder), **more)
        assert recorder.texts() == recorder.texts("warning")
        return recorder.texts()

    return warned


@pytest.mark.parametrize(
    ("scene", "others", "message"),
    [
        (
            NONE,
            [ESA],
            "of HV was handled as none, that of the scenes that net was trained on as esa",
        ),
        (ESA, [SCALED], "of HV was handled as esa, that of the scenes that net .* as scaled"),
        (SCALED, [ESA, NONE], "of HV was handled as scaled, that .* as esa or none"),
        (ESA, [NONE, OWN, {}], "of HV was handled as esa, that .* as none"),
        (
            {**ESA, "SEAICE_POLARISATION": "VV"},
            [SCALED],
            "of VH was handled as esa, that .* as scaled",
        ),
        ({"SEAICE_NOISE_CROSSPOL": "none"}, [ESA], "of HV was handled as none, that .* as esa"),
        ({**ESA, "SEAICE_NOISE_CROSSPOL": ""}, [NONE], "of HH was handled as esa, that .* as none"),
    ],
)
def test_a_contradiction_of_noise_handling_is_refused(warned, scene, others, message):
    with pytest.raises(SeaIceError, match=rf"hh\.tif: the thermal noise {message}\. Open water"):
        warned(scene, *others)


@pytest.mark.parametrize(
    ("scene", "others", "remedy"),
    [(NONE, [SCALED], "scaled"), (SCALED, [NONE], "none"), (NONE, [ESA, SCALED], "esa or scaled")],
)
def test_the_remedy_is_how_hv_was_handled(scene, others, remedy):
    text = known(*others).contradiction(scene, "hh.tif")
    assert text.endswith(f"import the scene again with Thermal noise = {remedy}")


@pytest.mark.parametrize(
    ("scene", "others"),
    [
        (ESA, [ESA]),
        (OLD, [ESA]),  # the first word counts
        ({**ESA, "SEAICE_NOISE": " Esa"}, [OLD]),
        ({**SCALED, "SEAICE_NOISE_CROSSPOL": "scaled (EW1 1.2)"}, [SCALED]),
        (SCALED, [SCALED]),
        (NONE, [ESA, NONE]),  # trained on both
        (NONE, []),
        (NONE, [OWN]),
        (OWN, [OWN, {}]),
        ({}, []),
    ],
)
def test_what_agrees_or_is_unknown_on_the_other_side_says_nothing(warned, scene, others):
    assert warned(scene, *others) == []


def test_a_layer_of_the_analysts_own_is_noted_once(warned):
    assert warned(OWN, SCALED, OWN) == [
        "hh.tif: how its thermal noise was handled is unknown; that of the scenes that net was"
        " trained on: HH esa, HV scaled. Where it is not the same, open water looks several dB"
        " brighter or darker"
    ]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"SEAICE_MODE": "IW"}, "mode IW (EW)"),
        ({"SEAICE_PLATFORM": "S1C"}, "platform S1C (S1A, S1B)"),
        ({"SEAICE_FLOOR_DB": "-35"}, "floor of HH in dB -35 (-50); floor of HV in dB -35 (-50)"),
        ({"SEAICE_FLOOR_DB_CROSSPOL": "-40.0"}, "floor of HV in dB -40 (-50)"),
        ({"SEAICE_RESOLUTION_M": "40"}, "resolution of the import in m 40 (80)"),
        ({"SEAICE_SOURCE": "simulated"}, "source simulated (Sentinel-1)"),
    ],
)
def test_what_the_training_never_saw_is_warned_of(warned, change, text):
    (line,) = warned({**ESA, **change}, ESA, {**ESA, "SEAICE_PLATFORM": "S1B"})
    assert f"hh.tif: differs from the scenes that net was trained on (in brackets): {text}" in line


def test_numbers_are_compared_and_not_texts(warned):
    assert warned({**ESA, "SEAICE_FLOOR_DB": "-50.00", "SEAICE_RESOLUTION_M": "80.0"}, ESA) == []


def test_for_a_training_set_another_platform_and_mode_are_welcome(warned):
    other = {**ESA, "SEAICE_PLATFORM": "S1C", "SEAICE_MODE": "IW"}
    assert warned(other, ESA, sensors=False) == []
    (line,) = warned({**other, "SEAICE_RESOLUTION_M": "40"}, ESA, sensors=False)
    assert "platform" not in line


@pytest.mark.parametrize(
    ("training", "handlings"),
    [
        ({}, []),
        ({"acquisition": ESA}, [ESA]),
        ({"scenes": [{"acquisition": ESA}, {"acquisition": NONE}], "acquisition": {}}, [ESA, NONE]),
        ({"scenes": [], "acquisition": ESA}, []),
        # not what the plugin writes
        ({"scenes": ["a", {"acquisition": 3}, {}]}, []),
        ({"acquisition": {"SEAICE_NOISE": 3, "SEAICE_MODE": "EW"}}, [{"SEAICE_MODE": "EW"}]),
    ],
)
def test_the_scenes_of_a_card(training, handlings):
    assert KnownScenes.of_training(training, "net").acquisitions == handlings


def test_a_set_whose_noise_was_handled_differently_is_refused():
    scenes = {f"s{k}": ESA for k in range(7)} | {"other": SCALED, "mine": OWN}
    with pytest.raises(SeaIceError) as caught:
        check_alike(scenes, "set")
    text = str(caught.value)
    assert "(esa: s0, s1, s2, s3, s4 and 2 more; HH esa, HV scaled: other)" in text
    assert "Import them with one Thermal noise and add them again" in text


@pytest.mark.parametrize("scenes", [{}, {"a": ESA, "b": OLD}, {"a": SCALED, "b": SCALED, "c": OWN}])
def test_a_set_of_one_handling_is_fine(scenes):
    check_alike(scenes, "set")


def test_the_summary_lists_all_that_differs():
    interfered = {**OLD, "SEAICE_PLATFORM": "S1B", "SEAICE_RFI_CROSSPOL": "3 % of the lines"}
    assert summary([ESA, SCALED, interfered, OWN]) == {
        "Platforms": ["S1A", "S1B"],
        "Modes": ["EW"],
        "IPF": ["2.60", "3.52"],
        "Noise removal": [
            "ESA, range",
            "ESA, range and azimuth",
            "HH ESA, range and azimuth, HV scaled, range and azimuth",
        ],
        "Floor [dB]": ["-50"],
        "Resolution of import [m]": ["80"],
        "Radio interference": ["HV 3 % of the lines"],
    }
