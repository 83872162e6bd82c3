from ml_core.reports.sweep import table_of_runs
from tests.builders.sweeps import make_run


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
