"""A job's fields as Processing parameters, and a run's values as a job: one table, both ways."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Tuple, Type

from qgis.core import (
    QgsMapLayer,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingParameterBand,
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
    QgsProject,
    QgsProperty,
    QgsRasterLayer,
    QgsVectorLayer,
)

from . import layers
from .core import errors, fields, jobs

Kind, Spec = fields.Kind, fields.Spec
Values = Mapping[str, Any]


def parameter_name(field: str) -> str:
    """Return the Processing parameter's name of a job's field."""
    return field.upper()


def band_name(field: str) -> str:
    """Return the name of the parameter that picks a band of a raster field."""
    return f"{field.upper()}_BAND"


def definitions(job: Type[jobs.Job]) -> Iterator[QgsProcessingParameterDefinition]:
    """Yield the Processing parameters of a job, in the order of its fields."""
    for field, spec in job.specs():
        definition = _MAKE[spec.kind](parameter_name(field), spec, job.default(field))
        yield _finished(definition, spec, help_text(spec))
        if spec.band:
            band = QgsProcessingParameterBand(
                band_name(field), f"{spec.label}: band", 1, parameter_name(field), optional=True
            )
            # Folded: most files have one band, and whoever gives one band twice is told.
            help_ = f"The band of {spec.label} in its file, from 1."
            yield _finished(band, replace(spec, advanced=True), help_)


def _finished(
    definition: QgsProcessingParameterDefinition, spec: fields.Spec, help_: str
) -> QgsProcessingParameterDefinition:
    if spec.advanced:
        flag = QgsProcessingParameterDefinition.Flag.FlagAdvanced
        definition.setFlags(definition.flags() | flag)
    definition.setHelp(help_)
    return definition


def help_text(spec: fields.Spec) -> str:
    """Return a parameter's help with what it accepts."""
    accepts = ""
    if spec.choices:
        named = "; ".join(f"{choice.id}: {choice.label}" for choice in spec.choices)
        accepts = f" One of {named}." if spec.kind is Kind.CHOICE else f" Any of {named}."
    elif fields.bounds_text(spec):
        accepts = f" {fields.bounds_text(spec).capitalize()}."
    return spec.help + accepts


def help_html(job: Type[jobs.Job]) -> str:
    """Return the help panel's text: what the job does, and each parameter."""
    inputs, advanced, outputs = [], [], []
    for field, spec in job.specs():
        item = f"<p><b>{escape(spec.title)}</b> ({parameter_name(field)}): {_html(spec)}</p>"
        group = outputs if spec.kind.is_output else advanced if spec.advanced else inputs
        group.append(item)
    outputs += [
        f"<p><b>{escape(number.label)}</b> ({number.name}): a number"
        f"{f', {escape(number.unit)}' if number.unit else ''}.</p>"
        for number in job.NUMBERS
    ]
    parts = [job.SUMMARY]
    for title, group in (("Inputs", inputs), ("Advanced", advanced), ("Outputs", outputs)):
        if group:
            parts.append(f"<h3>{title}</h3>{''.join(group)}")
    return "".join(parts)


def _html(spec: fields.Spec) -> str:
    text = escape(spec.help)
    if spec.choices:
        items = "".join(
            f"<li><code>{escape(choice.id)}</code>: {escape(choice.label)}</li>"
            for choice in spec.choices
        )
        return f"{text}<ul>{items}</ul>"
    bounds = fields.bounds_text(spec)
    return f"{text} {escape(bounds.capitalize())}." if bounds else text


# Definitions: one function per kind.

_Make = Callable[[str, fields.Spec, Any], QgsProcessingParameterDefinition]


def _raster(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterRasterLayer(name, spec.title, None, spec.optional)


def _layers(source_type: Any) -> _Make:
    def make(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
        return QgsProcessingParameterMultipleLayers(
            name, spec.title, source_type, None, spec.optional
        )

    return make


def _vector(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    types = [QgsProcessing.SourceType.TypeVectorAnyGeometry]
    return QgsProcessingParameterVectorLayer(name, spec.title, types, None, spec.optional)


def _number(type_: Any) -> _Make:
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


def _flag(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterBoolean(name, spec.title, bool(default), spec.optional)


def _choice(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    several = spec.kind is Kind.CHOICES
    ids = [choice.id for choice in spec.choices]
    default = list(default or ()) if several else default
    return QgsProcessingParameterEnum(
        name, spec.title, ids, several, default, spec.optional, usesStaticStrings=True
    )


def _text(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    if spec.kind is Kind.NUMBERS and default:
        default = ", ".join(f"{value:g}" for value in default)
    return QgsProcessingParameterString(
        name, spec.title, default or None, spec.multiline, spec.optional or not default
    )


def _crs(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    # A CRS parameter with a default must be optional, or runs without it are refused.
    return QgsProcessingParameterCrs(name, spec.title, default, spec.optional or bool(default))


def _file(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
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
    return f"{kind} ({known})" if known else "All files (*.*)"


def _output_raster(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterRasterDestination(
        name, spec.title, None, spec.optional, spec.created
    )


def _output_file(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterFileDestination(
        name, spec.title, _filter(spec), None, spec.optional, spec.created
    )


def _output_folder(name: str, spec: fields.Spec, default: Any) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterFolderDestination(
        name, spec.title, None, spec.optional, spec.created
    )


# Values: one function per kind. What a dialog, a model or qgis_process gave, in the job's terms.


@dataclass(frozen=True)
class _Run:
    """What reading values needs to know of a run."""

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


_Read = Callable[[_Run, str, fields.Spec], Any]


def read(
    algorithm: QgsProcessingAlgorithm,
    job: Type[jobs.Job],
    values: Values,
    context: QgsProcessingContext,
    *,
    dry: bool = False,
) -> jobs.Job:
    """Return the job that a run's parameter values describe.

    Args:
        algorithm: The algorithm that has the job's parameters.
        job: The job's class.
        values: The values that the run was given.
        context: The run's context.
        dry: Only to check: no output is announced to the context and no layer is exported.

    Raises:
        SeaIceError: A value is missing or wrong.
    """
    run = _Run(algorithm, values, context, dry)
    found: Dict[str, Any] = {}
    for field, spec in job.specs():
        found[field] = _READ[spec.kind](run, field, spec)
    return job(**found)


def _as_raw(run: _Run, field: str, spec: fields.Spec) -> Any:
    return run.raw(parameter_name(field))


def _as_raster(run: _Run, field: str, spec: fields.Spec) -> Any:
    name = parameter_name(field)
    value = run.raw(name)
    if value is None or value == "":
        return None
    layer = run.algorithm.parameterAsRasterLayer(run.values, name, run.context)
    band = 1
    if spec.band:
        given = run.raw(band_name(field))
        band = fields_integer(given, f"{spec.label}: band") if given not in (None, "") else 1
    return layers.raster_source(_opened(layer, value, spec), band, spec.label)


def fields_integer(value: Any, label: str) -> int:
    """Return a whole number.

    Raises:
        SeaIceError: The value is none.
    """
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


def _as_rasters(run: _Run, field: str, spec: fields.Spec) -> Any:
    found = run.algorithm.parameterAsLayerList(run.values, parameter_name(field), run.context)
    sources = []
    for layer in found or ():
        if not isinstance(layer, QgsRasterLayer):
            raise errors.SeaIceError(f"{spec.label}: {layer.name()} is not a raster layer")
        sources.append(layers.raster_source(_opened(layer, layer.name(), spec), 1, spec.label))
    return sources


def _as_vector(run: _Run, field: str, spec: fields.Spec) -> Any:
    name = parameter_name(field)
    value = run.raw(name)
    if value is None or value == "":
        return None
    layer = run.algorithm.parameterAsVectorLayer(run.values, name, run.context)
    opened: QgsVectorLayer = _opened(layer, value, spec)
    return layers.vector_source(opened, spec.label, None if run.dry else run.context)


def _as_choices(run: _Run, field: str, spec: fields.Spec) -> Any:
    value = run.raw(parameter_name(field))
    return list(value) if isinstance(value, (list, tuple)) else value


def _as_crs(run: _Run, field: str, spec: fields.Spec) -> Any:
    name = parameter_name(field)
    value = run.raw(name)
    if value is None or value == "":
        return ""
    crs = run.algorithm.parameterAsCrs(run.values, name, run.context)
    if not crs.isValid():
        raise errors.SeaIceError(f"{spec.label}: {value!r} is not a CRS; give one as EPSG:3413")
    return layers.crs_text(crs)


def _as_file(run: _Run, field: str, spec: fields.Spec) -> Any:
    value = run.raw(parameter_name(field))
    if not isinstance(value, str) or not value.strip():
        return value
    return os.path.abspath(value)


def _as_files(run: _Run, field: str, spec: fields.Spec) -> Any:
    name = parameter_name(field)
    found = run.algorithm.parameterAsFileList(run.values, name, run.context)
    return [os.path.abspath(path) for path in found if path]


def _as_output(run: _Run, field: str, spec: fields.Spec) -> Any:
    name = parameter_name(field)
    context = run.context
    if run.dry:
        # Reading an output tells the context to load it; that is for the run itself.
        context = QgsProcessingContext()
        context.setProject(run.context.project())
    if spec.optional and _plain(run.values.get(name)) in (None, ""):
        return None  # as QGIS has it: an optional output that is not named is not written
    if spec.kind is Kind.OUTPUT_RASTER:
        path = run.algorithm.parameterAsOutputLayer(run.values, name, context)
    else:
        path = run.algorithm.parameterAsFileOutput(run.values, name, context)
    return os.path.abspath(path) if path else None


# The table.

_Number = QgsProcessingParameterNumber.Type
_Source = QgsProcessing.SourceType
_TABLE: Dict[fields.Kind, Tuple[_Make, _Read]] = {
    Kind.RASTER: (_raster, _as_raster),
    Kind.RASTERS: (_layers(_Source.TypeRaster), _as_rasters),
    Kind.VECTOR: (_vector, _as_vector),
    Kind.INTEGER: (_number(_Number.Integer), _as_raw),
    Kind.NUMBER: (_number(_Number.Double), _as_raw),
    Kind.FLAG: (_flag, _as_raw),
    Kind.CHOICE: (_choice, _as_raw),
    Kind.CHOICES: (_choice, _as_choices),
    Kind.TEXT: (_text, _as_raw),
    Kind.NUMBERS: (_text, _as_raw),
    Kind.CRS: (_crs, _as_crs),
    Kind.FILE: (_file, _as_file),
    Kind.FILES: (_layers(_Source.TypeFile), _as_files),
    Kind.FOLDER: (_file, _as_file),
    Kind.OUTPUT_RASTER: (_output_raster, _as_output),
    Kind.OUTPUT_FILE: (_output_file, _as_output),
    Kind.OUTPUT_HTML: (_output_file, _as_output),
    Kind.OUTPUT_FOLDER: (_output_folder, _as_output),
}
_MAKE: Dict[fields.Kind, _Make] = {kind: make for kind, (make, _) in _TABLE.items()}
_READ: Dict[fields.Kind, _Read] = {kind: reader for kind, (_, reader) in _TABLE.items()}


def refuse_overwriting(job: jobs.Job, project: Optional[QgsProject]) -> None:
    """Refuse an output that is an input or another output, or is open as a layer.

    Args:
        job: The job.
        project: The project whose layers are looked at; None: none are.

    Raises:
        SeaIceError: A file would be replaced while it is read.
    """
    labels = {field: spec.label for field, spec in job.specs()}
    written: Dict[str, str] = {}
    for field, path in job.output_paths().items():
        for other, source in job.input_paths().items():
            if layers.same_file(path, source):
                raise errors.SeaIceError(
                    f"{labels[field]}: {path} is the input {labels[other.partition('[')[0]]};"
                    " give the output another name"
                )
        for other, earlier in written.items():
            if layers.same_file(path, earlier):
                raise errors.SeaIceError(
                    f"{labels[field]}: {path} is also the output {labels[other]}; give one of them"
                    " another name"
                )
        written[field] = path
        layer = layers.open_layer(path, project.mapLayers().values()) if project else None
        if layer is not None:
            raise errors.SeaIceError(
                f"{labels[field]}: {path} is open in the project as the layer {layer}; remove the"
                " layer, or give the output another name"
            )
