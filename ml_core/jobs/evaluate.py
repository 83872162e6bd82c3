"""The job `evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Iterator, Optional, Tuple

from ..errors import JobError
from . import fields
from .base import Number
from .fields import Spec
from .inputs import ReferenceInputs, SceneInputs
from .sources import RasterSource


@dataclass(frozen=True)
class EvaluateJob(SceneInputs):
    """Compare a SIC prediction with a reference."""

    NAME: ClassVar[str] = "evaluate"
    LABEL: ClassVar[str] = "Evaluate sea-ice concentration"
    GROUP: ClassVar[str] = "Maps"
    SUMMARY: ClassVar[str] = (
        "<p>Compares a map of sea-ice concentration (SIC) with a reference, such as passive"
        " microwaves or a rasterised ice chart, on the reference's own grid: the map is averaged"
        " over the ground that each reference value stands for, never the other way round.</p>"
        "<p>Gives errors overall and by SIC, with confidence intervals and those of simple"
        " baselines; sea-ice extent and area, the integrated ice edge error, and the distance"
        " between the ice edges at 15 %. HH and HV serve for a baseline, the incidence angle for"
        " errors across the swath.</p>"
        "<p>Of an ice chart, as Ice chart to SIC writes it, the means over its polygons are"
        " compared, too, with what the polygons' codes mean.</p>"
        "<p>Errors are too small where the reference was used to train the network.</p>"
    )
    NUMBERS: ClassVar[Tuple[Number, ...]] = (
        Number("RMSE", "RMSE", "% SIC"),
        Number("RMSE_LOW", "RMSE, lower end of the 95 % interval", "% SIC"),
        Number("RMSE_HIGH", "RMSE, upper end of the 95 % interval", "% SIC"),
        Number("MAE", "Mean absolute error", "% SIC"),
        Number("BIAS", "Mean error, prediction minus reference", "% SIC"),
        Number("R2", "Explained share of the reference's variance"),
        Number("COUNT", "Reference cells compared"),
        Number("BASELINE_RMSE", "RMSE of the best baseline", "% SIC"),
        Number("WITHIN_ONE_TENTH", "Share of cells within one tenth"),
        Number("EXTENT_PREDICTION", "Sea-ice extent, prediction", "km2"),
        Number("EXTENT_REFERENCE", "Sea-ice extent, reference", "km2"),
        Number("AREA_PREDICTION", "Sea-ice area, prediction", "km2"),
        Number("AREA_REFERENCE", "Sea-ice area, reference", "km2"),
        Number("IIEE", "Integrated ice edge error", "km2"),
        Number("IIEE_OVER", "Ice in the prediction alone", "km2"),
        Number("IIEE_UNDER", "Ice in the reference alone", "km2"),
        Number("EDGE_DISTANCE", "Mean distance between the ice edges", "km"),
        Number("COVERAGE_90", "Share of cells within the 90 % interval"),
        Number("INTERVAL_WIDTH", "Mean width of the 90 % interval", "% SIC"),
        Number("INTERVAL_SCORE", "Interval score of the 90 % interval", "% SIC"),
        Number("POLYGON_RMSE", "RMSE of means over a chart's polygons, by area", "% SIC"),
        Number("POLYGONS", "Polygons of a chart compared"),
    )

    hh: Optional[RasterSource] = fields.optional(SceneInputs, "hh")
    hv: Optional[RasterSource] = fields.optional(SceneInputs, "hv")
    mask: Optional[RasterSource] = fields.raster(
        "Mask",
        "Reference cells whose centre lies where this layer is 0 or nodata are left out. Land"
        " spills into their footprints: give the mask for reference values of Land mask.",
        optional=True,
    )
    prediction: Optional[RasterSource] = fields.raster(
        "Predicted SIC",
        "Sea-ice concentration in percent (0-100), such as Predict sea-ice concentration gives.",
        band=True,
    )
    reference: Optional[RasterSource] = fields.raster(
        "Reference SIC",
        "Sea-ice concentration in percent (0-100) or as a fraction (0-1), on any grid. Values"
        " above 100 are flags (251 pole hole, 253 coast, 254 land, 255 missing) and are counted"
        " apart.",
        band=True,
    )
    uncertainty: Optional[RasterSource] = fields.raster(
        "Uncertainty of the prediction",
        "The uncertainty that Predict sea-ice concentration gives, whose bounds of the 90 %"
        " interval are found by their names; whether they hold 90 % of the reference is then"
        " reported. A band of a file without such names is taken as one standard deviation in"
        " percent.",
        optional=True,
        band=True,
    )
    footprint: Optional[float] = fields.number(
        "Footprint of the reference",
        "Ground size that one reference value averages, full width at half maximum. Empty: the"
        " pixel size of the reference, or what its file says.",
        unit="m",
        bounds=(0, None),
        optional=True,
        decimals=1,
    )
    max_hours_apart: float = fields.same(ReferenceInputs, "max_hours_apart")
    nodata_is_water: bool = fields.flag(
        "Reference cells without data are open water",
        "For products that leave out what has less than 15 % ice, such as some of the University"
        " of Bremen. They leave out land too, so a mask that is 0 on land must be given.",
        advanced=True,
    )
    seed: int = fields.seed("Of the drawing of blocks for confidence intervals.", advanced=True)
    report: Optional[str] = fields.output_html(
        "Evaluation report", "Scores, baselines, maps and plots, for a browser.", optional=True
    )
    table: Optional[str] = fields.output_table(
        "Evaluation table", "All numbers of the report, one a line."
    )
    difference: Optional[str] = fields.output_raster(
        "Prediction minus reference",
        "On the reference's grid, in percent, the prediction averaged over the footprint.",
        optional=True,
        created=False,
    )

    @classmethod
    def specs(cls) -> Iterator[Tuple[str, Spec]]:
        """Yield what is compared before the scene's layers, which are extras here."""
        scene = {name for name, _ in SceneInputs.specs()}
        specs = list(super().specs())
        first = [item for item in specs if item[0] not in scene]
        outputs = [item for item in first if item[1].kind.is_output]
        yield from (item for item in first if item not in outputs)
        yield from (item for item in specs if item[0] in scene)
        yield from outputs

    def check(self) -> None:
        """Check that layers that belong together are there."""
        super().check()
        if (self.hh is None) != (self.hv is None):
            raise JobError("HH and HV are used together, for a baseline; give both or neither")
        if self.nodata_is_water and self.mask is None:
            raise JobError(
                "a mask that is 0 on land is missing; without it, land in the reference would"
                " count as open water"
            )
