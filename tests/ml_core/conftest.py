"""Settings and fixtures of the tests in the worker's Python."""

import os
from pathlib import Path

import netCDF4
import numpy as np
import pyproj
import pytest
import torch
from affine import Affine
from hypothesis import settings
from rasterio.crs import CRS

from ml_core import checkpoint, networks
from ml_core.jobs import RasterSource
from ml_core.networks import NetworkConfig
from ml_core.raster.grid import Grid
from tests.builders import trainingsets
from tests.builders.jobs import Events
from tests.builders.models import card_of, sea_ice
from tests.builders.rasters import write_raster
from tests.builders.scenes import backscatter, data_of, ice
from tests.builders.sicproducts import (
    LAEA,
    LAEA_PROJ4,
    STATUS_401,
    STATUS_450,
    STERE,
    STERE_PROJ4,
    osisaf,
)
from tests.builders.workplace import Workplace

# No time limit on a single case: a busy machine is no failure. The same cases in every run: what
# passes here passes in CI.
settings.register_profile("seaice", deadline=None, derandomize=True)
settings.load_profile("seaice")


@pytest.fixture
def place(tmp_path):
    """Where train and predict have good inputs, to be made bad."""
    return Workplace(tmp_path)


@pytest.fixture
def raster(tmp_path):
    """A function that writes a raster by name and returns its RasterSource."""

    def make(name, values, *, source=None, **more):
        path = write_raster(tmp_path / name, values, **more)
        return RasterSource(path, **(source or {}))

    return make


@pytest.fixture
def real_data():
    """The folder of real data, where this machine has it."""
    folder = os.environ.get("SEAICE_TEST_DATA", "")
    if not folder:
        pytest.skip("SEAICE_TEST_DATA is not set")
    return Path(folder)


@pytest.fixture
def real_scene(real_data):
    """The lecture's HH, HV and SIC."""
    return real_data / "nersc_course_scene"


@pytest.fixture(scope="session")
def small_data():
    """A scene of 96 x 128 px with a footprint of 8 px."""
    sic = ice((96, 128))
    return data_of(sic, backscatter(sic))


@pytest.fixture(scope="session")
def trained():
    """A U-Net of depth 4 fitted for some seconds: its output is a SIC, not noise."""
    torch.manual_seed(1)  # draws the dropout
    config = NetworkConfig(filters=4, depth=4)
    generator = torch.Generator().manual_seed(1)
    network = networks.build(config, generator)
    for parameter in network.parameters():
        if parameter.ndim == 4:  # larger first weights: soon fitted
            torch.nn.init.kaiming_normal_(parameter, generator=generator)
    optimiser = torch.optim.Adam(network.parameters(), 4e-3)
    card = card_of(config)
    values, fraction = sea_ice((700, 700), seed=5)
    mean, std = (np.array(v, dtype=np.float32)[:, None, None] for v in (card.mean, card.std))
    x, y = torch.from_numpy((values - mean) / std), torch.from_numpy(fraction)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # tests run beside each other
    for _ in range(80):
        rows, cols = torch.randint(0, 700 - 128, (2, 2), generator=generator)
        places = [np.s_[r : r + 128, c : c + 128] for r, c in zip(rows, cols, strict=True)]
        batch = torch.stack([x[(slice(None), *place)] for place in places])
        wanted = torch.stack([y[place] for place in places])
        loss = ((network(batch)[:, 0] - wanted) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    torch.set_num_threads(threads)
    assert loss.item() < 0.1
    return card, {name: tensor.numpy() for name, tensor in network.state_dict().items()}


@pytest.fixture
def model_file(tmp_path):
    """A function that writes a model file and returns its path."""

    def make(card, state, name="net.safetensors"):
        path = str(tmp_path / name)
        checkpoint.save(path, {f"member0.{key}": value for key, value in state.items()}, card)
        return path

    return make


@pytest.fixture
def scene_files(tmp_path):
    """A function that writes (2, H, W) dB as HH and HV files and returns their paths."""

    def make(values, **more):
        return {
            name: write_raster(tmp_path / f"{name}.tif", band, nodata=np.nan, **more)
            for name, band in zip(("hh", "hv"), values, strict=True)
        }

    return make


@pytest.fixture
def recorder():
    """Collects what is reported."""
    return Events()


@pytest.fixture
def training_set(tmp_path):
    """A set of four scenes with 20, 40, 60 and 80 % ice."""
    folder = tmp_path / "set"
    for number in range(4):
        trainingsets.Built(
            folder, **trainingsets.scene_files(tmp_path / "layers", number, ice=0.2 * (number + 1))
        )
    return folder


@pytest.fixture
def osi401(tmp_path):
    path = tmp_path / "ice_conc_nh_polstere-100_multi_201512261200.nc"
    title = "Global Sea Ice Concentration (SSMIS) OSI-401-b"
    sic = osisaf(
        path, STERE_PROJ4, "Polar_Stereographic_Grid", STERE, 10.0, STATUS_401, title=title
    )
    return str(path), sic


@pytest.fixture
def osi408(tmp_path):
    path = tmp_path / "ice_conc_nh_polstere-100_amsr2_201701011200.nc"
    title = "Global Sea Ice Concentration (AMSR-2) OSI-408"
    sic = osisaf(
        path, STERE_PROJ4, "Polar_Stereographic_Grid", STERE, 10.0, STATUS_401, title=title
    )
    return str(path), sic


@pytest.fixture
def osi450(tmp_path):
    """With rows from the south, and three days."""
    path = tmp_path / "ice_conc_nh_ease2-250_cdr-v2p0.nc"
    title = "Sea Ice Concentration Climate Data Record OSI-450"
    sic = osisaf(
        path,
        LAEA_PROJ4,
        "Lambert_Azimuthal_Grid",
        LAEA,
        25.0,
        STATUS_450,
        times=3,
        descending=False,
        title=title,
    )
    return str(path), sic


@pytest.fixture
def nsidc_v2(tmp_path):
    """NSIDC-0051 version 2: bytes of 0-250 with flags, one variable per satellite."""
    path = tmp_path / "NSIDC0051_SEAICE_PS_S25km_20200101_v2.0.nc"
    rows, cols = 332, 316
    raw = np.zeros((rows, cols), np.uint8)
    raw[100:200] = 125
    raw[150, :40] = 254
    raw[151, :7] = 253
    with netCDF4.Dataset(path, "w") as d:
        d.title = "Sea Ice Concentrations from Nimbus-7 SMMR and DMSP SSM/I-SSMIS, Version 2"
        for name, size in (("time", 1), ("y", rows), ("x", cols)):
            d.createDimension(name, size)
        for name, first, step in (("x", -3937500.0, 25000.0), ("y", 4337500.0, -25000.0)):
            axis = d.createVariable(name, "f8", (name,))
            axis.units = "meters"
            axis[:] = first + step * np.arange(len(d.dimensions[name]))
        time = d.createVariable("time", "f8", ("time",))
        time.units = "days since 1970-01-01"
        time[:] = 18262
        crs = d.createVariable("crs", "i4")
        crs.spatial_ref = pyproj.CRS.from_epsg(3412).to_wkt("WKT1_GDAL")
        conc = d.createVariable("F17_ICECON", "u1", ("time", "y", "x"))
        conc.set_auto_maskandscale(False)
        conc.setncatts(
            {
                "units": "1",
                "scale_factor": 0.004,
                "flag_values": np.array([251, 252, 253, 254, 255], np.uint8),
                "flag_meanings": "pole_hole_mask unused coast land missing",
                "grid_mapping": "crs",
            }
        )
        conc[0] = raw
    return str(path)


@pytest.fixture
def make_grid():
    def make(height, width, size=1000.0, epsg=3413, left=-500_000.0, top=-900_000.0):
        return Grid(CRS.from_epsg(epsg), Affine(size, 0, left, 0, -size, top), height, width)

    return make


@pytest.fixture
def write(tmp_path):
    """Write an array as a GeoTIFF and return its source."""

    def write(name, values, grid, nodata=None):
        transform, crs = grid.transform, grid.crs
        path = tmp_path / name
        return RasterSource(write_raster(path, values, crs=crs, transform=transform, nodata=nodata))

    return write


@pytest.fixture
def messages():
    """Collects what a job reports."""
    return Events()
