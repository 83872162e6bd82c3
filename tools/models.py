"""Writes the model-designer models in resources/models/; run inside QGIS's Python.

With QT_HASH_SEED=0 the file's lines keep their order, so that a change shows as one.

The models are built here, not drawn, so that a change of an algorithm's parameters is a change of
text. `tests/plugin/test_models.py` runs what this writes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
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
    advanced = QgsProcessingParameterNumber(
        "RESOLUTION",
        "Resolution of the backscatter [m]",
        QgsProcessingParameterNumber.Type.Double,
        80.0,
        False,
        1.0,
    )
    advanced.setFlags(advanced.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
    inputs = (
        QgsProcessingParameterFile("PRODUCT", "Sentinel-1 product"),
        QgsProcessingParameterFile("MODEL", "SIC network", extension="safetensors"),
        QgsProcessingParameterRasterLayer("MASK", "Mask, 0 or nodata on land", None, True),
        advanced,
    )
    for number, definition in enumerate(inputs):
        component = QgsProcessingModelParameter(definition.name())
        component.setPosition(QPointF(150, 90 + 90 * number))
        model.addModelParameter(definition, component)

    first = _child("importsentinel1", "Import Sentinel-1 scene", 420)
    first.addParameterSources("PRODUCT", [_Source.fromModelParameter("PRODUCT")])
    first.addParameterSources("NOISE", [_Source.fromStaticValue("esa")])
    first.addParameterSources("RESOLUTION", [_Source.fromModelParameter("RESOLUTION")])
    # HH, HV and the angle are no outputs of the model: an output that is not asked for is not made,
    # even where a later step needs it
    _fill_defaults(first)
    model.addChildAlgorithm(first)
    second = _child("predict", "Predict sea-ice concentration", 700)
    for name in _BACKSCATTER:
        second.addParameterSources(name, [_Source.fromChildOutput("importsentinel1", name)])
    for name in ("MASK", "MODEL"):
        second.addParameterSources(name, [_Source.fromModelParameter(name)])
    second.setModelOutputs({"SIC": _output("predict", "OUTPUT", "SIC")})
    _fill_defaults(second)
    model.addChildAlgorithm(second)
    return model


_BACKSCATTER = ("HH", "HV", "INCIDENCE")


def _child(name: str, text: str, x: float) -> QgsProcessingModelChildAlgorithm:
    child = QgsProcessingModelChildAlgorithm(f"seaice:{name}")
    child.setChildId(name)
    child.setDescription(text)
    child.setPosition(QPointF(x, 150))
    return child


def _fill_defaults(child: QgsProcessingModelChildAlgorithm) -> None:
    """Give a child's other parameters their defaults, as the model designer does."""
    given = child.parameterSources()
    for definition in child.algorithm().parameterDefinitions():
        default = definition.defaultValue()
        if (
            definition.name() not in given
            and not definition.isDestination()
            and default is not None
        ):
            child.addParameterSources(definition.name(), [_Source.fromStaticValue(default)])


def _output(child: str, source: str, name: str) -> QgsProcessingModelOutput:
    # newer QGIS releases make the output's name from its description
    output = QgsProcessingModelOutput(name, name)
    output.setChildId(child)
    output.setChildOutputName(source)
    output.setDescription(name)
    return output


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
