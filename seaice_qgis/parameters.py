"""A job's fields as Processing parameters, and a run's values as a job: one table, both ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Iterator, Optional, Tuple, Type

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingParameterBand,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterNumber,
    QgsProject,
)

from . import definitions, helptext, layers, values
from .core import errors, fields, jobs

Kind = fields.Kind
_Number = QgsProcessingParameterNumber.Type
_TABLE: Dict[fields.Kind, Tuple[definitions.Make, values.Read]] = {
    Kind.RASTER: (definitions.raster, values.as_raster),
    Kind.RASTERS: (definitions.rasters, values.as_rasters),
    Kind.VECTOR: (definitions.vector, values.as_vector),
    Kind.INTEGER: (definitions.number(_Number.Integer), values.as_raw),
    Kind.NUMBER: (definitions.number(_Number.Double), values.as_raw),
    Kind.FLAG: (definitions.flag, values.as_raw),
    Kind.CHOICE: (definitions.choice, values.as_raw),
    Kind.CHOICES: (definitions.choice, values.as_choices),
    Kind.TEXT: (definitions.text, values.as_raw),
    Kind.NUMBERS: (definitions.text, values.as_raw),
    Kind.CRS: (definitions.crs, values.as_crs),
    Kind.FILE: (definitions.file, values.as_file),
    Kind.FOLDER: (definitions.file, values.as_file),
    Kind.OUTPUT_RASTER: (definitions.output_raster, values.as_output),
    Kind.OUTPUT_FILE: (definitions.output_file, values.as_output),
    Kind.OUTPUT_HTML: (definitions.output_file, values.as_output),
    Kind.OUTPUT_FOLDER: (definitions.output_folder, values.as_output),
}


def definitions_of(job: Type[jobs.Job]) -> Iterator[QgsProcessingParameterDefinition]:
    """Yield the Processing parameters of a job, in the order of its fields."""
    for field, spec in job.specs():
        definition = _TABLE[spec.kind][0](values.parameter_name(field), spec, job.default(field))
        yield _finished(definition, spec, helptext.help_text(spec))
        if spec.band:
            band = QgsProcessingParameterBand(
                values.band_name(field),
                f"{spec.label}: band",
                1,
                values.parameter_name(field),
                optional=True,
            )
            # Folded: most files have one band, and giving one band twice is an error.
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


def read(
    algorithm: QgsProcessingAlgorithm,
    job: Type[jobs.Job],
    given: values.Values,
    context: QgsProcessingContext,
    *,
    dry: bool = False,
) -> jobs.Job:
    """Return the job that a run's parameter values describe.

    Args:
        algorithm: It has the job's parameters.
        job: The job's class.
        dry: Only to check: no output is announced to the context and no layer is exported.

    Raises:
        SeaIceError: A value is missing or wrong.
    """
    run = values.Run(algorithm, given, context, dry)
    return job(**{field: _TABLE[spec.kind][1](run, field, spec) for field, spec in job.specs()})


def refuse_overwriting(job: jobs.Job, project: Optional[QgsProject]) -> None:
    """Refuse an output that is an input or another output, or is open as a layer.

    Args:
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
