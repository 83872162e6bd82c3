"""Job fields as Processing parameters, and parameter values as jobs."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Optional, Tuple

import pytest
from osgeo import gdal
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessing,
    QgsProcessingParameterDefinition,
    QgsProperty,
    QgsRasterLayer,
    QgsRasterRange,
    QgsVectorLayer,
)

from ml_core.errors import SeaIceError
from ml_core.jobs import Choice, Job, Kind, RasterSource
from ml_core.jobs.fields import parameter
from seaice_qgis import parameters
from seaice_qgis.algorithms.base import SeaIceAlgorithm

CHOICES = (Choice("one", "The first"), Choice("two", "The second"))


@dataclass(frozen=True)
class EverythingJob(Job):
    """One field of every kind."""

    NAME: ClassVar[str] = "everything"
    LABEL: ClassVar[str] = "Everything"
    GROUP: ClassVar[str] = "Tests"
    SUMMARY: ClassVar[str] = "<p>Everything.</p>"

    raster: Optional[RasterSource] = parameter(Kind.RASTER, "Raster", "h", optional=True, band=True)
    rasters: Tuple[Any, ...] = parameter(Kind.RASTERS, "Rasters", "h", optional=True, default=())
    vector: Optional[Any] = parameter(Kind.VECTOR, "Vector", "h", optional=True)
    integer: int = parameter(Kind.INTEGER, "Integer", "h", default=3, bounds=(0, 2**31 - 1))
    absent: Optional[int] = parameter(Kind.INTEGER, "Absent", "h", optional=True, bounds=(0, None))
    number: float = parameter(
        Kind.NUMBER, "Number", "h", unit="m", default=1e-9, bounds=(0, None), below=1, decimals=9
    )
    flag: bool = parameter(Kind.FLAG, "Flag", "h", default=True)
    choice: str = parameter(Kind.CHOICE, "Choice", "h", default="one", choices=CHOICES)
    several: Tuple[str, ...] = parameter(
        Kind.CHOICES, "Several", "h", default=("two",), choices=CHOICES
    )
    text: str = parameter(Kind.TEXT, "Text", "h", optional=True, default="")
    numbers: Tuple[float, ...] = parameter(Kind.NUMBERS, "Numbers", "h", default=(0.0, 15.0, 80.0))
    crs: str = parameter(Kind.CRS, "CRS", "h", default="EPSG:3413")
    file: Optional[str] = parameter(Kind.FILE, "File", "h", optional=True, extension="safetensors")
    folder: Optional[str] = parameter(Kind.FOLDER, "Folder", "h", optional=True)
    output: Optional[str] = parameter(Kind.OUTPUT_RASTER, "Output", "h", extension="tif")
    table: Optional[str] = parameter(
        Kind.OUTPUT_FILE, "Table", "h", optional=True, created=False, extension="csv"
    )
    report: Optional[str] = parameter(
        Kind.OUTPUT_HTML, "Report", "h", optional=True, extension="html"
    )


class Everything(SeaIceAlgorithm):
    JOB = EverythingJob


@pytest.fixture
def read(plugin, context):
    algorithm = Everything()
    algorithm.initAlgorithm()

    def read(**values):
        values.setdefault("OUTPUT", "/tmp/out.tif")
        return parameters.read(algorithm, EverythingJob, values, context)

    return read


def test_defaults_are_the_jobs(read):
    job = read()
    assert job == EverythingJob(output="/tmp/out.tif")
    assert job.number == 1e-9
    assert job.absent is None
    assert job.table is None


def test_a_file_may_have_no_extension(algorithm, context, tmp_path):
    """As most programs outside Windows, the worker's Python among them."""
    python = tmp_path / "python3"
    python.touch()
    checked = algorithm("installenvironment").checkParameterValues({"PYTHON": str(python)}, context)
    assert checked == (True, "")


def test_values_from_a_dialog(read, make_raster, tmp_path):
    layer = QgsRasterLayer(make_raster(bands=2), "My HH")
    job = read(
        RASTER=layer,
        RASTER_BAND=2,
        RASTERS=[layer],
        INTEGER=7,
        ABSENT=0,
        NUMBER=0.25,
        FLAG=False,
        CHOICE="two",
        SEVERAL=["one", "two"],
        TEXT="words",
        NUMBERS="10, 20",
        CRS=QgsCoordinateReferenceSystem("EPSG:3031"),
        FILE="model.safetensors",
        FOLDER=str(tmp_path),
        TABLE=str(tmp_path / "t.csv"),
        REPORT=str(tmp_path / "r.html"),
    )
    assert (job.raster.name, job.raster.band) == ("My HH", 2)
    assert [(source.name, source.band) for source in job.rasters] == [("My HH", 1), ("My HH", 2)]
    assert (job.integer, job.absent, job.number, job.flag) == (7, 0, 0.25, False)
    assert (job.choice, job.several, job.text) == ("two", ("one", "two"), "words")
    assert (job.numbers, job.crs) == ((10.0, 20.0), "EPSG:3031")
    assert job.file == os.path.abspath("model.safetensors")
    assert job.folder == str(tmp_path)
    assert (job.table, job.report) == (str(tmp_path / "t.csv"), str(tmp_path / "r.html"))


def test_text_from_qgis_process_reads_as_in_a_dialog(read, make_raster):
    job = read(
        RASTER=make_raster(),
        RASTER_BAND="1",
        INTEGER="2147483647",
        ABSENT="",
        NUMBER="1e-9",
        FLAG="no",
        CHOICE="two",
        SEVERAL="one;two",
        CRS="EPSG:3031",
    )
    assert job.raster.band == 1
    assert (job.integer, job.absent, job.number) == (2**31 - 1, None, 1e-9)
    assert job.flag is False
    assert (job.choice, job.several, job.crs) == ("two", ("one", "two"), "EPSG:3031")


def test_an_emptied_value_is_absent_where_it_may_be_and_else_the_default(read):
    job = read(INTEGER=None, ABSENT=None, CHOICE=None, SEVERAL=None, RASTER=None)
    assert (job.integer, job.absent, job.raster) == (3, None, None)
    assert (job.choice, job.several) == ("one", ("two",))


def test_expressions_of_a_model_are_evaluated(read):
    assert read(INTEGER=QgsProperty.fromExpression("2 + 3")).integer == 5


def test_one_layer_or_several_are_read_by_path(read, make_raster):
    a, b = make_raster("a.tif", bands=2), make_raster("b.tif")
    assert [(s.path, s.band) for s in read(RASTERS=b).rasters] == [(b, 1)]
    assert [(s.path, s.band) for s in read(RASTERS=[a, b]).rasters] == [(a, 1), (a, 2), (b, 1)]
    assert read(RASTERS=[]).rasters == read(RASTERS="").rasters == ()


def test_nodata_of_each_band_that_the_analyst_set_is_handed_on(read, make_raster):
    layer = QgsRasterLayer(make_raster(bands=2), "two")
    layer.dataProvider().setUserNoDataValue(2, [QgsRasterRange(3, 4)])
    assert [source.nodata for source in read(RASTERS=[layer]).rasters] == [(), ((3.0, 4.0),)]


def test_a_layer_of_several_that_cannot_be_opened_is_named(read, make_raster):
    """QGIS's own reading of a list leaves it out."""
    with pytest.raises(SeaIceError, match=r"Rasters: /no/such\.tif cannot be opened as a layer"):
        read(RASTERS=[make_raster(), "/no/such.tif"])
    vector = QgsVectorLayer("Point?crs=EPSG:3413", "points", "memory")
    with pytest.raises(SeaIceError, match="Rasters: points is not a raster layer"):
        read(RASTERS=[vector])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"INTEGER": "2147483648"}, "Integer: 2.14748e.09 is out of bounds; give 0 to 2.147"),
        ({"INTEGER": "four"}, "Integer: expected a number, got 'four'"),
        ({"INTEGER": 2.5}, "Integer: expected a whole number, got 2.5"),
        ({"NUMBER": "nan"}, "Number: expected a finite number"),
        ({"NUMBER": 1.0}, "Number: 1 is out of bounds; give 0 or more and less than 1 m"),
        ({"CHOICE": "three"}, "Choice: 'three' is not one of one, two"),
        ({"SEVERAL": ["three"]}, "Several: 'three' is not one of one, two"),
        ({"FLAG": "perhaps"}, "Flag: expected true or false, got 'perhaps'"),
        ({"RASTER": "/no/such.tif"}, "Raster: /no/such.tif cannot be opened as a layer"),
        ({"CRS": "EPSG:0"}, "CRS: 'EPSG:0' is not a CRS; give one as EPSG:3413"),
        ({"RASTER_BAND": "x", "RASTER": "raster"}, "Raster: band: expected a whole number"),
        ({"OUTPUT": ""}, "Output is missing"),
    ],
)
def test_wrong_values_say_what_is_expected(read, make_raster, values, message):
    if values.get("RASTER") == "raster":
        values = {**values, "RASTER": make_raster()}
    with pytest.raises(SeaIceError, match=message):
        read(**values)


def test_small_numbers_keep_their_decimals(plugin):
    (number,) = (
        each for each in parameters.definitions_of(EverythingJob) if each.name() == "NUMBER"
    )
    assert number.metadata()["widget_wrapper"]["decimals"] == 9
    assert number.description() == "Number [m]"


def test_the_dialogs_check_speaks_the_jobs_words(algorithm, context, make_raster):
    good, message = algorithm("train").checkParameterValues(
        {"HH": make_raster(), "HV": make_raster("hv.tif"), "MODEL": "/tmp/m.safetensors"}, context
    )
    assert not good
    assert message.startswith("Reference SIC is missing; training needs HH, HV and a reference")


def test_checking_announces_no_layer_to_the_run(algorithm, context, make_raster):
    values = {
        "HH": make_raster(),
        "HV": make_raster("hv.tif"),
        "MODEL": "/tmp/m.safetensors",
        "OUTPUT": QgsProcessing.TEMPORARY_OUTPUT,
    }
    assert algorithm("predict").checkParameterValues(values, context) == (True, "")
    assert not context.layersToLoadOnCompletion()


def test_a_compression_that_this_qgis_cannot_read_is_refused(
    algorithm, context, make_raster, monkeypatch
):
    values = {
        "HH": make_raster(),
        "HV": make_raster("hv.tif"),
        "MODEL": "/tmp/m.safetensors",
        "OUTPUT": QgsProcessing.TEMPORARY_OUTPUT,
    }

    class Driver:
        def GetMetadataItem(self, name):
            return "<Value>LZW</Value><Value>DEFLATE</Value>"

    monkeypatch.setattr(gdal, "GetDriverByName", lambda name: Driver())
    good, message = algorithm("predict").checkParameterValues(values, context)
    assert not good
    assert re.fullmatch(
        r"Compression: the GDAL [\d.]+ of this QGIS cannot read ZSTD; choose Deflate", message
    )
    values["COMPRESSION"] = "deflate"
    assert algorithm("predict").checkParameterValues(values, context) == (True, "")


def test_an_output_that_is_an_input_is_refused(algorithm, context, make_raster, tmp_path):
    hh = make_raster()
    (tmp_path / "link").symlink_to(tmp_path)
    values = {
        "HH": hh,
        "HV": make_raster("hv.tif"),
        "MODEL": "/tmp/m.safetensors",
        "OUTPUT": str(tmp_path / "link" / "hh.tif"),
    }
    good, message = algorithm("predict").checkParameterValues(values, context)
    assert not good
    assert "is the input HH backscatter; give the output another name" in message


def test_an_output_that_is_open_as_a_layer_is_refused(algorithm, context, make_raster):
    opened = make_raster("sic.tif")
    context.project().addMapLayer(QgsRasterLayer(opened, "Yesterday's SIC"))
    values = {
        "HH": make_raster(),
        "HV": make_raster("hv.tif"),
        "MODEL": "/tmp/m.safetensors",
        "OUTPUT": opened,
    }
    good, message = algorithm("predict").checkParameterValues(values, context)
    assert not good
    assert "is open in the project as the layer Yesterday's SIC; remove the layer" in message


def test_two_outputs_in_one_file_are_refused(algorithm, context, make_raster):
    values = {
        "HH": make_raster(),
        "HV": make_raster("hv.tif"),
        "REFERENCE": make_raster("sic.tif"),
        "MODEL": "/tmp/x.html",
        "REPORT": "/tmp/x.html",
    }
    good, message = algorithm("train").checkParameterValues(values, context)
    assert not good
    assert "is also the output SIC network" in message


def test_one_band_given_as_hh_and_hv_is_refused(algorithm, context, make_raster):
    both = make_raster(bands=2)
    values = {"HH": both, "HV": both, "MODEL": "/tmp/m.safetensors", "OUTPUT": "/tmp/out.tif"}
    good, message = algorithm("predict").checkParameterValues(values, context)
    assert not good
    assert message.startswith("HH and HV are both band 1 of hh")
    assert algorithm("predict").checkParameterValues({**values, "HV_BAND": 2}, context)[0]


def test_predict_needs_hh_and_train_may_have_a_training_set_instead(algorithm):
    flag = QgsProcessingParameterDefinition.Flag.FlagOptional
    predict, train = algorithm("predict"), algorithm("train")
    assert not predict.parameterDefinition("HH").flags() & flag
    assert train.parameterDefinition("HH").flags() & flag
