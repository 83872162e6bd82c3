"""Bad input to train, comparenetworks and predict: what an analyst reads, and that no file is left.

One table, in the order in which things go wrong: layers, reference, model. Every case runs its job
as the worker does. Folders and disks that fail are in test_bad_output.py, what befalls the worker
itself in tests/seam/test_bad_worker.py.
"""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from ml_core import checkpoint
from ml_core.__main__ import BAD_JOB, DONE, FAILED, run_file
from ml_core.events import Failed, Message
from ml_core.networks import NetworkConfig
from tests.builders.rasters import ORIGIN
from tests.builders.workplace import CELL_PX, COMPARE, HH, HV, PREDICT, REFERENCE, TRAIN, Workplace

ROOT = Path(__file__).resolve().parents[2]
ALL = (TRAIN, COMPARE, PREDICT)
LEARNING = (TRAIN, COMPARE)
FAR = (ORIGIN[0] + 1e6, ORIGIN[1])
ANGLE = np.linspace(20, 45, 160, dtype=np.float32)[None].repeat(120, 0)


def linear(values_db):
    return (10 ** (values_db / 10)).astype(np.float32)


def quicklook(values_db):
    return np.clip(8 * (values_db + 30), 0, 255).astype(np.uint8)


def run(place, name, **changes):
    """Run a job file as the worker does; return the exit code and the events."""
    events = []
    code = run_file(place.job(name, **changes), False, events.append, threading.Event())
    return code, events


@dataclass(frozen=True)
class Bad:
    """One thing that can be wrong.

    Attributes:
        what: In the words of an analyst.
        change: From the workplace to the parameters that differ from a good job's.
        says: What the message must say: what was found, and the remedy.
        jobs: Which jobs refuse it.
    """

    what: str
    change: Callable[[Workplace], dict[str, object]]
    says: str
    jobs: tuple[str, ...] = ALL


def short(place):
    """A model file that was not copied to its end."""
    path = Path(place.network("short.safetensors"))
    path.write_bytes(path.read_bytes()[:-1000])
    return {"model": str(path)}


def foreign(place):
    path = place.folder / "other.safetensors"
    path.write_bytes(b"PK\x03\x04" * 100)
    return {"model": str(path)}


def of_product(place, polarisations):
    names = ("hh", "hv")
    return {
        name: place.layer(f"{tag}.tif", values, tags={"SEAICE_POLARISATION": tag})
        for name, values, tag in zip(names, (HH, HV), polarisations, strict=True)
    }


def in_halves(place):
    """HH where HV has no data, and the reverse."""
    west, east = HH.copy(), HV.copy()
    west[:, 80:], east[:, :80] = np.nan, np.nan
    return {"hh": place.layer("west.tif", west), "hv": place.layer("east.tif", east)}


def small(place, side):
    return {
        "hh": place.layer("small.tif", HH[:side, :side]),
        "hv": place.layer("small_hv.tif", HV[:side, :side]),
    }


TABLE = [
    Bad(
        "HH and HV do not overlap",
        lambda p: {"hv": p.layer("far.tif", HV, origin=FAR)},
        r"far\.tif does not overlap hh\.tif: x \d+ to \d+, .* against x \d+ to \d+, .*EPSG:3413.*"
        r" give layers of the same scene, and check their CRS",
    ),
    Bad(
        "HH has no CRS",
        lambda p: {"hh": p.layer("bare.tif", HH, crs=None)},
        r"bare\.tif: the layer has no coordinate reference system; set .*Set CRS of Layer",
    ),
    Bad(
        "HV has no CRS",
        lambda p: {"hv": p.layer("bare.tif", HV, crs=None)},
        r"bare\.tif: the layer has no coordinate reference system; set .*Set CRS of Layer",
    ),
    Bad(
        "neither has a CRS",
        lambda p: {
            "hh": p.layer("bare.tif", HH, crs=None),
            "hv": p.layer("bare_hv.tif", HV, crs=None),
        },
        r"bare\.tif: the layer has no coordinate reference system; set .*Set CRS of Layer",
    ),
    Bad(
        "the reference has no CRS",
        lambda p: {"reference": p.reference("bare.tif", REFERENCE, crs=None)},
        r"bare\.tif: the layer has no coordinate reference system; set .*Set CRS of Layer",
        LEARNING,
    ),
    Bad(
        "pixels in radar geometry",
        lambda p: {"hh": p.layer("raw.tif", HH, transform=Affine.identity())},
        r"raw\.tif: the raster has no geotransform.*georeference it first",
    ),
    Bad(
        "HH missing",
        lambda p: {"hh": None},
        r"HH backscatter is missing; (give it|.* needs HH, HV and a reference)",
    ),
    Bad(
        "HV missing",
        lambda p: {"hv": None},
        r"HV backscatter is missing; (give it|.* needs HH, HV and a reference)",
    ),
    Bad(
        "the reference missing",
        lambda p: {"reference": None},
        r"Reference SIC is missing; (training|a comparison) needs HH, HV and a reference",
        LEARNING,
    ),
    Bad(
        "a band that the file lacks",
        lambda p: {"hv": {"path": p.layer("hv.tif", HV), "band": 2}},
        r"hv\.tif: there is no band 2; the file has 1",
    ),
    Bad(
        "HV's file missing",
        lambda p: {"hv": str(p.folder / "gone.tif")},
        r"gone\.tif: there is no file .*gone\.tif; .*Save it as GeoTIFF",
    ),
    Bad(
        "HV is HH",
        lambda p: {"hv": p.layer("hh.tif", HH)},
        r"HH and HV are both band 1 of hh\.tif; give the other polarisation's layer or band",
    ),
    Bad(
        "HH and HV in each other's place",
        lambda p: of_product(p, ("HV", "HH")),
        r"HV\.tif: holds HV, HH or VV expected; give each layer in its place",
    ),
    Bad(
        "8-bit quicklook",
        lambda p: {"hh": p.layer("ql.tif", quicklook(HH))},
        r"ql\.tif: whole numbers \d+ to \d+ are an 8-bit picture, not backscatter; use the"
        r" calibrated sigma0",
    ),
    Bad(
        "linear called dB",
        lambda p: {"hh": p.layer("a.tif", linear(HH)), "hv": p.layer("b.tif", linear(HV))},
        r"a\.tif: values 0\.\d+ to 0\.\d+ .*look like linear power, dB expected; set Backscatter"
        r" unit to linear",
    ),
    Bad(
        "dB called linear",
        lambda p: {"units": "linear"},
        r"hh\.tif: values -\d.* look like dB, linear power expected; set Backscatter unit to db",
    ),
    Bad(
        "one in dB, the other linear",
        lambda p: {"hv": p.layer("b.tif", linear(HV))},
        r"b\.tif: values 0\.\d+ to .*look like linear power, dB expected",
    ),
    Bad(
        "all nodata",
        lambda p: {"hh": p.layer("empty.tif", np.full_like(HH, -9999), nodata=-9999)},
        r"empty\.tif: every pixel is nodata or not a number; give the HH layer of the scene",
    ),
    Bad(
        "NaN only",
        lambda p: {"hv": p.layer("empty.tif", np.full_like(HV, np.nan))},
        r"empty\.tif: every pixel is nodata or not a number; give the HV layer of the scene",
    ),
    Bad(
        "HH and HV valid in different places",
        in_halves,
        r"no pixel of the scene is valid in all of west\.tif, east\.tif",
    ),
    Bad(
        "a mask of zeros",
        lambda p: {"mask": p.layer("land.tif", np.zeros(HH.shape, np.uint8))},
        r"no pixel .* valid in all of .*land\.tif.* or the mask is 0 wherever they do",
    ),
    Bad(
        "a web layer",
        lambda p: {"hh": {"path": "crs=EPSG:3413&url=https://a.b/wms&layers=c", "name": "WMS HH"}},
        r"WMS HH: there is no file crs=EPSG:3413&url=.*; is it a web or virtual layer\? Save it as"
        r" GeoTIFF",
    ),
    Bad(
        "a virtual layer",
        lambda p: {"reference": {"path": "?crs=EPSG:3413&formula=%22a@1%22/2", "name": "Half"}},
        r"Half: there is no file \?crs=.*; is it a web or virtual layer\? Save it as GeoTIFF",
        LEARNING,
    ),
    Bad(
        "a file that is no raster",
        lambda p: {"hh": str(p.folder / "job.json")},
        r"job\.json: GDAL cannot open it .*; save the layer as GeoTIFF",
    ),
    Bad(
        "a reference that does not overlap",
        lambda p: {"reference": p.reference("sic.tif", REFERENCE, origin=FAR)},
        r"sic\.tif has no SIC where the scene lies; give the reference of the scene's region and"
        r" day, and check the CRS of both",
        LEARNING,
    ),
    Bad(
        "a reference of one value",
        lambda p: {"reference": p.reference("sic.tif", np.full_like(REFERENCE, 90))},
        r"sic\.tif has one value only \(90 %\) where the scene lies; a network needs water and ice"
        r" to learn from: choose a scene across the ice edge",
        LEARNING,
    ),
    Bad(
        "a reference of nothing but flags",
        lambda p: {"reference": p.reference("sic.tif", np.full(REFERENCE.shape, 254, np.uint8))},
        r"sic\.tif: no value between 0 and 100 % \(values 254 to 254\); give a layer of sea-ice",
        LEARNING,
    ),
    Bad(
        "a scene smaller than a chip",
        lambda p: small(p, 24),
        r"small\.tif: the scene has 24 x 24 px of 500 m, less than a chip of 32 x 32 px; give a"
        r" larger scene, a finer Resolution, or a smaller Chip size",
        LEARNING,
    ),
    Bad(
        "a scene smaller than the network",
        lambda p: small(p, 3),
        r"small\.tif: at the network's resolution of 500 m the scene has 3 x 3 px; the network"
        r" needs at least \d+; give a larger scene",
        (PREDICT,),
    ),
    Bad(
        "a model trained with an incidence angle",
        lambda p: {
            "model": p.network(
                "angle.safetensors", NetworkConfig(in_channels=3, filters=4, depth=2)
            )
        },
        r"angle\.safetensors was trained with HH, HV, incidence_angle; give the incidence angle",
        (PREDICT,),
    ),
    Bad(
        "a model trained with other polarisations",
        lambda p: of_product(p, ("VV", "VH")),
        r"VV\.tif: holds VV, VH, but net\.safetensors was trained with HH, HV; give a scene of",
        (PREDICT,),
    ),
    Bad(
        "fine-tuning a model of other bands",
        lambda p: {
            "initial_model": p.network(
                "angle.safetensors", NetworkConfig(in_channels=3, filters=2, depth=2)
            ),
        },
        r"angle\.safetensors: was trained with HH, HV, incidence_angle, the data has HH, HV; give"
        r" the same layers, or no initial model",
        (TRAIN,),
    ),
    Bad(
        "a model for incidence in other units",
        lambda p: {
            "model": p.network(
                "angle.safetensors", NetworkConfig(in_channels=3, filters=4, depth=2)
            ),
            "incidence": p.layer("angle.tif", np.radians(ANGLE)),
        },
        r"angle\.tif: values 0\.\d+ to 0\.\d+ look like radians; give the incidence angle in deg",
        (PREDICT,),
    ),
    Bad(
        "a model file cut short",
        short,
        r"short\.safetensors: .*(truncated|cut short|incomplete|damaged)",
        (PREDICT,),
    ),
    Bad(
        "a foreign model file",
        foreign,
        r"other\.safetensors: .*not a model file of this plugin",
        (PREDICT,),
    ),
    Bad(
        "no folder for the report",
        lambda p: {"report": str(p.folder / "no" / "report.html")},
        r"/no: the output folder does not exist; create it or choose another",
        (TRAIN,),
    ),
    Bad(
        "no folder for the uncertainty",
        lambda p: {"uncertainty": str(p.folder / "no" / "spread.tif")},
        r"/no: the output folder does not exist; create it or choose another",
        (PREDICT,),
    ),
    Bad(
        "a folder in the network's place",
        lambda p: {"model": str(p.folder)},
        r": the output is a folder; give a file name",
        (TRAIN,),
    ),
    Bad(
        "a folder in the map's place",
        lambda p: {"output": str(p.folder)},
        r": the output is a folder; give a file name",
        (PREDICT,),
    ),
]

CASES = [
    pytest.param(job, bad, id=f"{job}: {bad.what}")
    for bad in TABLE
    for job in bad.jobs
    if job != COMPARE
]


@pytest.mark.parametrize(("job", "bad"), CASES)
def test_bad_input_is_reported_with_its_remedy_and_leaves_no_file(place, job, bad):
    code, events = run(place, job, **bad.change(place))
    assert isinstance(events[-1], Failed), events
    assert re.search(bad.says, events[-1].text, re.DOTALL), events[-1].text
    assert events[-1].details == ""  # no traceback: it is not taken for a bug
    assert code in (FAILED, BAD_JOB)
    assert place.left() == []
    assert not list(place.folder.glob(".*"))


@pytest.mark.parametrize("bad", [bad for bad in TABLE if COMPARE in bad.jobs], ids=lambda b: b.what)
def test_a_comparison_refuses_what_training_refuses_in_the_same_words(place, bad):
    texts = []
    for job in LEARNING:
        _, events = run(place, job, **bad.change(place))
        assert isinstance(events[-1], Failed), events
        texts.append(re.sub(r"; (training|a comparison) needs .*", "", events[-1].text))
    assert texts[0] == texts[1]
    assert place.left() == []


@pytest.mark.parametrize("job", ALL)
def test_the_good_job_that_the_table_changes_works(place, job):
    code, events = run(place, job)
    assert code == DONE, events[-1]
    kept = {"report.runs.jsonl"} if job == COMPARE else set()
    assert set(place.left()) == {Path(p).name for p in events[-1].outputs.values()} | kept
    assert len(events[-1].outputs) == 2


def warnings(events):
    return [e.text for e in events if isinstance(e, Message) and e.level == "warning"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            REFERENCE / np.float32(100),
            r"sic\.tif: values 0.* to .* are taken as fractions and multiplied by 100",
        ),
        (
            np.where(np.arange(20) < 4, 252 + np.arange(20), REFERENCE).astype(np.uint8),
            r"sic\.tif: 60 pixels above 100 % \(252 to 255\) are flags, not SIC, and are left out",
        ),
    ],
    ids=["fractions", "flags"],
)
def test_fractions_and_flags_of_a_reference_are_recognised_and_reported(place, values, says):
    code, events = run(place, TRAIN, reference=place.reference("sic.tif", values))
    assert code == DONE, events[-1]
    assert [text for text in warnings(events) if re.fullmatch(says, text)], warnings(events)
    reference = checkpoint.read_card(events[-1].outputs["MODEL"]).split["reference_pixels"]
    flagged = np.count_nonzero(values > 100) * CELL_PX**2
    assert sum(reference.values()) == HH.size - flagged
    with_range = checkpoint.read_card(events[-1].outputs["MODEL"]).metrics["training"]
    assert with_range["rmse_percent"] < 100
