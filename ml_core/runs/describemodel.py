"""The job `describemodel`: what a model file holds, or what a network would be."""

from __future__ import annotations

from .. import checkpoint, networks
from ..checkpoint import ModelCard
from ..events import Done, Reporter
from ..files import OutputFiles
from ..jobs.describemodel import DescribeModelJob
from ..jobs.network import NetworkInputs
from ..networks import NetworkConfig
from ..networks.classes import SicClasses
from ..networks.describe import describe
from ..reports import describemodel as page
from ..reports.modelcard import validated


def run(job: DescribeModelJob, files: OutputFiles, report: Reporter) -> Done:
    """Describe a model file, or the network that the parameters ask for.

    Raises:
        SeaIceError: The model file is none, or the parameters do not make a network.
    """
    assert job.report is not None
    path = files.stage(job.report)
    card = checkpoint.read_card(job.model) if job.model else None
    if card is None:
        config, pixel_m = _asked_for(job), job.pixel_size
    else:
        config, pixel_m = NetworkConfig.from_dict(card.network), card.resolution_m
        given = [
            name for name, _ in NetworkInputs.specs() if getattr(job, name) != job.default(name)
        ]
        if given:
            report.warning(
                f"{', '.join(name.upper() for name in given)}: not used, because a model file is"
                " described"
            )
    description = describe(networks.plan(config), job.chip_size or _trained_chip(card))
    page.write(path, config, description, pixel_m, card, str(job.model or ""))
    report.info(
        f"{config.architecture}: {description.parameters} parameters, receptive field"
        f" {description.geometry.receptive_field_px} px"
    )
    if card:
        report.info(f"Validated: {validated(card)}")
    report.progress(1.0)
    return Done(
        {"REPORT": job.report},
        {
            "PARAMETERS": float(description.parameters),
            "RECEPTIVE_FIELD": float(description.geometry.receptive_field_px),
            "GFLOP_PER_MPX": description.flop_per_px / 1e3,
        },
    )


def _asked_for(job: DescribeModelJob) -> NetworkConfig:
    classes = SicClasses.from_job(job)
    channels = 2 + job.incidence_channel + job.extra_channels
    return NetworkConfig.from_job(job, channels, classes.count if classes else 1)


def _trained_chip(card: ModelCard | None) -> int | None:
    parameters = card.training.get("parameters") if card else None
    size = parameters.get("chip_size") if isinstance(parameters, dict) else None
    return size if isinstance(size, int) and size > 0 else None
