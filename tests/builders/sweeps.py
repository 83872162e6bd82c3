"""Runs of a sweep, made up."""

from ml_core.sweep.runs import SweepRun


def make_run(seed, training, validation, rmse, **more):
    """A run of one configuration: losses by epoch, and RMSE by part."""
    return SweepRun(
        "unet",
        "16 filters, depth 4",
        "none",
        seed,
        1000,
        training_loss=training,
        validation_loss=validation,
        rmse_percent=rmse,
        best_epoch=2,
        **more,
    )
