import numpy as np
import pytest
import torch

from ml_core.training.polygon_memory import PolygonMemory


def seen(memory, number, mean, seen_px, area_px, total=5):
    return memory.together(
        torch.tensor(number),
        *(torch.tensor(each, dtype=torch.float32) for each in (mean, seen_px, area_px)),
        total,
    ).tolist()


def test_what_was_not_seen_before_is_what_is_seen():
    assert seen(PolygonMemory(), [3, 1], [0.2, 0.9], [10, 10], [10, 1000]) == pytest.approx(
        [0.2, 0.9]
    )


def test_a_polygon_seen_as_a_whole_forgets():
    memory = PolygonMemory()
    seen(memory, [2], [0.0], [100], [100])
    assert seen(memory, [2], [0.7], [100], [100]) == pytest.approx([0.7])


def test_parts_add_up_to_the_mean_of_the_polygon():
    memory = PolygonMemory()
    rng = np.random.default_rng(1)
    parts = rng.random(8)
    found = []
    for _ in range(100):
        for k in rng.permutation(8):
            found.append(seen(memory, [4], [parts[k]], [50], [400])[0])
    assert np.mean(found[80:]) == pytest.approx(parts.mean(), abs=0.02)
    # nearer to the mean than the parts are
    assert np.std(found[80:]) < 0.5 * parts.std()


def test_what_is_long_ago_counts_little():
    memory = PolygonMemory()
    seen(memory, [0], [1.0], [10], [1000])
    for _ in range(200):
        seen(memory, [1], [0.5], [10], [10])
    assert seen(memory, [0], [0.0], [10], [1000]) == pytest.approx([0.0], abs=0.05)


def test_nothing_is_learnt_through_the_memory():
    mean = torch.tensor([0.3], requires_grad=True)
    found = PolygonMemory().together(
        torch.tensor([0]), mean, torch.ones(1), torch.full((1,), 9.0), 1
    )
    assert not found.requires_grad
