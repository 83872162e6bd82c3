from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.datasets.records import SceneRecord
from ml_core.datasets.scene_split import draw_scene_folds, draw_scenes, passes
from ml_core.errors import SeaIceError

ICE, WATER = (0,) * 9 + (1000,), (1000,) + (0,) * 9


def record(start="", platform="S1A", histogram=(100,) * 10):
    return SceneRecord(
        name="x",
        fingerprint="",
        shape_px=(100, 100),
        crs="EPSG:3413",
        transform=(1, 0, 0, 0, -1, 0),
        footprint_m=1000,
        inputs={},
        acquisition={"SEAICE_START": start, "SEAICE_PLATFORM": platform},
        reference_date="",
        hours_apart=None,
        chips=1,
        pixels=sum(histogram),
        sic_histogram=histogram,
        mean=(0, 0),
        std=(1, 1),
    )


def test_slices_of_a_pass_belong_together():
    scenes = {
        "a": record("2024-03-01T06:00:00"),
        "b": record("2024-03-01T06:01:04"),
        "c": record("2024-03-01T06:02:08Z"),
        "other day": record("2024-03-02T06:01:00"),
        "other platform": record("2024-03-01T06:01:00", "S1B"),
        "ninth": record("2024-03-09T06:00:00"),
        "tenth": record("2024-03-10T06:00:00"),
        "unknown": record(),
        "unknown too": record(),
    }
    groups = {frozenset(group) for group in passes(scenes)}
    assert frozenset("abc") in groups
    assert len(groups) == 7


def draw(scenes, fraction=0.25, seed=0):
    return draw_scenes(scenes, fraction, np.random.default_rng(seed))


def test_whole_passes_validate_and_have_the_sets_sic():
    scenes = {
        f"s{k}": record(f"2024-03-{k + 1:02}T06:00:00", histogram=ICE if k % 2 else WATER)
        for k in range(8)
    }
    scenes["slice"] = record("2024-03-01T06:01:00", histogram=(1,) * 10)
    for seed in range(5):
        validation = draw(scenes, seed=seed)
        assert len(set(validation)) == len(validation)
        assert len(set(validation) - {"slice"}) == 2
        assert {int(name[1]) % 2 for name in validation if name != "slice"} == {0, 1}
        assert ("s0" in validation) == ("slice" in validation)


def test_a_set_of_one_pass_cannot_validate():
    scenes = {"a": record("2024-03-01T06:00:00"), "b": record("2024-03-01T06:01:00")}
    with pytest.raises(SeaIceError, match="holds 2 scenes of one pass only"):
        draw(scenes)
    assert draw(scenes, fraction=0) == []


def test_each_season_validates_and_trains():
    """Two winters and two summers, all with the same SIC."""
    months = {"a": 12, "b": 1, "c": 6, "d": 8}
    scenes = {name: record(f"2024-{month:02}-01T06:00:00") for name, month in months.items()}
    for seed in range(5):
        for part in (draw(scenes, 0.5, seed), *folds_of(scenes, 2, seed)):
            assert len({name in "ab" for name in part}) == len(part) == 2


def folds_of(scenes, number, seed=0):
    return draw_scene_folds(scenes, number, np.random.default_rng(seed))


@given(
    passes_=st.lists(
        st.lists(st.integers(0, 3000), min_size=1, max_size=3), min_size=2, max_size=12
    ),
    number=st.integers(2, 12),
    seed=st.integers(0, 100),
)
@settings(max_examples=25, deadline=None)
def test_each_scene_is_of_one_fold_with_its_pass_and_folds_are_of_a_size(passes_, number, seed):
    """Slices of a pass are a minute apart; each holds so many reference pixels."""
    number = min(number, len(passes_))
    scenes, sizes = {}, []
    for day, slices in enumerate(passes_, 1):
        for minute, pixels in enumerate(slices):
            histogram = (pixels, 100 * day, *(1,) * 8)
            start = f"2024-03-{day:02}T06:{minute:02}:00"
            scenes[f"{day}/{minute}"] = record(start, histogram=histogram)
        sizes.append(sum(scenes[f"{day}/{m}"].pixels for m in range(len(slices))))
    folds = folds_of(scenes, number, seed)
    assert sorted(name for fold in folds for name in fold) == sorted(scenes)
    of_pass = [{name.split("/")[0] for name in fold} for fold in folds]
    assert sum(map(len, of_pass)) == len(passes_)
    assert all(of_pass)
    pixels = [sum(scenes[name].pixels for name in fold) for fold in folds]
    # more would not be the emptiest fold to which a pass was added last
    assert max(pixels) - min(pixels) <= max(sizes)


def test_folds_have_the_sets_sic():
    scenes = {
        f"s{k}": record(f"2024-03-{k + 1:02}T06:00:00", histogram=ICE if k < 4 else WATER)
        for k in range(8)
    }
    for fold in folds_of(scenes, 4):
        assert {int(name[1]) < 4 for name in fold} == {True, False}


def test_more_folds_than_passes_are_refused_with_both_numbers():
    scenes = {f"s{k}": record(f"2024-03-{k + 1:02}T06:00:00") for k in range(3)}
    scenes["slice"] = record("2024-03-01T06:01:00")
    text = r"folds: 5, but the training set holds 4 scenes of 3 passes,.* give 3 folds or fewer, or"
    with pytest.raises(SeaIceError, match=text):
        folds_of(scenes, 5)
    one_pass = {name: scenes[name] for name in ("s0", "slice")}
    with pytest.raises(SeaIceError, match=r"folds: 2, .* 2 scenes of one pass only.*add scenes of"):
        folds_of(one_pass, 2)


def test_scenes_of_one_chart_belong_together():
    days = [f"2024-03-0{day}T06:00:00" for day in range(1, 6)]
    charts = ["", "ice chart a", "ice chart b", "ice chart a", ""]
    scenes = {
        day: replace(record(day), chart=chart) for day, chart in zip(days, charts, strict=True)
    }
    groups = {frozenset(group) for group in passes(scenes)}
    assert groups == {frozenset(g) for g in ([days[0]], [days[1], days[3]], [days[2]], [days[4]])}
