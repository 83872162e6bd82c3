"""The provider: its algorithms, their names and their help."""

from __future__ import annotations

import os

import pytest
from qgis.core import QgsApplication, QgsProcessingParameterDefinition

from ml_core.jobs import JOBS
from seaice_qgis.algorithms import ALGORITHMS

IDS = [algorithm.JOB.NAME for algorithm in ALGORITHMS]


def test_every_job_has_its_algorithm_and_the_environment_can_be_installed(plugin):
    provider = QgsApplication.processingRegistry().providerById("seaice")
    assert {algorithm.name() for algorithm in provider.algorithms()} == {
        *JOBS,
        "installenvironment",
    }


def test_only_geotiff_is_offered_for_rasters(plugin):
    provider = QgsApplication.processingRegistry().providerById("seaice")
    assert provider.supportedOutputRasterLayerExtensions() == ["tif"]
    assert provider.defaultRasterFileExtension() == "tif"


@pytest.mark.parametrize("name", IDS)
def test_every_parameter_is_explained(algorithm, name):
    found = algorithm(name)
    help_ = found.shortHelpString()
    for definition in found.parameterDefinitions():
        assert definition.help()
        assert definition.name() == definition.name().upper()
        if not definition.name().endswith("_BAND"):
            assert f"({definition.name()})" in help_


@pytest.mark.parametrize("name", IDS)
def test_every_algorithm_has_its_own_icon(algorithm, name):
    found = algorithm(name)
    assert os.path.isfile(found.svgIconPath())
    assert os.path.basename(found.svgIconPath()) == f"{name}.svg"
    assert not found.icon().isNull()


@pytest.mark.parametrize("name", IDS)
def test_names_labels_and_groups(algorithm, name):
    found = algorithm(name)
    assert found.displayName()
    assert found.group()
    assert found.groupId().isalnum()
    assert found.groupId().islower()


def test_the_names_that_scripts_use(algorithm):
    found = algorithm("train")
    train = {definition.name() for definition in found.parameterDefinitions()}
    assert train >= set(
        [
            "HH",
            "HV",
            "HH_BAND",
            "HV_BAND",
            "INCIDENCE",
            "REFERENCE",
            "REFERENCE_MASK",
            "MASK",
            "UNITS",
            "RESOLUTION",
            "FOOTPRINT",
            "ARCHITECTURE",
            "TASK",
            "FILTERS",
            "DEPTH",
            "DROPOUT",
            "L2",
            "EPOCHS",
            "PATIENCE",
            "BATCH_SIZE",
            "CHIP_SIZE",
            "LEARNING_RATE",
            "VALIDATION_FRACTION",
            "SEED",
            "DEVICE",
            "MODEL",
            "REPORT",
        ]
    )
    outputs = {definition.name() for definition in found.outputDefinitions()}
    assert outputs >= {"MODEL", "REPORT", "TRAIN_RMSE", "VALIDATION_RMSE", "BEST_EPOCH"}
    found = algorithm("predict")
    predict = {definition.name() for definition in found.parameterDefinitions()}
    assert predict >= set(
        [
            "HH",
            "HV",
            "HH_BAND",
            "HV_BAND",
            "INCIDENCE",
            "MASK",
            "MODEL",
            "UNITS",
            "TILE_SIZE",
            "OVERLAP",
            "RUNTIME",
            "DEVICE",
            "OUTPUT",
        ]
    )


def test_reports_are_html_outputs_so_that_the_results_viewer_lists_them(algorithm):
    train = algorithm("train")
    assert train.outputDefinition("REPORT").type() == "outputHtml"


def test_advanced_parameters_are_folded_and_main_ones_are_not(algorithm):
    train = algorithm("train")
    flag = QgsProcessingParameterDefinition.Flag.FlagAdvanced

    def folded(name):
        return bool(train.parameterDefinition(name).flags() & flag)

    assert folded("LEARNING_RATE")
    assert not any(folded(name) for name in ("HH", "HV", "REFERENCE", "MODEL", "REPORT"))


def test_the_plugin_loads_into_a_window_and_out_again(plugin, qgis_iface):
    import seaice_qgis

    plugin.unload()
    registry = QgsApplication.processingRegistry()
    try:
        with_window = seaice_qgis.classFactory(qgis_iface)
        with_window.initGui()
        assert registry.providerById("seaice") is not None
        with_window.unload()
        assert registry.providerById("seaice") is None
    finally:
        plugin.initProcessing()
