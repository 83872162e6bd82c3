"""From a field's description to its Processing parameter: one function per kind."""

from __future__ import annotations

from typing import Any, Callable

from qgis.core import (
    QgsProcessing,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterCrs,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorLayer,
)

from .core import fields

Kind = fields.Kind

Make = Callable[[str, fields.Spec, Any], QgsProcessingParameterDefinition]
"""Makes a parameter of a name, a description and a default."""


def raster(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterRasterLayer(name, spec.title, None, spec.optional)


def rasters(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    source_type = QgsProcessing.SourceType.TypeRaster
    return QgsProcessingParameterMultipleLayers(name, spec.title, source_type, None, spec.optional)


def vector(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    types = [QgsProcessing.SourceType.TypeVectorAnyGeometry]
    return QgsProcessingParameterVectorLayer(name, spec.title, types, None, spec.optional)


def number(type_: Any) -> Make:
    """Return what makes the parameter of a number of a type."""

    def make(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
        number = QgsProcessingParameterNumber(name, spec.title, type_, default, spec.optional)
        if spec.minimum is not None:
            number.setMinimum(spec.minimum)
        if spec.maximum is not None:
            number.setMaximum(spec.maximum)
        elif spec.below is not None:
            number.setMaximum(spec.below)
        if spec.kind is Kind.NUMBER:
            number.setMetadata({"widget_wrapper": {"decimals": spec.decimals}})
        return number

    return make


def flag(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterBoolean(name, spec.title, bool(default), spec.optional)


def choice(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    several = spec.kind is Kind.CHOICES
    ids = [choice.id for choice in spec.choices]
    default = list(default or ()) if several else default
    return QgsProcessingParameterEnum(
        name, spec.title, ids, several, default, spec.optional, usesStaticStrings=True
    )


def text(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    if spec.kind is Kind.NUMBERS and default:
        default = ", ".join(f"{value:g}" for value in default)
    return QgsProcessingParameterString(
        name, spec.title, default or None, spec.multiline, spec.optional
    )


def crs(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    # A CRS parameter with a default must be optional, or runs without it are refused.
    return QgsProcessingParameterCrs(name, spec.title, default, spec.optional or bool(default))


def file(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    behavior = QgsProcessingParameterFile.Behavior
    if spec.kind is Kind.FOLDER:
        return QgsProcessingParameterFile(
            name, spec.title, behavior.Folder, "", default, spec.optional
        )
    return QgsProcessingParameterFile(
        name, spec.title, behavior.File, "", default, spec.optional, _filter(spec)
    )


def _filter(spec: fields.Spec) -> str:
    known = " ".join(f"*.{extension}" for extension in spec.extension.split())
    kind = spec.description or spec.label
    return f"{kind} ({known})" if known else "All files (*)"


def output_raster(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterRasterDestination(
        name, spec.title, None, spec.optional, spec.created
    )


def output_file(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterFileDestination(
        name, spec.title, _filter(spec), None, spec.optional, spec.created
    )


def output_folder(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterFolderDestination(
        name, spec.title, None, spec.optional, spec.created
    )
