"""Builds Sentinel-1 products for tests: all made up, or real annotation with simulated pixels."""

import os
import re
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from pyproj import Geod

GEOD = Geod(ellps="WGS84")
EARTH_M = 6_371_000.0
ANTENNA_M = EARTH_M + 700_000.0
LIGHT_M_S = 299_792_458.0
START = "2024-03-01T12:00:00.000000"
LINE_INTERVAL_S = 0.006


def real_annotation():
    """The folder of the real annotation in SEAICE_TEST_DATA, or None."""
    root = os.environ.get("SEAICE_TEST_DATA")
    found = sorted(Path(root, "s1_ew_grdm_annotation").glob("S1*")) if root else []
    return found[0] if found else None


@dataclass
class MadeUp:
    """A made-up product; every field can be changed.

    Attributes:
        lines, samples, spacing_m: The image.
        heading: Degrees from north in which lines follow each other, at `origin`.
        origin: Longitude and latitude of the first line's first pixel.
        first_incidence: Incidence angle of the first pixel.
        node_step: Lines and pixels between geolocation grid points.
        heights_m: Terrain height by node (row, column).
        digital_numbers: Image by polarisation; a constant 300 where absent.
        sigma_factor: A of sigma0 = (DN^2 - eta) / A^2, by pixel.
        noise_range: Vectors (line, pixels, values); None: one of 10000 all over.
        noise_azimuth: Blocks (first line, last line, first pixel, last pixel, lines, factors).
        subswaths: How many parts of equal width the swath has; 0: none are annotated.
        conversion: Whether there are polynomials from ground to slant range.
        more: Texts to replace in the XML, by file kind: (old, new).
    """

    lines: int = 200
    samples: int = 240
    spacing_m: float = 40.0
    heading: float = 190.0
    origin: tuple = (20.0, 80.0)
    first_incidence: float = 25.0
    node_step: tuple = (50, 40)
    heights_m: dict = field(default_factory=dict)
    digital_numbers: dict = field(default_factory=dict)
    sigma_factor: object = 600.0
    noise_range: object = None
    noise_azimuth: tuple = ()
    polarisations: tuple = ("HH", "HV")
    platform: str = "A"
    mode: str = "EW"
    product_type: str = "GRD"
    ipf: str = "003.52"
    new_noise: bool = True
    subswaths: int = 5
    conversion: bool = True
    more: dict = field(default_factory=dict)

    @property
    def first_angle(self):
        """Angle at the Earth's centre between the antenna and the first pixel."""
        incidence = np.radians(self.first_incidence)
        return incidence - np.arcsin(EARTH_M * np.sin(incidence) / ANTENNA_M)

    def slant_range_m(self, pixel):
        """Slant range of pixels at sea level."""
        angle = self.first_angle + np.asarray(pixel) * self.spacing_m / EARTH_M
        return np.sqrt(ANTENNA_M**2 + EARTH_M**2 - 2 * ANTENNA_M * EARTH_M * np.cos(angle))

    def incidence_deg(self, pixel):
        """Incidence angle of pixels at sea level."""
        slant = self.slant_range_m(pixel)
        cosine = (ANTENNA_M**2 - EARTH_M**2 - slant**2) / (2 * EARTH_M * slant)
        return np.degrees(np.arccos(cosine))

    def place(self, line, pixel, height_m=0.0):
        """Longitude and latitude that a pixel shows, at sea level or on terrain."""
        line, pixel = np.broadcast_arrays(np.asarray(line, float), np.asarray(pixel, float))
        lon0, lat0 = (np.full(line.shape, value) for value in self.origin)
        lon, lat, back = GEOD.fwd(
            lon0, lat0, np.full(line.shape, self.heading), line * self.spacing_m
        )
        away = height_m / np.tan(np.radians(self.incidence_deg(pixel)))
        # the antenna looks to the right of its way
        lon, lat, _ = GEOD.fwd(lon, lat, back + 180 + 90, pixel * self.spacing_m + away)
        return lon, lat

    def nodes(self):
        """Lines and pixels of the geolocation grid, the image's last ones included."""
        return (
            np.unique([*range(0, self.lines, self.node_step[0]), self.lines - 1]),
            np.unique([*range(0, self.samples, self.node_step[1]), self.samples - 1]),
        )

    def write(self, folder):
        """Write the product below a folder and return the SAFE folder's path."""
        dual = {"HH": "DH", "VV": "DV"}[self.polarisations[0]]
        if len(self.polarisations) == 1:
            dual = "S" + dual[1]
        name = f"S1{self.platform}_{self.mode}_{self.product_type}M_1S{dual}_TEST.SAFE"
        root = Path(folder) / name
        (root / "annotation" / "calibration").mkdir(parents=True)
        (root / "measurement").mkdir()
        names = {}
        for number, polarisation in enumerate(self.polarisations, 1):
            stem = f"s1{self.platform}-{self.mode}-grd-{polarisation}-{number:03}".lower()
            files = {
                "product": f"annotation/{stem}.xml",
                "calibration": f"annotation/calibration/calibration-{stem}.xml",
                "noise": f"annotation/calibration/noise-{stem}.xml",
            }
            for kind, path in files.items():
                text = getattr(self, f"_{kind}")(polarisation)
                self._save(root / path, kind, text)
            image = f"measurement/{stem}.tiff"
            numbers = self.digital_numbers.get(polarisation, 300)
            numbers = np.broadcast_to(np.asarray(numbers, "uint16"), (self.lines, self.samples))
            write_tiff(root / image, numbers)
            names.update({f"{kind}{number}": path for kind, path in files.items()})
            names[f"image{number}"] = image
        self._save(root / "manifest.safe", "manifest", self._manifest(names))
        return root

    def _save(self, path, kind, text):
        for old, new in self.more.get(kind, ()):
            assert old in text
            text = text.replace(old, new)
        path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}', encoding="utf-8")

    def _header(self, polarisation):
        return (
            f"<adsHeader><missionId>S1{self.platform}</missionId>"
            f"<productType>{self.product_type}</productType>"
            f"<polarisation>{polarisation}</polarisation><mode>{self.mode}</mode></adsHeader>"
        )

    def _product(self, polarisation):
        rows, columns = self.nodes()
        points = []
        for i, line in enumerate(rows):
            for j, pixel in enumerate(columns):
                height = self.heights_m.get((i, j), 0.0)
                lon, lat = self.place(line, pixel, height)
                delay_s = self.slant_range_m(pixel) * 2 / LIGHT_M_S
                points.append(
                    "<geolocationGridPoint>"
                    f"<slantRangeTime>{delay_s:.15e}</slantRangeTime>"
                    f"<line>{line}</line><pixel>{pixel}</pixel>"
                    f"<latitude>{float(lat):.15e}</latitude><longitude>{float(lon):.15e}</longitude>"
                    f"<height>{height:.6e}</height>"
                    f"<incidenceAngle>{self.incidence_deg(pixel):.15e}</incidenceAngle>"
                    "</geolocationGridPoint>"
                )
        return (
            f"<product>{self._header(polarisation)}<imageAnnotation><imageInformation>"
            f"<productFirstLineUtcTime>{START}</productFirstLineUtcTime>"
            f"<rangePixelSpacing>{self.spacing_m}</rangePixelSpacing>"
            f"<azimuthPixelSpacing>{self.spacing_m}</azimuthPixelSpacing>"
            f"<azimuthTimeInterval>{LINE_INTERVAL_S}</azimuthTimeInterval>"
            f"<numberOfSamples>{self.samples}</numberOfSamples>"
            f"<numberOfLines>{self.lines}</numberOfLines>"
            f"</imageInformation></imageAnnotation>{self._conversion() if self.conversion else ''}"
            f"{self._merging() if self.subswaths else ''}"
            f'<geolocationGrid><geolocationGridPointList count="{len(points)}">{"".join(points)}'
            "</geolocationGridPointList></geolocationGrid></product>"
        )

    def edges(self):
        """The first pixel of each subswath, and the image's width."""
        return np.linspace(0, self.samples, self.subswaths + 1).astype(int)

    def _merging(self):
        edges = self.edges()
        merges = "".join(
            f"<swathMerge><swath>{self.mode}{number}</swath><swathBoundsList><swathBounds>"
            f"<firstAzimuthLine>0</firstAzimuthLine><firstRangeSample>{first}</firstRangeSample>"
            f"<lastAzimuthLine>{self.lines - 1}</lastAzimuthLine>"
            f"<lastRangeSample>{stop - 1}</lastRangeSample></swathBounds></swathBoundsList>"
            "</swathMerge>"
            for number, (first, stop) in enumerate(zip(edges, edges[1:]), 1)
        )
        return f"<swathMerging><swathMergeList>{merges}</swathMergeList></swathMerging>"

    def _conversion(self):
        ground = np.linspace(0, self.samples * self.spacing_m, 50)
        fit = np.polynomial.Polynomial.fit(ground, self.slant_range_m(ground / self.spacing_m), 5)
        coefficients = " ".join(f"{c:.15e}" for c in fit.convert().coef)
        records = "".join(
            f"<coordinateConversion><azimuthTime>2024-03-01T{time}</azimuthTime><gr0>0</gr0>"
            f"<grsrCoefficients>{coefficients}</grsrCoefficients></coordinateConversion>"
            for time in ("11:59:59.5", "12:00:00.5", "12:00:01.5")
        )
        return (
            "<coordinateConversion><coordinateConversionList>"
            f"{records}</coordinateConversionList></coordinateConversion>"
        )

    def _calibration(self, polarisation):
        pixels = np.unique([*range(0, self.samples, 40), self.samples - 1])
        factor = np.broadcast_to(self.sigma_factor, (self.samples,))[pixels]
        vectors = "".join(
            f"<calibrationVector><line>{line}</line><pixel>{_text(pixels)}</pixel>"
            f"<sigmaNought>{_text(factor)}</sigmaNought><dn>{_text(factor)}</dn>"
            "</calibrationVector>"
            for line in (0, self.lines - 1)
        )
        return (
            f"<calibration>{self._header(polarisation)}<calibrationVectorList>{vectors}"
            "</calibrationVectorList></calibration>"
        )

    def _noise(self, polarisation):
        ranges = self.noise_range
        if ranges is None:
            ranges = [(0, [0, self.samples - 1], [1e4, 1e4])]
        one, lut = (
            ("noiseRangeVector", "noiseRangeLut") if self.new_noise else ("noiseVector", "noiseLut")
        )
        vectors = "".join(
            f"<{one}><line>{line}</line><pixel>{_text(pixels)}</pixel><{lut}>{_text(values)}</{lut}></{one}>"
            for line, pixels, values in ranges
        )
        blocks = "".join(
            f"<noiseAzimuthVector><swath>{self.mode}1</swath>"
            f"<firstAzimuthLine>{a}</firstAzimuthLine><firstRangeSample>{c}</firstRangeSample>"
            f"<lastAzimuthLine>{b}</lastAzimuthLine><lastRangeSample>{d}</lastRangeSample>"
            f"<line>{_text(lines)}</line><noiseAzimuthLut>{_text(factors)}</noiseAzimuthLut>"
            "</noiseAzimuthVector>"
            for a, b, c, d, lines, factors in self.noise_azimuth
        )
        azimuth = (
            f"<noiseAzimuthVectorList>{blocks}</noiseAzimuthVectorList>" if self.new_noise else ""
        )
        return (
            f"<noise>{self._header(polarisation)}<{one}List>{vectors}</{one}List>{azimuth}</noise>"
        )

    def _manifest(self, names):
        polarisations = "".join(
            f"<s:transmitterReceiverPolarisation>{name}</s:transmitterReceiverPolarisation>"
            for name in self.polarisations
        )
        files = "".join(
            f'<dataObject ID="{key}"><byteStream><fileLocation href="./{path}"/></byteStream>'
            "</dataObject>"
            for key, path in names.items()
        )
        return (
            '<x:XFDU xmlns:x="urn:ccsds:schema:xfdu:1" xmlns:safe="http://www.esa.int/safe"'
            ' xmlns:s="http://www.esa.int/s1"><metadataSection>'
            f'<safe:software name="Sentinel-1 IPF" version="{self.ipf}"/>'
            f"<safe:platform><safe:familyName>SENTINEL-1</safe:familyName>"
            f"<safe:number>{self.platform}</safe:number></safe:platform>"
            f"<s:mode>{self.mode}</s:mode>"
            '<safe:orbitNumber type="start">12345</safe:orbitNumber>'
            '<safe:relativeOrbitNumber type="start">20</safe:relativeOrbitNumber>'
            f"<s:pass>DESCENDING</s:pass>{polarisations}"
            f"<s:productType>{self.product_type}</s:productType>"
            f"<safe:startTime>{START}</safe:startTime>"
            "<safe:stopTime>2024-03-01T12:01:00.000000</safe:stopTime>"
            f"</metadataSection><dataObjectSection>{files}</dataObjectSection></x:XFDU>"
        )


def real_annotation_product(folder, lines=None, samples=None, images=None):
    """Write a product of real annotation and simulated pixels; return the SAFE folder's path.

    Args:
        folder: Where to write.
        lines, samples: Size to crop the annotated image to, from its first pixel; the geolocation
            grid, calibration and noise stay as they are.
        images: Function of polarisation and image size that yields strips of uint16 rows from top
            to bottom; speckle about twice the noise where None.
    """
    source = real_annotation()
    root = Path(folder) / f"{source.name}.SAFE"
    shutil.copytree(source, root, copy_function=shutil.copyfile)
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    for polarisation in ("hh", "hv"):
        path = root / "annotation" / f"ew-{polarisation}.xml"
        text = path.read_text()
        size = {}
        for name, wanted in (("numberOfLines", lines), ("numberOfSamples", samples)):
            size[name] = wanted or int(re.search(rf"<{name}>(\d+)<", text)[1])
            text = re.sub(rf"<{name}>\d+<", f"<{name}>{size[name]}<", text)
        path.write_text(text)
        shape = size["numberOfLines"], size["numberOfSamples"]
        strips = (images or speckle)(polarisation.upper(), shape)
        write_tiff_strips(root / "measurement" / f"ew-{polarisation}.tiff", shape, strips)
    return root


def speckle(polarisation, shape, level=140.0, seed=0):
    """Yield strips of uint16 amplitude of 10 looks."""
    generator = np.random.default_rng(seed)
    for start in range(0, shape[0], 256):
        rows = min(256, shape[0] - start)
        power = level**2 * generator.standard_gamma(10, (rows, shape[1]), dtype=np.float32) / 10
        yield np.sqrt(power).astype(np.uint16)


def write_tiff(path, numbers):
    """Write uint16 amplitudes as the products do: strips, not compressed, without a CRS."""
    write_tiff_strips(path, numbers.shape, [numbers])


def write_tiff_strips(path, shape, strips):
    """Write strips of uint16 rows, from top to bottom."""
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint16", count=1, height=shape[0], width=shape[1]
    ) as dataset:
        start = 0
        for strip in strips:
            window = rasterio.windows.Window(0, start, shape[1], strip.shape[0])
            dataset.write(strip, 1, window=window)
            start += strip.shape[0]
    assert start == shape[0]


def zipped(root, path, compression=zipfile.ZIP_DEFLATED):
    """Write a SAFE folder as a zip, as downloads are, and return the zip's path."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                archive.write(file, f"{root.name}/{file.relative_to(root).as_posix()}")
    return path


def _text(values):
    return " ".join(f"{float(v):.9g}" for v in np.asarray(values, float))
