"""What a dialog, a model or qgis_process gave for a parameter, in a job's terms."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional

from qgis.core import (
    QgsMapLayer,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingParameterDefinition,
    QgsProcessingUtils,
    QgsProperty,
    QgsRasterLayer,
    QgsVectorLayer,
)

from . import layers
from .core import errors, fields

Kind = fields.Kind
Values = Mapping[str, Any]


def parameter_name(field: str) -> str:
    """Return the Processing parameter's name of a job's field."""
    return field.upper()


def band_name(field: str) -> str:
    """Return the name of the parameter that picks a band of a raster field."""
    return f"{field.upper()}_BAND"


@dataclass(frozen=True)
class Run:
    """What reading values needs to know of a run.

    Attributes:
        algorithm: It has the parameters.
        values: What the run was given.
        dry: Only to check: no output is announced to the context and no layer is exported.
    """

    algorithm: QgsProcessingAlgorithm
    values: Values
    context: QgsProcessingContext
    dry: bool

    def raw(self, name: str) -> Any:
        """Return a value as it was given, an expression evaluated, a default filled in.

        Not through QGIS's own reading: that gives 0 for an absent number and for text that is
        none, and True for ``no``.
        """
        definition = self.algorithm.parameterDefinition(name)
        value = self.values[name] if name in self.values else definition.defaultValue()
        if isinstance(value, QgsProperty):
            value, valid = value.value(self.context.expressionContext(), definition.defaultValue())
            if not valid:
                raise errors.SeaIceError(f"{definition.description()}: the expression fails")
        value = _plain(value)
        optional = bool(definition.flags() & _OPTIONAL)
        # A model passes on nothing where its own input was left at its default.
        return definition.defaultValue() if value is None and not optional else value


_OPTIONAL = QgsProcessingParameterDefinition.Flag.FlagOptional


def _plain(value: Any) -> Any:
    """Return None for QGIS's null."""
    return None if value is None or (hasattr(value, "isNull") and value.isNull()) else value


Read = Callable[[Run, str, fields.Spec], Any]
"""Reads the value of a field."""


def as_raw(run: Run, field: str, spec: fields.Spec) -> Any:
    """Return a value as it was given; the job checks it."""
    return run.raw(parameter_name(field))


def as_raster(run: Run, field: str, spec: fields.Spec) -> Any:
    """Return a raster layer and its band."""
    name = parameter_name(field)
    value = run.raw(name)
    if value is None or value == "":
        return None
    layer = run.algorithm.parameterAsRasterLayer(run.values, name, run.context)
    band = 1
    if spec.band:
        given = run.raw(band_name(field))
        band = _integer(given, f"{spec.label}: band") if given not in (None, "") else 1
    return layers.raster_source(_opened(layer, value, spec), band, spec.label)


def _integer(value: Any, label: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise errors.SeaIceError(f"{label}: expected a whole number, got {value!r}") from None


def _opened(layer: Optional[QgsMapLayer], value: Any, spec: fields.Spec) -> Any:
    if layer is None or not layer.isValid():
        name = value.name() if isinstance(value, QgsMapLayer) else value
        raise errors.SeaIceError(
            f"{spec.label}: {name} cannot be opened as a layer; check that the file exists and"
            " that QGIS can show it"
        )
    return layer


def as_rasters(run: Run, field: str, spec: fields.Spec) -> Any:
    """Return every band of several raster layers."""
    value = run.raw(parameter_name(field))
    if value is None or value == "":
        return []
    sources = []
    # one by one: QGIS's own reading of the list leaves out what it cannot open
    for item in value if isinstance(value, (list, tuple)) else [value]:
        layer = item
        if not isinstance(item, QgsMapLayer):
            layer = QgsProcessingUtils.mapLayerFromString(str(item), run.context)
        opened = _opened(layer, item, spec)
        if not isinstance(opened, QgsRasterLayer):
            raise errors.SeaIceError(f"{spec.label}: {opened.name()} is not a raster layer")
        sources += [
            layers.raster_source(opened, band, spec.label)
            for band in range(1, opened.bandCount() + 1)
        ]
    return sources


def as_vector(run: Run, field: str, spec: fields.Spec) -> Any:
    """Return a vector layer."""
    name = parameter_name(field)
    value = run.raw(name)
    if value is None or value == "":
        return None
    layer = run.algorithm.parameterAsVectorLayer(run.values, name, run.context)
    opened: QgsVectorLayer = _opened(layer, value, spec)
    return layers.vector_source(opened, spec.label, None if run.dry else run.context)


def as_choices(run: Run, field: str, spec: fields.Spec) -> Any:
    """Return several choices."""
    value = run.raw(parameter_name(field))
    return list(value) if isinstance(value, (list, tuple)) else value


def as_crs(run: Run, field: str, spec: fields.Spec) -> Any:
    """Return a CRS."""
    name = parameter_name(field)
    value = run.raw(name)
    if value is None or value == "":
        return ""
    crs = run.algorithm.parameterAsCrs(run.values, name, run.context)
    if not crs.isValid():
        raise errors.SeaIceError(f"{spec.label}: {value!r} is not a CRS; give one as EPSG:3413")
    return layers.crs_text(crs)


def as_file(run: Run, field: str, spec: fields.Spec) -> Any:
    """Return a path that is read, made absolute."""
    value = run.raw(parameter_name(field))
    if not isinstance(value, str) or not value.strip():
        return value
    return os.path.abspath(value)


def as_output(run: Run, field: str, spec: fields.Spec) -> Any:
    """Return the path of an output."""
    name = parameter_name(field)
    context = run.context
    if run.dry:
        # Reading an output makes the context load it; that is for the run itself.
        context = QgsProcessingContext()
        context.setProject(run.context.project())
    if spec.optional and _plain(run.values.get(name)) in (None, ""):
        return None  # as QGIS has it: an optional output that is not named is not written
    if spec.kind is Kind.OUTPUT_RASTER:
        path = run.algorithm.parameterAsOutputLayer(run.values, name, context)
    else:
        path = run.algorithm.parameterAsFileOutput(run.values, name, context)
    return os.path.abspath(path) if path else None
