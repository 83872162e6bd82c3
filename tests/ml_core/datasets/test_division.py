import numpy as np
import pytest

from ml_core.datasets import division
from ml_core.datasets.split import TRAINING, VALIDATION, draw_split, held_out, whole
from ml_core.events import Reporter
from ml_core.jobs import TrainJob
from ml_core.training.plan import Plan
from ml_core.training.validation import Part, thinned
from tests.builders.scenes import backscatter, data_of, ice
from tests.ml_core.datasets.test_scene_split import record


def plan(folds=0, **more):
    return Plan.from_job(TrainJob(training_set="x", model="x", **more), refit=True, folds=folds)


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


def test_one_scene_is_divided_into_blocks(small_data):
    asked = plan(seed=5)
    divided = division.of_scene("a", small_data, asked)
    (splits,) = divided.fits
    rng = np.random.default_rng(5)
    expected = draw_split(small_data.cells, small_data.length_px, 0.2, rng)
    assert splits["a"].blocks == expected.blocks
    assert (divided.everything["a"].roles == whole(small_data.cells).roles).all()
    assert division.counts(splits) == expected.counts
    assert division.parts_noun({"a": small_data}) == "blocks"


def test_a_data_fraction_holds_for_every_fold_of_a_scene(small_data):
    divided = division.of_scene("a", small_data, plan(folds=2, data_fraction=0.4))
    for splits in (*divided.fits, divided.everything):
        counts = splits["a"].counts
        used = counts["training"] / (counts["training"] + counts["left out"])
        assert used == pytest.approx(0.4, abs=0.1)


def test_whole_scenes_of_a_set_train_or_validate():
    data = scenes(5)
    divided = division.of_set(data, records(data), plan(validation_fraction=0.4))
    (splits,) = divided.fits
    training, validation, others = parts(splits)
    assert training | validation == set(data)
    assert len(validation) == 2
    assert not others
    assert (set(division.learnt(splits)), set(division.validating(splits))) == (
        training,
        validation,
    )
    for name in validation:
        assert splits[name].blocks == (data[name].grid.window,)
        assert divided.part_of(name) == "validation"
    counts = division.counts(splits)
    assert counts["validation"] == 2 * 48 * 64
    assert division.footprints(data, splits) == pytest.approx(counts["validation"] / 8**2)
    assert parts(divided.everything)[0] == set(data)


def test_each_scene_of_a_set_validates_in_one_fold():
    data = scenes(5)
    divided = division.of_set(data, records(data), plan(folds=3))
    found = [parts(splits) for splits in divided.fits]
    assert sorted(name for _, validation, _ in found for name in validation) == sorted(data)
    assert sorted(len(validation) for _, validation, _ in found) == [1, 2, 2]
    for number, (training, validation, _) in enumerate(found, 1):
        assert training == set(data) - validation
        assert {divided.part_of(name) for name in validation} == {f"fold {number}"}


def test_a_share_of_the_training_scenes_is_taken():
    data = scenes(10)
    asked = plan(validation_fraction=0.2, data_fraction=0.5)
    divided = division.of_set(data, records(data), asked)
    (splits,) = divided.fits
    assert [len(part) for part in parts(splits)] == [4, 2, 4]
    assert [len(part) for part in parts(divided.everything)] == [5, 0, 5]
    assert all(divided.part_of(name) == "left out" for name in parts(splits)[2])


def test_large_parts_of_several_scenes_are_thinned_evenly():
    store = np.zeros((1024, 1024, 3), np.float32)
    data = data_of(ice((8, 8)), backscatter(ice((8, 8))))
    assert held_out(data.cells).validation(data.grid.window).all()
    whole_part = Part.of(store, [data.grid.window.__class__(0, 0, 1024, 1024)])
    assert len(whole_part.windows) == 16
    left = thinned([whole_part, whole_part, whole_part], most_px=1024 * 1024)
    numbers = [
        scene * 16 + whole_part.windows.index(window)
        for scene, part in enumerate(left)
        for window in part.windows
    ]
    assert numbers == list(range(0, 48, 3))


@pytest.mark.parametrize(("shape", "folds"), [((30, 40), 0), ((90, 120), 0), ((30, 40), 2)])
def test_it_warns_of_an_error_that_rests_on_few_footprints(shape, folds):
    sic = ice(shape)
    scene = {"s": data_of(sic, backscatter(sic))}
    found = division.of_scene("s", scene["s"], plan(folds))
    events = []
    division.tell(scene, found, Reporter(events.append))
    warned = [event.text for event in events if event.level == "warning"]
    count = sum(scene["s"].footprints(fit["s"].counts["validation"]) for fit in found.fits)
    assert (count < 20) == (shape == (30, 40))
    if count < 20:
        assert len(warned) == 1
        assert f"Only {count:.1f} independent footprints of the reference validate" in warned[0]
        assert ("Cross-validation folds" in warned[0]) == (folds == 0)
    else:
        assert not warned
