from contextlib import ExitStack

import numpy as np
import pytest

from ml_core.errors import SeaIceError
from ml_core.evaluation import flags
from ml_core.evaluation.reader import LayerReader
from ml_core.events import Reporter
from ml_core.jobs import EvaluateJob
from ml_core.raster.reference import Reference

SILENT = Reporter(lambda event: None)


def joined(**parameters):
    """The fields of all blocks by name, joined; and the reader."""
    job = EvaluateJob(**parameters)
    with ExitStack() as stack:
        reference = stack.enter_context(Reference.open(job.reference, job.footprint))
        reader = LayerReader(job, reference, stack, SILENT)
        whole = {}
        shares = []
        for share, block in reader.blocks():
            shares.append(share)
            for name in ("predicted", "reference", "kinds", "area_km2"):
                values = getattr(block, name)
                if values is not None:
                    array = whole.setdefault(name, np.full(reader.grid.shape, 99, values.dtype))
                    array[block.window.slices] = values
    assert shares[-1] == 1
    return whole, reader


COVERED = np.s_[1:-1, 1:-1]
"""The cells that the prediction covers: one more is read on each side."""


@pytest.fixture
def layers(write, make_grid):
    """A prediction of 1 km pixels, and a reference of 10 km that reaches farther."""
    rng = np.random.default_rng(1)
    predicted = rng.uniform(0, 100, (200, 300)).astype(np.float32)
    predicted[:20, :20] = -9999
    reference = rng.uniform(0, 100, (40, 50)).astype(np.float32)
    reference[12, 14], reference[12, 15], reference[12, 16] = 254, 251, -9999
    grid = make_grid(40, 50, 10_000, left=-600_000.0, top=-800_000.0)  # 10 cells before, 10 above
    return {
        "prediction": write("p.tif", predicted, make_grid(200, 300), nodata=-9999),
        "reference": write("r.tif", reference, grid, nodata=-9999),
    }, (predicted, reference)


def test_the_part_that_the_prediction_covers_is_read_with_its_cells_means(layers):
    sources, (predicted, reference) = layers
    found, reader = joined(**sources)
    assert reader.grid.shape == (22, 32)
    assert (reader.grid.transform.c, reader.grid.transform.f) == (-510_000, -890_000)
    means = predicted.reshape(20, 10, 30, 10).mean(axis=(1, 3))
    inside = np.s_[2:, 2:]
    np.testing.assert_allclose(found["predicted"][COVERED][inside], means[inside], rtol=1e-5)
    own = reference[10:30, 10:40]
    is_sic = (own >= 0) & (own <= 100)
    np.testing.assert_allclose(found["reference"][COVERED], np.where(is_sic, own, np.nan))


def test_every_cell_says_why_it_is_not_compared(layers, write, make_grid):
    sources, _ = layers
    mask = np.ones((200, 300), np.uint8)
    mask[:, 290:] = 0
    mask = write("mask.tif", mask, make_grid(200, 300))
    kinds = joined(**sources, mask=mask)[0]["kinds"][COVERED]
    assert (kinds[:2, :2] == flags.NO_PREDICTION).all()
    assert (kinds[2, 4], kinds[2, 5], kinds[2, 6]) == (flags.LAND, flags.POLE_HOLE, flags.NO_DATA)
    assert (kinds[:, 29] == flags.MASKED).all()
    assert (kinds == flags.COMPARED).sum() == 600 - 4 - 3 - 20
    as_water = joined(**sources, mask=mask, nodata_is_water=True)[0]
    assert as_water["kinds"][COVERED][2, 6] == flags.COMPARED
    assert as_water["reference"][COVERED][2, 6] == 0


def test_layers_apart_are_refused(layers, write, make_grid):
    sources, _ = layers
    far = write("far.tif", np.zeros((5, 5), np.float32), make_grid(5, 5, 10_000, left=2e6))
    with pytest.raises(SeaIceError, match=r"p\.tif and far\.tif do not overlap"):
        joined(prediction=sources["prediction"], reference=far)
