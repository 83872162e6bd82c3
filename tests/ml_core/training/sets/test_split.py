import numpy as np
import pytest

from ml_core.errors import SeaIceError
from ml_core.training.sets.split import draw_scenes, passes
from ml_core.trainingset import SceneRecord


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


def draw(scenes, fraction=0.25, data_fraction=1.0, seed=0):
    return draw_scenes(scenes, 100.0, fraction, data_fraction, np.random.default_rng(seed))


def test_whole_passes_validate_and_have_the_sets_sic():
    ice, water = (0,) * 9 + (1000,), (1000,) + (0,) * 9
    scenes = {
        f"s{k}": record(f"2024-03-{k + 1:02}T06:00:00", histogram=ice if k % 2 else water)
        for k in range(8)
    }
    scenes["slice"] = record("2024-03-01T06:01:00", histogram=(1,) * 10)
    for seed in range(5):
        split = draw(scenes, seed=seed)
        assert set(split.training) | set(split.validation) == set(scenes)
        assert not set(split.training) & set(split.validation)
        assert len(set(split.validation) - {"slice"}) == 2
        assert {int(name[1]) % 2 for name in split.validation if name != "slice"} == {0, 1}
        assert ("s0" in split.validation) == ("slice" in split.validation)
        assert split.counts["validation"] == sum(scenes[n].pixels for n in split.validation)
        assert split.footprints["validation"] == pytest.approx(split.counts["validation"] / 100)


def test_a_set_of_one_pass_cannot_validate():
    scenes = {"a": record("2024-03-01T06:00:00"), "b": record("2024-03-01T06:01:00")}
    with pytest.raises(SeaIceError, match="holds 2 scenes of one pass only"):
        draw(scenes)
    split = draw(scenes, fraction=0)
    assert (split.training, split.validation) == (("a", "b"), ())


def test_a_share_of_the_training_scenes_is_taken():
    scenes = {f"s{k}": record(f"2024-03-{k + 1:02}T06:00:00") for k in range(10)}
    split = draw(scenes, fraction=0.2, data_fraction=0.5)
    assert (len(split.training), len(split.validation)) == (4, 2)
