import numpy as np
import pytest

from ml_core.datasets.block_split import draw_split
from ml_core.jobs import CompareNetworksJob
from ml_core.reports.sweep import table_of_runs, write
from ml_core.sweep.runs import SweepRun
from ml_core.sweep.summary import summarise
from tests.builders.sweeps import make_run


def run_of(network, seed, rmse, **more):
    return SweepRun(
        network,
        "4 filters, depth 2",
        "dropout=0.2",
        seed,
        1234,
        seconds=2.0,
        best_epoch=2,
        training_loss=(400.0, 100.0),
        validation_loss=(500.0, 200.0),
        rmse_percent={"training": rmse - 1, "validation": rmse},
        baselines={"validation": {"network": rmse, "mean": 31.25, "linear": 12.5}},
        **more,
    )


RUNS = [run_of("unet", 1, 8.0), run_of("unet", 2, 9.0), run_of("patch_cnn", 1, 14.0)]


@pytest.fixture
def page(small_data, tmp_path):
    job = CompareNetworksJob(
        hh="hh.tif", hv="hv.tif", reference="sic.tif", report=str(tmp_path / "c.html")
    )
    split = draw_split(small_data.cells, 8.0, 0.2, np.random.default_rng(1))
    runs = [*RUNS, SweepRun("alexnet", "small", "none", 1, 9, error="diverged")]
    write(job.report, job, summarise(runs), runs, ["unet: too deep"], small_data, split)
    return (tmp_path / "c.html").read_text(encoding="utf-8")


def test_the_page_has_means_over_seeds_failures_and_what_is_left_out(page):
    assert "8.5 ± 0.7" in page  # of 8 and 9
    assert "diverged" in page
    assert "unet: too deep" in page
    assert "31.2" in page  # a baseline
    rows = page[page.index("Comparison with baselines") :]
    assert rows.index("unet 4 filters") < rows.index("linear regression") < rows.index("patch_cnn")


def test_the_table_has_a_line_for_a_failed_run():
    (row,) = table_of_runs([make_run(1, (), (), {}, error="diverged")])
    assert row["error"] == "diverged"
    assert row["seconds"] is None
    assert row["rmse_test_percent"] is None


def test_the_table_has_the_figures_of_a_run():
    (row,) = table_of_runs([make_run(3, (4.0, 2.0), (5.0, 3.0, 3.5), {"test": 9.0})])
    assert (row["seed"], row["epochs"], row["best_epoch"]) == (3, 2, 2)
    assert (row["training_loss_last"], row["validation_loss_last"]) == (2.0, 3.5)
    assert row["validation_loss_lowest"] == 3.0
    assert (row["rmse_test_percent"], row["rmse_training_percent"]) == (9.0, None)
