import netCDF4
import numpy as np
import pytest
import rasterio

from ml_core.datasets.training_set import TrainingSet, folder_name
from ml_core.errors import JobError, SeaIceError
from ml_core.jobs import BuildTrainingSetJob, PredictJob, TrainJob
from tests.builders.ai4arctic import MadeUpArctic
from tests.builders.jobs import execute
from tests.builders.rasters import write_raster
from tests.builders.trainingsets import Built, scene_files

STARTS = "20180124T194759", "20180305T101618", "20190507T101118"


def made(number, **more):
    product = f"S1B_EW_GRDM_1SDH_{STARTS[number]}_{STARTS[number]}_02030{number}_022AA4_1F75"
    return MadeUpArctic(seed=number, product=product, **more)


def built(folder, path, **more):
    return Built(folder, ai4arctic=str(path), **{"resolution": None, **more})


def test_a_file_is_added_with_its_chart(tmp_path):
    scene = made(0)
    path = scene.raw(tmp_path)
    channels = ("distance_to_land_km", "btemp_36_5h")
    done = built(tmp_path / "set", path, resolution=80, ai4arctic_channels=channels)
    assert done.done.numbers["ADDED"] == 1
    training_set = TrainingSet.open(tmp_path / "set")
    assert training_set.shared.channels == ("HH", "HV", *channels)
    (name,) = training_set.names()
    data, record = training_set.data(name), training_set.record(name)
    sea = np.isfinite(np.asarray(data.array)).all(-1)
    assert record.pixels == sea.sum() > 10_000
    sic = scene.sic_percent[1::2, 1::2]
    assert np.array_equal(data.array[..., -1][sea], sic[sea])
    assert record.reference_date == "2018-01-24T19:47:00Z"
    assert record.hours_apart == pytest.approx(-0.02)
    assert record.acquisition["SEAICE_NOISE_CROSSPOL"] == "scaled by NERSC"
    assert record.footprint_m == pytest.approx(80, rel=0.01)
    assert any("off by 0.0 km (RMS)" in text for text in done.texts("info"))
    again = built(tmp_path / "set", path, resolution=80, ai4arctic_channels=channels)
    assert again.done.numbers["ADDED"] == 0


def test_a_folder_is_added_but_for_what_cannot_be_used(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    made(0).ready(folder)
    made(1).ready(folder, apart=True)
    broken = made(2).ready(folder)
    broken.write_bytes(broken.read_bytes()[:5000])
    done = built(tmp_path / "set", folder)
    assert done.done.numbers["ADDED"] == 2
    training_set = TrainingSet.open(tmp_path / "set")
    assert training_set.names() == ["20180124T194759_dmi", "20180305T101618_dmi"]
    assert training_set.shared.channels == ("HH", "HV", "incidence_angle")
    left_out = [text for text in done.texts("warning") if "20190507" in text]
    assert "Left out: 20190507T101118_dmi_prep.nc: cannot be opened" in left_out[0]
    assert "1 of 3 files were left out" in done.texts("warning")
    # one by one they are known again
    single = built(tmp_path / "set", folder / "20180124T194759_dmi_prep.nc")
    assert single.done.numbers["ADDED"] == 0


def test_a_folder_that_does_not_fit_the_set_ends_at_its_first_file(tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    built(tmp_path / "set", made(0).ready(tmp_path), ai4arctic_channels=())
    for number in (1, 2):
        made(number).ready(files)
    with pytest.raises(
        SeaIceError, match="the scene has HH, HV, incidence_angle, the training set"
    ):
        built(tmp_path / "set", files)


def test_a_file_whose_values_are_damaged_is_left_out_of_a_folder(tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    path, whole = made(0).raw(files), made(1).raw(files)
    content = bytearray(path.read_bytes())
    first = content.find(b"\x78\x01")  # where the first compressed values begin
    content[first + 100 : first + 300] = bytes(200)
    path.write_bytes(content)
    done = built(tmp_path / "set", files)
    assert "damaged, download it again" in done.events.warnings
    assert TrainingSet.open(tmp_path / "set").names() == [folder_name(whole.stem)]


def test_a_folder_without_a_usable_file_is_an_error(tmp_path):
    for number in (0, 1):
        made(number).raw(tmp_path, without=("polygon_codes",))
    with pytest.raises(
        SeaIceError, match=r"none of 2 files can be used; the first: .*polygon_codes"
    ):
        built(tmp_path / "set", tmp_path)
    assert not (tmp_path / "set").exists()


def test_a_single_file_that_cannot_be_used_is_an_error(tmp_path):
    path = made(0).raw(tmp_path)
    with netCDF4.Dataset(path, "a") as file:
        file["distance_map"][:] = 0
    with pytest.raises(SeaIceError, match="no pixel off land has all of HH, HV"):
        built(tmp_path / "set", path)


def test_charts_of_other_days_are_left_out_unless_allowed(tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    made(0).raw(files)
    late = made(1, chart="dmi_201803071018_SouthEast_RIC").raw(files)
    done = built(tmp_path / "set", files)
    assert done.done.numbers["ADDED"] == 1
    assert "48.0 h apart" in done.events.warnings
    with pytest.raises(SeaIceError, match="Give the reference of the scene's time, or a Largest"):
        built(tmp_path / "set", late)
    assert built(tmp_path / "set", late, max_hours_apart=50).done.numbers["ADDED"] == 1


def test_noise_that_was_handled_otherwise_does_not_join_a_set(tmp_path):
    built(tmp_path / "set", made(0).raw(tmp_path, esa=True))
    with pytest.raises(SeaIceError, match="the thermal noise of HV was handled as esa"):
        built(tmp_path / "set", made(1).raw(tmp_path, esa=True), ai4arctic_noise="esa")


def test_a_name_is_for_one_scene(tmp_path):
    for number in (0, 1):
        made(number).ready(tmp_path)
    with pytest.raises(SeaIceError, match="'mine' is given for 2 files; leave it empty"):
        built(tmp_path / "set", tmp_path, name="mine")
    path = tmp_path / "20180124T194759_dmi_prep.nc"
    built(tmp_path / "set", path, name="mine")
    assert TrainingSet.open(tmp_path / "set").names() == ["mine"]


def test_a_file_comes_without_layers(tmp_path):
    layers = scene_files(tmp_path, 0, angle=True)
    with pytest.raises(
        JobError, match="HH backscatter, HV backscatter, Incidence angle, Reference"
    ):
        BuildTrainingSetJob(ai4arctic="a.nc", training_set="set", **layers)


def test_raw_and_ready_to_train_scenes_meet_in_a_set(tmp_path):
    built(tmp_path / "set", made(0).ready(tmp_path))
    done = built(tmp_path / "set", made(1).raw(tmp_path))
    assert done.done.numbers["SCENES"] == 2
    training_set = TrainingSet.open(tmp_path / "set")
    assert {training_set.record(name).shape_px for name in training_set.names()} == {(150, 160)}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A network that learnt from two scenes with brightness temperatures."""
    folder = tmp_path_factory.mktemp("network")
    for number in (0, 1):
        made(number).ready(folder)
    built(folder / "set", folder, ai4arctic_channels=("btemp_36_5h",))
    model = folder / "net.safetensors"
    small = {"architecture": "same_resolution_cnn", "filters": 2, "depth": 1, "epochs": 1}
    few = {"chip_size": 32, "chips_per_epoch": 8, "dropout": 0, "validation_fraction": 0.5}
    execute(TrainJob(training_set=str(folder / "set"), model=str(model), **small, **few))
    return str(model)


def predicted(folder, network, *, noise="scaled", extra=True):
    scene = made(2)
    layers = {}
    for name, image in zip(("hh", "hv"), scene.images_db, strict=True):
        tags = {"SEAICE_NOISE": noise if name == "hv" else "ESA", "SEAICE_PLATFORM": "S1B"}
        layers[name] = write_raster(folder / f"{name}.tif", image, size=40, tags=tags)
    if extra:
        path = write_raster(folder / "tb.tif", np.float32(scene.btemp("btemp_36_5h")), size=2000)
        with rasterio.open(path, "r+") as dataset:
            dataset.set_band_description(1, "btemp_36_5h")
        layers["extra"] = (path,)
    return execute(PredictJob(model=network, output=str(folder / "sic.tif"), **layers))


def test_a_network_of_brightness_temperatures_wants_them_by_name(tmp_path, network):
    done, events = predicted(tmp_path, network)
    assert done.numbers["VALID_FRACTION"] > 0.8
    assert "source Sentinel-1 (AI4Arctic, ready-to-train)" in events.warnings
    with pytest.raises(SeaIceError, match="btemp_36_5h"):
        predicted(tmp_path, network, extra=False)


def test_a_network_of_nerscs_noise_removal_takes_scaled_noise_alone(tmp_path, network):
    with pytest.raises(SeaIceError, match="the thermal noise of HV was handled as esa"):
        predicted(tmp_path, network, noise="esa")
