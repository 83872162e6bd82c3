import csv
import os
from pathlib import Path

import numpy as np
import pytest

from ml_core.inputs.sentinel1.noisepriors import noise_prior

DATA = Path(os.environ.get("SEAICE_TEST_DATA", ""), "noise_scaling", "published_scaling.csv")


@pytest.mark.skipif(not DATA.is_file(), reason="SEAICE_TEST_DATA is not set")
def test_priors_are_the_published_figures():
    published = {}
    for row in csv.DictReader(DATA.open()):
        key = row["platform"], row["mode"], row["polarisation"], float(row["ipf"])
        published.setdefault(key, []).append((row["noise_scale"], row["power_balance"]))
    assert len(published) > 20
    for key, rows in published.items():
        found = noise_prior(*key, len(rows))
        scale, offset = np.array(rows, float).T
        assert found.scale == pytest.approx(scale, abs=0.0051)
        assert found.offset == pytest.approx(offset, abs=1.1e-6)
        assert found.source == f"published for {key[0]}, IPF {found.source.split()[-1]}"


def test_the_last_published_processor_before_counts():
    assert noise_prior("S1A", "EW", "HV", 3.52, 5).source == "published for S1A, IPF 3.1"
    assert noise_prior("S1A", "EW", "HV", 2.1, 5).source == "published for S1A, IPF 2.4"


@pytest.mark.parametrize(
    "key", [("S1C", "EW", "HV", 3.9, 5), ("S1A", "EW", "HV", None, 5), ("S1A", "EW", "HV", 3.1, 4)]
)
def test_where_nothing_is_published_the_annotated_noise_is_assumed(key):
    found = noise_prior(*key)
    assert (found.scale == 1).all()
    assert (found.offset == 0).all()
    assert found.scale.size == key[-1]
    assert found.source == "none published"
