"""Writes the model-designer models in resources/models/; run inside QGIS's Python.

With QT_HASH_SEED=0 the file's lines keep their order, so that a change shows as one.

The models are built here, not drawn, so that a change of an algorithm's parameters is a change of
text. `tests/plugin/test_models.py` runs what this writes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Mapping, Optional, Tuple

from qgis.core import (
    QgsApplication,
    QgsProcessing,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterVectorLayer,
)
from qgis.PyQt.QtCore import QPointF

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "resources" / "models"

_Source = QgsProcessingModelChildParameterSource


def sentinel1_to_sic() -> QgsProcessingModelAlgorithm:
    """Return the model from a Sentinel-1 product and a network to a SIC layer."""
    model = QgsProcessingModelAlgorithm("Sentinel-1 product to SIC", "Sea ice", "sentinel1_to_sic")
    model.setHelpContent(
        {
            "ALG_DESC": "Calibrates and geocodes a Sentinel-1 GRD product (zip, manifest.safe or"
            " SAFE folder) and maps its sea-ice concentration (SIC) with a fitted network.",
            "ALG_CREATOR": "seaice_qgis",
        }
    )
    resolution = QgsProcessingParameterNumber(
        "RESOLUTION",
        "Resolution of the backscatter [m]",
        QgsProcessingParameterNumber.Type.Double,
        80.0,
        False,
        1.0,
    )
    # as in the scenes that the network learnt from, which need not be the default
    noise = QgsProcessingParameterEnum(
        "NOISE",
        "Thermal noise",
        options=["scaled", "esa", "none"],
        defaultValue="scaled",
        usesStaticStrings=True,
    )
    for definition in (resolution, noise):
        definition.setFlags(definition.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
    inputs = (
        QgsProcessingParameterFile("PRODUCT", "Sentinel-1 product"),
        QgsProcessingParameterFile("MODEL", "SIC network", extension="safetensors"),
        QgsProcessingParameterVectorLayer(
            "COASTLINE", "Coastline", [QgsProcessing.SourceType.TypeVectorPolygon], None, True
        ),
        QgsProcessingParameterRasterLayer("MASK", "Mask, 0 or nodata on land", None, True),
        QgsProcessingParameterMultipleLayers(
            "EXTRA", "Extra channels", QgsProcessing.SourceType.TypeRaster, None, True
        ),
        resolution,
        noise,
    )
    add_inputs(model, *inputs)
    # HH, HV and the angle are no outputs of the model: an output that is not asked for is not made,
    # even where a later step needs it
    add_step(
        model,
        "importsentinel1",
        420,
        inputs={name: name for name in ("PRODUCT", "RESOLUTION", "NOISE", "COASTLINE")},
    )
    add_step(
        model,
        "predict",
        700,
        inputs={"MASK": "MASK", "EXTRA": "EXTRA", "MODEL": "MODEL"},
        made={name: ("importsentinel1", name) for name in ("HH", "HV", "INCIDENCE")},
        outputs={"OUTPUT": "SIC"},
    )
    return model


def add_inputs(
    model: QgsProcessingModelAlgorithm, *definitions: QgsProcessingParameterDefinition
) -> None:
    """Give a model parameters."""
    for number, definition in enumerate(definitions):
        component = QgsProcessingModelParameter(definition.name())
        component.setPosition(QPointF(150, 90 + 90 * number))
        model.addModelParameter(definition, component)


def add_step(
    model: QgsProcessingModelAlgorithm,
    algorithm: str,
    x: float = 420.0,
    *,
    inputs: Optional[Mapping[str, str]] = None,
    values: Optional[Mapping[str, Any]] = None,
    made: Optional[Mapping[str, Tuple[str, str]]] = None,
    outputs: Optional[Mapping[str, str]] = None,
) -> None:
    """Add one of the plugin's algorithms to a model; its id there is the algorithm's name.

    Args:
        x: Where the designer draws it.
        inputs: Parameters that are the model's, by the name there.
        values: Parameters that have a value; others that have a default get that, as in the
            designer.
        made: Parameters that are outputs of earlier steps: the step and its output.
        outputs: Outputs that are the model's, by the name there.
    """
    step = QgsProcessingModelChildAlgorithm(f"seaice:{algorithm}")
    step.setChildId(algorithm)
    step.setDescription(step.algorithm().displayName())
    step.setPosition(QPointF(x, 150))
    defaults = {
        definition.name(): definition.defaultValue()
        for definition in step.algorithm().parameterDefinitions()
        if not definition.isDestination() and definition.defaultValue() is not None
    }
    sources = {
        name: _Source.fromStaticValue(value)
        for name, value in {**defaults, **(values or {})}.items()
    }
    sources.update({n: _Source.fromModelParameter(own) for n, own in (inputs or {}).items()})
    sources.update({n: _Source.fromChildOutput(*source) for n, source in (made or {}).items()})
    for name, source in sources.items():
        step.addParameterSources(name, [source])
    named = {}
    for name, own in (outputs or {}).items():
        # newer QGIS releases make the output's name from its description
        named[own] = QgsProcessingModelOutput(own, own)
        named[own].setChildId(algorithm)
        named[own].setChildOutputName(name)
        named[own].setDescription(own)
    step.setModelOutputs(named)
    model.addChildAlgorithm(step)
    model.updateDestinationParameters()


def main() -> None:
    """Write all models."""
    sys.path.insert(0, str(ROOT))
    QgsApplication.setPrefixPath("/usr", True)
    application = QgsApplication([], False)
    application.initQgis()
    import seaice_qgis

    plugin = seaice_qgis.classFactory(None)
    plugin.initProcessing()
    MODELS.mkdir(exist_ok=True)
    model = sentinel1_to_sic()
    if not model.toFile(str(MODELS / "sentinel1_to_sic.model3")):
        raise SystemExit("the model could not be written")
    plugin.unload()
    application.exitQgis()


if __name__ == "__main__":
    main()
