import pytest

from ml_core.errors import SeaIceError
from ml_core.jobs import TrainJob
from ml_core.networks import NetworkConfig
from ml_core.raster.reading import open_band
from ml_core.raster.reference import Reference
from ml_core.training.config import TrainingConfig
from tests.builders.rasters import sigma0_db


def config(channels=("HH", "HV"), footprint_px=1.0, **parameters):
    job = TrainJob(training_set="set", model="net", report="r.html", **parameters)
    return TrainingConfig.from_job(job, channels, footprint_px=footprint_px)


def test_the_network_has_the_scenes_channels_and_the_tasks_outputs():
    found = config(("HH", "HV", "incidence_angle"), task="classes", class_bounds=(15, 80))
    assert (found.network.in_channels, found.network.out_channels) == (3, 3)
    assert config().network.out_channels == 1
    assert config(architecture="patch_cnn").network == NetworkConfig.of("patch_cnn")


@pytest.mark.parametrize(
    ("task", "match", "footprint_px", "observes"),
    [
        ("regression", "auto", 40.0, True),
        ("regression", "footprints", 40.0, True),
        ("regression", "pixels", 40.0, False),
        ("regression", "auto", 1.2, False),  # the reference is as fine as the pixels
        ("regression", "footprints", 1.2, False),
        ("classes", "auto", 40.0, False),
        ("classes", "footprints", 40.0, True),
    ],
)
def test_sic_is_compared_as_the_reference_sees_the_ground(task, match, footprint_px, observes):
    found = config(task=task, match=match, footprint_px=footprint_px)
    assert found.task.observes == observes
    assert found.fit.cell_px == (5 if observes else 1)
    assert found.fit.learning_rate == (1.5e-3 if observes else 4e-3)
    given = config(task=task, match=match, footprint_px=footprint_px, learning_rate=0.01)
    assert given.fit.learning_rate == 0.01
    assert found.task.loss_unit == ("%²" if observes or task == "regression" else "nat")


def test_another_seed_changes_the_fit_alone():
    first, second = config(seed=1), config(seed=1).with_seed(7)
    assert second.fit.seed == 7
    assert second.with_seed(1) == first


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"chip_size": 16, "depth": 5}, "Chip size 16 px is less than the 32 px that the network"),
        ({"chip_size": 100, "depth": 3}, r"no multiple of 8 px.* give 96 or 104, or a smaller"),
        (
            {"chip_size": 160, "footprint_px": 120.0},
            r"a chip of 160 px is only 1\.3 footprints wide; give a Chip size of at least 240 px",
        ),
        (
            {"task": "classes", "match": "footprints", "footprint_px": 40, "class_weights": True},
            "compared by their expected SIC and cannot be weighted",
        ),
    ],
)
def test_chips_that_fit_neither_network_nor_footprint_are_refused(parameters, message):
    with pytest.raises(SeaIceError, match=message):
        config(**parameters)


@pytest.mark.parametrize("task", ["regression", "classes"])
def test_classes_refuse_a_reference_of_fractions(raster, task):
    fractions = (sigma0_db((20, 20)) - sigma0_db((20, 20)).min()) / 40
    with open_band(raster("sic.tif", fractions)) as band:
        reference = Reference(band, None)
        if task == "regression":
            config(task=task).check_reference(reference)
            return
        with pytest.raises(SeaIceError, match=r"sic\.tif holds values of 0 to 1, and class bounds"):
            config(task=task).check_reference(reference)
