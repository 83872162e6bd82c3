import numpy as np
import pytest

from ml_core.inputs.ai4arctic.standardisation import MEAN_AND_STD, physical


@pytest.mark.parametrize(
    ("variable", "stored", "published"),
    [  # lowest and highest of the scene of 2018-01-24, as its two files are described
        ("btemp_6_9h", (-1.131, 1.387), (79.148, 234.367)),
        ("btemp_18_7v", (-1.262, 1.343), (183.188, 256.266)),
        ("btemp_36_5h", (-1.449, 1.656), (129.18, 249.172)),
        ("btemp_36_5v", (-1.217, 1.526), (206.727, 255.141)),
        ("btemp_89_0v", (-2.912, 1.013), (193.758, 257.781)),
        ("distance_map", (-1.576, 1.159), (0, 41)),
    ],
)
def test_published_extremes_of_one_scene_come_back(variable, stored, published):
    assert physical(variable, np.array(stored)) == pytest.approx(published, abs=0.07)


def test_every_channel_of_amsr2_is_known():
    bands = ("6_9", "7_3", "10_7", "18_7", "23_8", "36_5", "89_0")
    assert {f"btemp_{band}{pol}" for band in bands for pol in "hv"} <= set(MEAN_AND_STD)
    # brighter in vertical polarisation, at every frequency
    for band in bands:
        assert MEAN_AND_STD[f"btemp_{band}v"][0] > MEAN_AND_STD[f"btemp_{band}h"][0]


def test_backscatter_is_float32_and_inverts_the_scaling():
    decibels = np.linspace(-45, 5, 11)
    mean, std = MEAN_AND_STD["nersc_sar_secondary"]
    back = physical("nersc_sar_secondary", ((decibels - mean) / std).astype(np.float32))
    assert back.dtype == np.float32
    assert back == pytest.approx(decibels, abs=1e-4)
