"""The shipped model-designer model and the batch recipe, as an analyst runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from osgeo import gdal
from qgis.core import QgsProcessing, QgsProcessingModelAlgorithm

ROOT = Path(__file__).resolve().parents[2]
MODEL3 = ROOT / "resources" / "models" / "sentinel1_to_sic.model3"
RECIPE = ROOT / "resources" / "recipes" / "sentinel1_folder_to_sic.py"

BUILD = """
import sys
from ml_core import checkpoint, networks
from ml_core.checkpoint import ModelCard
from ml_core.networks import NetworkConfig
from tests.builders.safe import MadeUp, zipped
folder = sys.argv[1]
safe = MadeUp(digital_numbers={"HV": 150}).write(folder + "/scenes")
zipped(safe, folder + "/scenes/S1B_EW_GRDM_1SDH_ZIPPED.zip")
(MadeUp(platform="D", polarisations=("HH",))).write(folder + "/scenes")
config = NetworkConfig("same_resolution_cnn", filters=2, depth=1, kernel_size=3)
state = networks.build(config).state_dict()
card = ModelCard(config.to_dict(), ("HH", "HV"), (-15.0, -25.0), (5.0, 5.0), 160.0)
tensors = {"member0." + name: tensor.numpy() for name, tensor in state.items()}
checkpoint.save(folder + "/net.safetensors", tensors, card)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, worker_python):
    """A folder with a network and products: one in a folder, one zipped, one without HV."""
    folder = tmp_path_factory.mktemp("folder")
    (folder / "scenes").mkdir()
    subprocess.run([worker_python, "-c", BUILD, str(folder)], cwd=ROOT, check=True)
    return folder


def test_the_model_is_whole_and_what_the_tool_writes(plugin, tmp_path):
    model = QgsProcessingModelAlgorithm()
    assert model.fromFile(str(MODEL3))
    assert model.canExecute()[0]
    assert model.validate() == (True, [])
    import models

    written = tmp_path / "again.model3"
    models.sentinel1_to_sic().toFile(str(written))
    again = QgsProcessingModelAlgorithm()
    assert again.fromFile(str(written))
    kind = QgsProcessing.PythonOutputType.PythonQgsProcessingAlgorithmSubclass
    assert again.asPythonCode(kind, 4) == model.asPythonCode(kind, 4)


def test_a_product_becomes_a_sic_layer_by_one_call(plugin, qgis_process, folder, tmp_path):
    model = QgsProcessingModelAlgorithm()
    assert model.fromFile(str(MODEL3))
    # predict:SIC in QGIS 3.22, sic in newer ones
    names = {each.description(): each.name() for each in model.destinationParameterDefinitions()}
    product = next((folder / "scenes").glob("S1A*.SAFE"))
    done = qgis_process(
        "run",
        str(MODEL3),
        "--",
        f"PRODUCT={product}",
        f"MODEL={folder}/net.safetensors",
        f"{names['SIC']}={tmp_path}/sic.tif",
    )
    assert done.returncode == 0, done.stdout
    sic = gdal.Open(f"{tmp_path}/sic.tif")
    assert sic.GetGeoTransform()[1] == 160
    assert sic.GetMetadataItem("SEAICE_PLATFORM") == "S1A"
    assert sic.GetMetadataItem("SEAICE_NOISE_CROSSPOL").startswith("scaled")
    values = sic.ReadAsArray()
    assert 1000 < (values != -9999).sum() < 4000


def test_the_noise_is_removed_as_a_network_wants_it(plugin, qgis_process, folder, tmp_path):
    model = QgsProcessingModelAlgorithm()
    assert model.fromFile(str(MODEL3))
    names = {each.description(): each.name() for each in model.destinationParameterDefinitions()}
    done = qgis_process(
        "run",
        str(MODEL3),
        "--",
        f"PRODUCT={next((folder / 'scenes').glob('S1A*.SAFE'))}",
        f"MODEL={folder}/net.safetensors",
        "NOISE=esa",
        f"{names['SIC']}={tmp_path}/sic.tif",
    )
    assert done.returncode == 0, done.stdout
    sic = gdal.Open(f"{tmp_path}/sic.tif")
    assert sic.GetMetadataItem("SEAICE_NOISE").startswith("ESA")
    assert sic.GetMetadataItem("SEAICE_NOISE_CROSSPOL") is None


def test_the_recipe_maps_a_folder_and_can_be_started_again(qgis_process, folder, tmp_path, plugins):
    command = [
        sys.executable,
        str(RECIPE),
        str(folder / "scenes"),
        str(folder / "net.safetensors"),
        str(tmp_path / "maps"),
        "RESOLUTION=100",
    ]

    def run():
        return subprocess.run(
            command,
            env={**qgis_process.environment, "QGIS_PROCESS": qgis_process.program},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    first = run()
    assert first.returncode == 1, first.stdout
    assert "3 products" in first.stdout
    assert "holds HH only; expected HH and HV" in first.stdout
    maps = sorted(path.name for path in (tmp_path / "maps").glob("*.tif"))
    assert maps == ["S1A_EW_GRDM_1SDH_TEST_sic.tif", "S1B_EW_GRDM_1SDH_ZIPPED_sic.tif"]
    stamps = [os.stat(tmp_path / "maps" / name).st_mtime_ns for name in maps]
    again = run()
    assert again.stdout.count("there already") == 2
    assert [os.stat(tmp_path / "maps" / name).st_mtime_ns for name in maps] == stamps
