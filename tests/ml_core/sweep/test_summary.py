import json

import pytest

from ml_core.sweep.runs import SweepRun
from ml_core.sweep.summary import not_beating_baselines, summarise
from tests.builders.sweeps import make_run


def test_seeds_are_summed_up_by_mean_and_spread():
    falling, rising = (400, 200, 100, 60, 40, 30, 20), (500, 300, 250, 300, 350, 400, 450)
    summary = summarise(
        [
            make_run(1, falling, rising, {"training": 6.0, "validation": 10.0, "test": 9.0}),
            make_run(2, falling, rising[:5], {"training": 8.0, "validation": 14.0, "test": 13.0}),
            make_run(3, (), (), {}, error="diverged"),
        ]
    )[0]
    validation = summary.rmse_percent["validation"]
    assert (validation.mean, validation.low, validation.high) == (12, 10, 14)
    assert validation.deviation == pytest.approx(8**0.5)
    assert summary.errors == ["diverged"]
    assert len(summary.validation_loss) == 7  # the longest, where one stopped early
    assert summary.validation_loss[-1] == 450
    assert summary.diagnosis.label == "over-fitted"


def test_runs_survive_the_store():
    one = make_run(1, (4.0, 2.0), (5.0, 3.0), {"training": 6.0}, baselines={"test": {"mean": 1.0}})
    assert SweepRun.from_dict(json.loads(json.dumps(one.to_dict()))) == one


def test_configurations_that_do_not_beat_the_baselines_are_named():
    losses = (400, 200), (500, 300)
    scores = {"training": 6.0, "validation": 10.0, "test": 9.0}
    cells = {"linear": 9.0, "mean": 30.0}
    summaries = summarise(
        [
            make_run(seed, *losses, scores, baselines={"test": {"network": own, **cells}})
            for seed, own in ((1, 8.0), (2, 11.0))
        ]
    )
    assert not_beating_baselines(summaries, "test") == [summaries[0].name]  # 9.5 % on average
    assert not_beating_baselines(summaries, "validation") == []
    better = make_run(1, *losses, scores, baselines={"test": {"network": 8.0, **cells}})
    assert not_beating_baselines(summarise([better]), "test") == []
