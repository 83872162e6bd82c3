"""Jobs: coercion, checks, JSON, and what importing them costs."""

import dataclasses
import json
import math
import subprocess
import sys
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_core.errors import JobError
from ml_core.jobs import JOBS, Job, Kind, RasterSource, TrainJob, dumps, loads
from ml_core.jobs.base import coerce
from ml_core.jobs.fields import Choice, Spec, bounds_text, parameter

LAYERS = {"hh": "hh.tif", "hv": "hv.tif", "reference": "sic.tif"}


def train(**more):
    return TrainJob(**{**LAYERS, "model": "m.safetensors", **more})


def spec(kind, **more):
    return Spec(kind, "Thing", "Help.", **more)


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
class TestEveryJob:
    def test_fields_are_described(self, job):
        names = [name for name, _ in job.specs()]
        assert len(set(names)) == len(names)
        for name, item in job.specs():
            assert name == name.lower()
            assert name.isidentifier()
            assert item.label
            assert not item.label.endswith(".")
            assert item.help.endswith((".", ":")) or "<" in item.help
            if item.kind in (Kind.CHOICE, Kind.CHOICES):
                assert len({choice.id for choice in item.choices}) == len(item.choices) > 0

    def test_defaults_obey_their_own_bounds(self, job):
        for name, item in job.specs():
            default = job.default(name)
            if default is not None:
                assert coerce(default, item) == default, name

    def test_texts(self, job):
        assert job.LABEL
        assert job.GROUP
        assert job.SUMMARY.startswith("<p>")
        assert find_spec(f"ml_core.runs.{job.NAME}")
        numbers = [number.name for number in job.NUMBERS]
        assert numbers == [name.upper() for name in numbers]


def test_job_file_round_trip_keeps_every_value():
    job = train(
        hh={"path": "/vsizip/a b.zip/hh.tif", "band": 2, "nodata": [[-1, 0]], "crs": ""},
        mask=RasterSource("mask.tif", name="land «mask»"),
        l2=1e-9,
        seed=2**31 - 1,
        resolution=0,
    )
    again, run_id = loads(dumps(job, "a1b2"))
    assert again == job
    assert run_id == "a1b2"
    assert again.hh == RasterSource("/vsizip/a b.zip/hh.tif", band=2, crs="", nodata=((-1.0, 0.0),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"hv": None},
            "HV backscatter is missing; training needs HH, HV and a reference SIC layer",
        ),
        ({"model": ""}, "SIC network is missing"),
        ({"dropout": 1}, r"Dropout rate: 1 is out of bounds; give 0 or more and less than 1"),
        ({"dropout": -0.1}, r"Dropout rate: -0.1 is out of bounds"),
        ({"l2": -1e-4}, r"L2 lambda: -0.0001 is out of bounds; give 0 or more"),
        ({"l2": "nan"}, r"L2 lambda: expected a finite number, got nan"),
        ({"epochs": 2.5}, r"Epochs: expected a whole number, got 2.5"),
        ({"epochs": True}, r"Epochs: expected a number, got True"),
        ({"epochs": "many"}, r"Epochs: expected a number, got 'many'"),
        ({"units": "dB"}, r"Backscatter unit: 'dB' is not one of db, linear"),
        ({"refit": "maybe"}, r"expected true or false, got 'maybe'"),
        ({"hh": 3}, r"HH backscatter: expected a layer's path or an object with a path, got 3"),
        (
            {"hh": {"path": "a", "bands": 2}},
            r"HH backscatter: unknown attributes of a layer: bands",
        ),
        ({"hh": {"path": "a", "band": 0}}, r"HH backscatter: bands count from 1, got 0"),
        ({"hh": {"path": "a", "nodata": [1]}}, r"HH backscatter: malformed raster description"),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy(change, message):
    with pytest.raises(JobError, match=message):
        train(**change)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the job file is not JSON"),
        ("[]", "a job file is"),
        ('{"job": "fly"}', "NAME one of train, predict"),
        ('{"job": "train", "parameters": 3}', '"parameters" must be an object'),
        ('{"job": "train", "parameters": {"hhh": "a"}}', "unknown parameters hhh"),
        ('{"job": "checkenvironment", "run_id": "../x"}', "letters and digits"),
    ],
)
def test_a_malformed_job_file_is_refused(text, message):
    with pytest.raises(JobError, match=message):
        loads(text)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_numbers_within_bounds_pass_and_others_never(value):
    item = spec(Kind.NUMBER, minimum=-2, below=3)
    if math.isfinite(value) and -2 <= value < 3:
        assert coerce(value, item) == value
    else:
        with pytest.raises(JobError):
            coerce(value, item)


@given(st.lists(st.integers(-1000, 1000), min_size=1))
def test_numbers_read_from_the_text_that_a_dialog_gives(values):
    assert coerce(", ".join(map(str, values)), spec(Kind.NUMBERS)) == tuple(map(float, values))


def test_absent_sequences_are_empty_and_absent_scalars_none():
    assert coerce(None, spec(Kind.RASTERS, optional=True)) == ()
    assert coerce("", spec(Kind.NUMBER, optional=True)) is None
    assert coerce(None, spec(Kind.TEXT, optional=True)) == ""


def test_bounds_are_given_in_words():
    assert bounds_text(spec(Kind.NUMBER, minimum=0, maximum=100, unit="%")) == "0 to 100 %"
    assert bounds_text(spec(Kind.NUMBER, minimum=0, unit="m")) == "0 m or more"
    assert bounds_text(spec(Kind.NUMBER)) == ""


def test_a_title_holds_the_unit():
    assert spec(Kind.NUMBER, unit="m").title == "Thing [m]"


def test_inputs_and_outputs_are_known_by_path():
    @dataclasses.dataclass(frozen=True)
    class Stack(Job):
        scenes: tuple = parameter(Kind.RASTERS, "Scenes", "Scenes.", optional=True)
        output: str = parameter(Kind.OUTPUT_RASTER, "Output", "Output.", optional=True)

    job = Stack(scenes=["a.tif", "b.tif"], output="c.tif")
    assert job.input_paths() == {"scenes[0]": "a.tif", "scenes[1]": "b.tif"}
    assert job.output_paths() == {"output": "c.tif"}


def test_unknown_choices_among_several_are_named():
    item = spec(Kind.CHOICES, choices=(Choice("a", "A"), Choice("b", "B")))
    assert coerce("b; a", item) == ("b", "a")
    with pytest.raises(JobError, match="'c' is not one of a, b"):
        coerce(["a", "c"], item)


def test_importing_jobs_and_events_loads_neither_torch_nor_rasterio():
    code = (
        "import sys, ml_core.jobs, ml_core.events, ml_core.files\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'torch', 'rasterio', 'numpy'}, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_job_file_is_plain_json():
    record = json.loads(dumps(train()))
    assert record["job"] == "train"
    assert record["parameters"]["epochs"] == TrainJob.default("epochs")


def test_the_dialog_of_train_starts_with_the_layers():
    names = [name for name, _ in TrainJob.specs()]
    assert names[:7] == ["hh", "hv", "incidence", "mask", "units", "extra", "reference"]
    assert names.index("architecture") < names.index("task") < names.index("epochs")
    assert names[-2:] == ["model", "report"]
