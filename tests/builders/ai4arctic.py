"""Files after the documented layout of the AI4Arctic Sea Ice Challenge Dataset, made for the tests.

The data themselves are not in the tests: names, dimensions, types, attributes and standardisation
follow the data set's manual and descriptions of its files.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import netCDF4
import numpy as np
from pyproj import Transformer
from scipy.ndimage import distance_transform_edt, gaussian_filter, zoom

HEADER = "poly_id;CT;CA;SA;FA;CB;SB;FB;CC;SC;FC;CN;CD;CF;POLY_TYPE"
CODES = {3: "02", 5: "30", 8: "55", 11: "60", 12: "90", 20: "91", 31: "92"}
"""Codes by polygon."""

SIC = {3: 0, 5: 30, 8: 0, 11: 60, 12: 90, 20: 100, 31: 100}
"""What they are in the challenge."""

ZONES_KM = (0, *(0.5 * 1.2**k for k in range(41)))
"""Where the zones of distance, numbered from 1, end; land is 0, the last one is open."""

# of the challenge's global_meanstd.npy; K of published extremes
MEAN_STD = {
    "nersc_sar_primary": (-14.508255, 5.659746),
    "nersc_sar_secondary": (-24.701205, 4.746759),
    "sar_incidenceangle": (33.998018, 8.322267),
    "distance_map": (23.62767, 14.990186),
    "btemp_18_7v": (218.59, 28.05),
    "btemp_36_5h": (185.18, 38.64),
}


def codes_line(number, code, kind="I"):
    """Return a line of the table of polygons as the Canadian charts have it."""
    return f"{number};{code};-9;93;06;-9;-9;-9;-9;-9;-9;-9;-9;06-9;{kind}"


@dataclass
class MadeUpArctic:
    """A scene of ice and water beside land."""

    seed: int = 0
    shape: tuple = (300, 320)
    product: str = "S1A_EW_GRDM_1SDH_20180124T194759_20180124T194859_020301_022AA4_1F75"
    chart: str = ""
    table: list = field(default_factory=lambda: [HEADER, *(codes_line(*i) for i in CODES.items())])

    def __post_init__(self):
        """Name the chart by the image's time where it is not named."""
        start = self.product[17:32].replace("T", "")
        self.chart = self.chart or f"dmi_{start[:12]}_SouthEast_RIC"

    @property
    def stem(self):
        """The start of the acquisition, by which ready-to-train files are named."""
        return f"{self.product[17:32]}_{self.chart[:3]}"

    @cached_property
    def polygon(self):
        """Numbers of polygons (H, W)."""
        field = gaussian_filter(np.random.default_rng(self.seed).normal(size=self.shape), 25)
        levels = np.quantile(field, np.linspace(0, 1, len(CODES) + 1)[1:-1])
        return np.array(list(CODES))[np.digitize(field, levels)]

    @cached_property
    def land(self):
        """Land (H, W): the last tenth of the samples."""
        land = np.zeros(self.shape, bool)
        land[:, -self.shape[1] // 10 :] = True
        return land

    @cached_property
    def zones(self):
        """Zones of distance to land (H, W), by their 40-m pixels."""
        km = 0.04 * distance_transform_edt(~self.land)
        return np.where(self.land, 0, np.digitize(km, ZONES_KM[1:-1]) + 1).astype(np.float32)

    @cached_property
    def sic_percent(self):
        """The chart's SIC (H, W), NaN on land."""
        sic = np.vectorize(SIC.get)(self.polygon).astype(float)
        return np.where(self.land, np.nan, sic)

    @cached_property
    def images_db(self):
        """HH and HV in dB (H, W) each, with speckle and a border without data."""
        generator = np.random.default_rng(self.seed + 1)
        ice = np.nan_to_num(self.sic_percent) / 100
        images = []
        for water_db, ice_db in ((-20, -12), (-30, -22)):
            power = 10 ** (water_db / 10) * (1 - ice) + 10 ** (ice_db / 10) * ice
            db = 10 * np.log10(power * generator.gamma(10, 0.1, self.shape))
            db[:3] = np.nan
            images.append(db.astype(np.float32))
        return images

    @cached_property
    def angle_deg(self):
        """Incidence angle (H, W)."""
        return np.linspace(19.1, 46.7, self.shape[1])[None].repeat(self.shape[0], 0)

    def btemp(self, name):
        """Brightness temperatures (h, w) on cells of about 50 x 50 pixels."""
        cells = [max(2, length // 50) for length in self.shape]
        lines, samples = np.mgrid[: cells[0], : cells[1]]
        return MEAN_STD[name][0] + 6.0 * lines - 4.0 * samples

    def geolocation(self):
        """Line, sample, latitude and longitude of 21 x 21 points (21, 21) each.

        Heading north-west, seen to the right, bent by 300 m per 100 km squared.
        """
        nodes = [np.linspace(0, length - 1, 21).round() for length in self.shape]
        lines, samples = np.meshgrid(*nodes, indexing="ij")
        along, across = 40.0 * lines, 40.0 * samples
        turn = np.radians(-15)
        x = across * np.cos(turn) + along * np.sin(turn) + 300 * (along / 1e5) ** 2
        y = along * np.cos(turn) - across * np.sin(turn)
        crs = "+proj=stere +lat_0=65 +lon_0=-35 +datum=WGS84"
        longitude, latitude = Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
        return lines, samples, latitude, longitude

    def raw(self, folder, *, without=(), esa=False, characters=False):
        """Write the raw file and return its path."""
        path = Path(folder) / f"{self.product}_icechart_{self.chart}.nc"
        with netCDF4.Dataset(path, "w") as file:
            file.createDimension("sar_lines", self.shape[0])
            file.createDimension("sar_samples", self.shape[1])
            put = self._putter(file, without)
            for name, image in zip(("primary", "secondary"), self.images_db, strict=True):
                put(f"nersc_sar_{name}", image, "f4")
                if esa:
                    put(f"sar_{name}", image + 1, "f4")
            chart = np.where(self.land, np.nan, self.polygon)
            put("polygon_icechart", chart, "f4")
            self._distance(put, self.zones)
            for name, values in zip(
                ("line", "sample", "latitude", "longitude"), self.geolocation(), strict=True
            ):
                put(f"sar_grid_{name}", values.ravel(), "f8", points="sar_grid_points")
            _, samples, *_ = self.geolocation()
            angles = self.angle_deg[0][samples.astype(int)]
            put("sar_grid_incidenceangle", angles.ravel(), "f8", points="sar_grid_points")
            put("sar_grid_height", 0 * angles.ravel(), "f8", points="sar_grid_points")
            for name in ("btemp_18_7v", "btemp_36_5h"):
                put(name, self.btemp(name), "f8", points="2km_grid")
            put("t2m", 0 * self.btemp("btemp_36_5h") + 260, "f8", points="2km_grid")
            self._table(file, without, characters)
        return path

    def ready(self, folder, *, apart=False, without=(), standardise=True):
        """Write the ready-to-train file, its chart in a second one if apart; return its path."""
        half = [length // 2 for length in self.shape]

        def mean(values):
            cut = values[: 2 * half[0], : 2 * half[1]]
            return cut.reshape(half[0], 2, half[1], 2).mean((1, 3))

        invalid = mean(self.land * 1.0) > 0
        images = [mean(image) for image in self.images_db]
        invalid |= np.isnan(images[0])
        path = Path(folder) / f"{self.stem}_prep.nc"
        with netCDF4.Dataset(path, "w") as file:
            file.createDimension("sar_lines", half[0])
            file.createDimension("sar_samples", half[1])
            file.scene_id, file.original_id = path.name, self.product
            file.ice_service, file.flip, file.pixel_spacing = self.chart[:3], 0, 80
            put = self._putter(file, without)

            def standard(name, values):
                mean_, std = MEAN_STD[name] if standardise else (0, 1)
                return (values - mean_) / std

            names = ("nersc_sar_primary", "nersc_sar_secondary")
            for name, image in zip(names, images, strict=True):
                stored = put(name, np.where(invalid, 0, standard(name, image)), "f4")
                if stored is not None:
                    stored.variable_fill_value = 0
            angle = standard("sar_incidenceangle", mean(self.angle_deg))
            put("sar_incidenceangle", np.where(invalid, 0, angle), "f4")
            self._distance(put, standard("distance_map", mean(self.zones)))
            for name, values in zip(("latitude", "longitude"), self.geolocation()[2:], strict=True):
                put(f"sar_grid2d_{name}", values, "f8", points="sar_grid2d")
            for name in ("btemp_18_7v", "btemp_36_5h"):
                put(name, standard(name, self.btemp(name)), "f4", points="2km_grid")
            charts = {"SIC": np.where(invalid, 255, self.classes()), "SOD": 255 * invalid}
            if not apart:
                self._charts(put, charts)
        if apart:
            with netCDF4.Dataset(path.with_name(f"{self.stem}_prep_reference.nc"), "w") as file:
                file.createDimension("sar_lines", half[0])
                file.createDimension("sar_samples", half[1])
                self._charts(self._putter(file, without), charts)
        return path

    def classes(self):
        """Return the classes of SIC of 80-m pixels, the largest of two by two."""
        half = [length // 2 for length in self.shape]
        sic = np.nan_to_num(self.sic_percent)[: 2 * half[0], : 2 * half[1]]
        return (sic.reshape(half[0], 2, half[1], 2).max((1, 3)) / 10).astype(int)

    @staticmethod
    def _charts(put, charts):
        for name, values in charts.items():
            stored = put(name, values, "u1")
            if stored is not None:
                stored.chart_fill_value = 255

    @staticmethod
    def _putter(file, without):
        def put(name, values, kind, points="sar"):
            if name in without:
                return None
            if points == "sar":
                dimensions = ("sar_lines", "sar_samples")
            else:
                dimensions = tuple(f"{points}_{k}" for k in range(values.ndim))
                for dimension, length in zip(dimensions, values.shape, strict=True):
                    if dimension not in file.dimensions:
                        file.createDimension(dimension, length)
            variable = file.createVariable(name, kind, dimensions, zlib=True, complevel=1)
            variable[:] = values
            return variable

        return put

    @staticmethod
    def _distance(put, values):
        stored = put("distance_map", values, "f4")
        if stored is not None:
            ranges = [
                f"{k}; {ZONES_KM[k - 1]:g} -> {ZONES_KM[k]:g}" for k in range(1, len(ZONES_KM) - 1)
            ]
            last = f"{len(ZONES_KM) - 1}; >{ZONES_KM[-2]:g}"
            stored.long_name = "Distance to land zones numbered with ids ranging from 0 to 41"
            lines = ["", "dist_id; dist_range_km", "0; land", *ranges, last]
            stored.zonal_range_description = "\n".join(lines)

    def _table(self, file, without, characters):
        if "polygon_codes" in without:
            return
        file.createDimension("polygon_codes_lines", len(self.table))
        if not characters:
            file.createVariable("polygon_codes", str, ("polygon_codes_lines",))[:] = np.array(
                self.table, object
            )
            return
        length = max(map(len, self.table))
        file.createDimension("characters", length)
        stored = file.createVariable("polygon_codes", "S1", ("polygon_codes_lines", "characters"))
        stored[:] = netCDF4.stringtochar(np.array(self.table, f"S{length}"))


def enlarged(values, shape):
    """Return a small array as large as an image, linear between the middles of its cells."""
    factors = [length / cells for length, cells in zip(shape, values.shape, strict=True)]
    return zoom(values, factors, order=1, mode="nearest", grid_mode=True)


def write_real_size(path, shape=(10006, 10458)):
    """Write a raw file as large as the data set's are, of one scene repeated; return the scene."""
    made = MadeUpArctic(shape=(1000, 1000))
    whole = MadeUpArctic(shape=shape)
    chart = np.where(made.land, np.nan, made.polygon)
    images = {
        "nersc_sar_primary": made.images_db[0],
        "nersc_sar_secondary": made.images_db[1],
        "polygon_icechart": chart,
        "distance_map": made.zones,
    }
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("sar_lines", shape[0])
        file.createDimension("sar_samples", shape[1])
        for name, image in images.items():
            kind = "f8" if name == "polygon_icechart" else "f4"
            # as netCDF chunks variables of this size by itself
            variable = file.createVariable(
                name, kind, ("sar_lines", "sar_samples"), zlib=True, complevel=1
            )
            wide = np.tile(image, (1, -(-shape[1] // 1000)))[:, : shape[1]]
            for line in range(0, shape[0], 1000):
                variable[line : line + 1000] = wide[: min(1000, shape[0] - line)]
        put = MadeUpArctic._putter(file, ())
        points = whole.geolocation()
        for name, values in zip(("line", "sample", "latitude", "longitude"), points, strict=True):
            put(f"sar_grid_{name}", values.ravel(), "f8", points="sar_grid_points")
        angles = np.interp(points[1], (0, shape[1] - 1), (19.1, 46.7))
        put("sar_grid_incidenceangle", angles.ravel(), "f8", points="sar_grid_points")
        whole._table(file, (), False)
    return made
