import numpy as np

from ml_core.prediction.buffers import Buffers


def test_what_was_given_back_is_handed_out_again_in_another_shape():
    buffers = Buffers(1)
    first = buffers.take((2, 30, 40))
    buffers.give(first)
    second = buffers.take((2, 10, 50))
    assert second.shape == (2, 10, 50)
    assert second.flags.c_contiguous
    assert np.shares_memory(first, second)


def test_what_is_in_use_is_never_handed_out():
    buffers = Buffers(2)
    taken = [buffers.take((4, 8)) for _ in range(3)]
    for one in taken[:2]:
        buffers.give(one)
    taken[:2] = [buffers.take((8, 4)), buffers.take((32,)), buffers.take((4, 8))]
    for number, one in enumerate(taken):
        one.fill(number)
    assert [set(one.flat) for one in taken] == [{0}, {1}, {2}, {3}]


def test_a_larger_array_is_made_where_none_that_is_free_is_large_enough():
    buffers = Buffers(2)
    buffers.give(buffers.take((4, 4)))
    assert buffers.take((8, 8)).shape == (8, 8)


def test_only_so_many_are_kept_and_other_arrays_not_at_all():
    buffers = Buffers(1)
    first, second = buffers.take((4,)), buffers.take((4,))
    other = np.zeros(4, dtype=np.float32)
    for one in (first, other, other[:2], second):
        buffers.give(one)
    again = [buffers.take((4,)) for _ in range(2)]
    assert np.shares_memory(again[0], second)
    assert not any(np.shares_memory(again[1], one) for one in (first, second, other))


def test_cleared_buffers_hand_out_fresh_memory():
    buffers = Buffers(1)
    first = buffers.take((2, 30, 40))
    buffers.give(first)
    buffers.clear()
    assert not np.shares_memory(first, buffers.take((2, 30, 40)))
