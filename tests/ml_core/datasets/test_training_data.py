import dataclasses
import re

import numpy as np
import pytest

from ml_core.datasets.split import (
    TRAINING,
    VALIDATION,
    part_counts,
    training_scenes,
    validation_scenes,
)
from ml_core.datasets.training_data import TrainingData
from ml_core.events import Reporter
from ml_core.observation.observations import Observations
from tests.builders.scenes import backscatter, data_of, ice
from tests.ml_core.datasets.test_scene_split import record


def data_from(scenes, records=()):
    return TrainingData("scenes", scenes, {}, dict(records))


def scenes(number):
    sics = [ice((48, 64), seed=k) for k in range(number)]
    return {f"s{k}": data_of(sic, backscatter(sic, k)) for k, sic in enumerate(sics)}


def records(names):
    return {name: record(f"2024-03-{k:02}T06:00:00") for k, name in enumerate(names, 1)}


def parts(splits):
    """Names of the scenes that train, that validate, and of the others."""
    found = [set(), set(), set()]
    for name, split in splits.items():
        (role,) = np.unique(split.roles)
        found[{TRAINING: 0, VALIDATION: 1}.get(role, 2)].add(name)
    return found


def test_one_scene_is_split_into_blocks(small_data):
    data = data_from({"a": small_data})
    found = data.split(5, 0.2)
    (splits,) = found.fits
    split, known = splits["a"], np.isfinite(small_data.array[..., -1])
    inside = np.zeros(known.shape, bool)
    for block in split.blocks:
        inside[block.slices] = True
    counts = part_counts(splits)
    assert counts["validation"] == (inside & known).sum()
    assert counts["validation"] / known.sum() == pytest.approx(0.2, abs=0.08)
    assert counts["training"] < known.sum() - counts["validation"]  # a buffer lies between them
    assert found.full["a"].counts["training"] == known.sum()
    assert data.split(5, 0.2).fits[0]["a"].blocks == split.blocks
    assert data.split(6, 0.2).fits[0]["a"].blocks != split.blocks
    assert data.parts_noun == "blocks"


def test_the_log_counts_reference_values_not_the_pixels_that_repeat_them(small_data, recorder):
    sic = small_data.array[..., -1]
    row, col = (at.ravel() + 4.0 for at in np.mgrid[:92:8, :124:8])
    seen = Observations.of_footprints(row, col, sic[row.astype(int), col.astype(int)], None, 8.0)
    for observations, all_of_them in ((seen, len(seen)), (None, np.isfinite(sic).sum())):
        data = data_from({"a": dataclasses.replace(small_data, observations=observations)})
        data.log_split(data.split(5, 0.2), Reporter(recorder))
        (text,) = [text for text in recorder.texts() if text.startswith("Split")]
        recorder.clear()
        counts = re.findall(r"(\d+) (?:reference values train|in \d+ blocks|within)", text)
        assert sum(map(int, counts)) == all_of_them


def test_a_data_fraction_holds_for_every_fold_of_a_scene(small_data):
    found = data_from({"a": small_data}).split(1, 0.2, folds=2, data_fraction=0.4)
    for splits in (*found.fits, found.full):
        counts = splits["a"].counts
        used = counts["training"] / (counts["training"] + counts["left out"])
        assert used == pytest.approx(0.4, abs=0.1)


def test_whole_scenes_of_a_set_train_or_validate():
    data = scenes(5)
    whole_set = data_from(data, records(data))
    found = whole_set.split(1, 0.4)
    (splits,) = found.fits
    training, validation, others = parts(splits)
    assert training | validation == set(data)
    assert len(validation) == 2
    assert not others
    assert set(training_scenes(splits)) == training
    assert set(validation_scenes(splits)) == validation
    for name in validation:
        assert splits[name].blocks == (data[name].grid.window,)
        assert found.part_of(name) == "validation"
    counts = part_counts(splits)
    assert counts["validation"] == 2 * 48 * 64
    assert whole_set.footprints(splits) == pytest.approx(
        counts["validation"] / (2.266 * 8**2), rel=1e-3
    )
    assert parts(found.full)[0] == set(data)


def test_each_scene_of_a_set_validates_in_one_fold():
    data = scenes(5)
    split = data_from(data, records(data)).split(1, 0.2, folds=3)
    found = [parts(splits) for splits in split.fits]
    assert sorted(name for _, validation, _ in found for name in validation) == sorted(data)
    assert sorted(len(validation) for _, validation, _ in found) == [1, 2, 2]
    for number, (training, validation, _) in enumerate(found, 1):
        assert training == set(data) - validation
        assert {split.part_of(name) for name in validation} == {f"fold {number}"}


def test_a_share_of_the_training_scenes_is_taken():
    data = scenes(10)
    found = data_from(data, records(data)).split(1, 0.2, data_fraction=0.5)
    (splits,) = found.fits
    assert [len(part) for part in parts(splits)] == [4, 2, 4]
    assert [len(part) for part in parts(found.full)] == [5, 0, 5]
    assert all(found.part_of(name) == "left out" for name in parts(splits)[2])


@pytest.mark.parametrize(("shape", "folds"), [((30, 40), 0), ((90, 120), 0), ((30, 40), 2)])
def test_it_warns_of_an_error_that_rests_on_few_footprints(shape, folds):
    sic = ice(shape)
    scene = {"s": data_of(sic, backscatter(sic))}
    data = data_from(scene)
    found = data.split(1, 0.2, folds=folds)
    events = []
    data.log_split(found, Reporter(events.append))
    warned = [event.text for event in events if event.level == "warning"]
    count = sum(scene["s"].footprints(fit["s"].counts["validation"]) for fit in found.fits)
    assert (count < 9) == (shape == (30, 40))
    if count < 9:
        assert len(warned) == 1
        assert f"Only {count:.1f} independent footprints of the reference validate" in warned[0]
        assert ("Cross-validation folds" in warned[0]) == (folds == 0)
    else:
        assert not warned
