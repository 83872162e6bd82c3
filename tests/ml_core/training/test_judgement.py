import dataclasses

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from ml_core.evaluation.metrics import Density, ErrorSums
from ml_core.training.judgement import Judgement, beside_baselines, unbeaten
from ml_core.training.split import held_out, whole
from tests.ml_core.training.conftest import backscatter, data_of, ice


def with_grid(data, **more):
    return dataclasses.replace(data, grid=dataclasses.replace(data.grid, **more))


@pytest.fixture(scope="module")
def pair():
    """Two scenes of the same ice, the second a cell (2 px) farther south and with other speckle."""
    sic = ice((98, 128))
    first, second = (data_of(s, backscatter(s, k)) for k, s in enumerate((sic[:96], sic[2:])))
    return {
        "first": first,
        "second": with_grid(second, transform=second.grid.transform @ Affine.translation(0, 2)),
    }


def cells_of(data):
    return data.sums[..., -1] / data.cells.count


def errors_of(scenes):
    """RMSE on the second scene of a network that gives 5 % too much, and of the baselines."""
    reference = cells_of(scenes["second"])
    judged = Judgement(ErrorSums(), Density([0, 100]), reference + 5, reference)
    splits = {"first": whole(scenes["first"].cells), "second": held_out(scenes["second"].cells)}
    return beside_baselines({"second": judged}, scenes, splits)


def test_the_nearest_cell_is_looked_for_on_the_ground_that_scenes_share(pair):
    found = errors_of(pair)
    assert set(found) == {"network", "mean", "linear", "nearest"}
    assert found["network"] == pytest.approx(5)
    # the same ice, but for the last row, which the first scene does not reach
    error = np.zeros_like(cells_of(pair["second"]))
    error[-1] = cells_of(pair["first"])[-1] - cells_of(pair["second"])[-1]
    assert found["nearest"] == pytest.approx(np.sqrt(np.square(error).mean()))
    mean = cells_of(pair["first"]).mean()
    rmse = np.sqrt(np.square(cells_of(pair["second"]) - mean).mean())
    assert found["mean"] == pytest.approx(rmse)
    assert found["linear"] < 0.6 * found["mean"]


def test_scenes_in_different_projections_have_no_position_in_common(pair):
    scenes = {**pair, "first": with_grid(pair["first"], crs=CRS.from_epsg(6931))}
    assert set(errors_of(scenes)) == {"network", "mean", "linear"}


def test_a_network_that_does_not_beat_the_baselines_is_said_not_to():
    text = unbeaten({"network": 14.0, "linear": 12.25, "mean": 30.0}, "validation blocks")
    assert text == (
        "The network (RMSE 14.0 %) does not beat every baseline on the validation blocks; the best"
        " of them (linear regression on backscatter means) errs by 12.2 %"
    )
    assert unbeaten({"network": 14.0, "linear": 14.0}, "validation blocks")
    assert not unbeaten({"network": 9.0, "linear": 12.0, "mean": 30.0}, "validation blocks")
    assert not unbeaten({}, "validation blocks")
    assert not unbeaten({"network": 9.0}, "validation blocks")
