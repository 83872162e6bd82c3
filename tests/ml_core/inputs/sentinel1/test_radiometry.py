from xml.etree import ElementTree

import numpy as np
import pytest

from ml_core.errors import SeaIceError
from ml_core.inputs.sentinel1.annotation import read_annotation
from ml_core.inputs.sentinel1.calibration import read_calibration, read_noise
from ml_core.inputs.sentinel1.measurement import CalibratedImage, border
from ml_core.inputs.sentinel1.product import Product
from ml_core.inputs.sentinel1.xml import parse
from tests.builders.safe import MadeUp, real_annotation

needs_real = pytest.mark.skipif(real_annotation() is None, reason="SEAICE_TEST_DATA is not set")
LINES, SAMPLES = 10708, 10487


def tables(polarisation):
    """The real product's calibration and noise tables and the paths of their XML."""
    folder = real_annotation() / "annotation" / "calibration"
    paths = [folder / f"{kind}-ew-{polarisation.lower()}.xml" for kind in ("calibration", "noise")]
    calibration, noise = (parse(path.read_bytes(), path.name) for path in paths)
    path = real_annotation() / "annotation" / f"ew-{polarisation.lower()}.xml"
    annotation = read_annotation(parse(path.read_bytes(), path.name))
    return (
        read_calibration(calibration, SAMPLES),
        read_noise(noise, calibration, annotation, "EW", 3.52),
        *paths,
    )


class ByHand:
    """The tables at single pixels, straight from the XML and written as the specification reads."""

    def __init__(self, path, vector, value):
        root = ElementTree.parse(path).getroot()
        self.vectors = sorted(
            (
                int(v.findtext("line")),
                dict(
                    zip(
                        map(int, v.findtext("pixel").split()), map(float, v.findtext(value).split())
                    )
                ),
            )
            for v in root.iter(vector)
            if v.find("line") is not None
        )
        self.blocks = [
            {child.tag: child.text for child in block} for block in root.iter("noiseAzimuthVector")
        ]

    def along_range(self, vector, pixel):
        if pixel in vector:
            return vector[pixel]
        left = max(p for p in vector if p < pixel)
        right = min(p for p in vector if p > pixel)
        share = (pixel - left) / (right - left)
        return vector[left] * (1 - share) + vector[right] * share

    def bilinear(self, line, pixel):
        upper = max(v for v in self.vectors if v[0] <= line)
        lower = min(v for v in self.vectors if v[0] >= line)
        a, b = (self.along_range(v[1], pixel) for v in (upper, lower))
        return a if upper is lower else a + (b - a) * (line - upper[0]) / (lower[0] - upper[0])

    def azimuth_factor(self, line, pixel):
        for block in self.blocks:
            rows = int(block["firstAzimuthLine"]), int(block["lastAzimuthLine"])
            columns = int(block["firstRangeSample"]), int(block["lastRangeSample"])
            if rows[0] <= line <= rows[1] and columns[0] <= pixel <= columns[1]:
                lines = [int(text) for text in block["line"].split()]
                values = [float(text) for text in block["noiseAzimuthLut"].split()]
                if line >= lines[-1]:
                    return values[-1]
                k = max(i for i, at in enumerate(lines) if at <= line)
                share = (line - lines[k]) / (lines[k + 1] - lines[k])
                return values[k] * (1 - share) + values[k + 1] * share
        raise AssertionError((line, pixel))


@needs_real
@pytest.mark.parametrize("polarisation", ["HH", "HV"])
def test_calibration_and_noise_equal_an_independent_computation(polarisation):
    calibration, noise, calibration_path, noise_path = tables(polarisation)
    factor = ByHand(calibration_path, "calibrationVector", "sigmaNought")
    eta = ByHand(noise_path, "noiseRangeVector", "noiseRangeLut")
    generator = np.random.default_rng(3)
    lines = np.sort(generator.integers(0, LINES, 60))
    worst_db = 0.0
    for line in lines:
        a, n = calibration.rows(line, line + 1)[0], noise.rows(line, line + 1)[0]
        # below line 501 zeros of swaths that have not begun, at the end of the range no values
        pixels = generator.integers(0, 10440, 5)
        if line == lines[-1]:
            pixels[:3] = 0, 3111, 3112  # where swaths meet
        for pixel in pixels:
            ours, theirs = a[pixel], factor.bilinear(line, pixel)
            worst_db = max(worst_db, abs(20 * np.log10(ours / theirs)))
            if line >= 501:
                theirs = eta.bilinear(line, pixel) * eta.azimuth_factor(line, pixel)
                worst_db = max(worst_db, abs(10 * np.log10(n[pixel] / theirs)))
    assert worst_db < 0.001


@needs_real
def test_calibration_equals_a_public_reader():
    reader = pytest.importorskip("xarray_sentinel.sentinel1")
    calibration, _, path, _ = tables("HV")
    table = reader.open_calibration_dataset(str(path)).sigmaNought
    for line in (0, 83, 5000, 10707):
        theirs = table.interp(line=line, pixel=np.arange(SAMPLES)).values
        ours = calibration.rows(line, line + 1)[0]
        assert np.abs(20 * np.log10(ours / theirs)).max() < 0.001


@needs_real
def test_noise_floor_of_the_subswaths_is_what_is_known_of_them():
    calibration, noise, *_ = tables("HV")
    start, stop = 3000, 7000
    nesz = np.zeros(SAMPLES)
    for line in range(start, stop, 100):
        rows = noise.rows(line, line + 100).astype(float)
        nesz += (rows / calibration.rows(line, line + 100).astype(float) ** 2).mean(axis=0) / 40
    edges = (0, 3112, 5013, 7084, 8959, 10487)
    means_db = [10 * np.log10(nesz[a:b].mean()) for a, b in zip(edges, edges[1:])]
    assert means_db == pytest.approx([-24.4, -28.9, -29.7, -31.5, -32.2], abs=0.2)


@needs_real
def test_noise_has_no_gaps_where_the_annotation_has_zeros():
    _, noise, *_ = tables("HV")
    # swath EW5 begins at line 422; the last range samples are zero everywhere
    started = noise.rows(430, 431)[0]
    assert started[8970:].min() > 100
    late = noise.rows(6000, 6001)[0]
    assert late[10440:] == pytest.approx(late[10430], rel=0.05)
    # half a value between a zero and a value would show as a dip across swath EW2's beginning
    assert noise.rows(140, 141)[0, 4000] == pytest.approx(noise.rows(230, 231)[0, 4000], rel=0.15)


def one(tmp_path, **changes):
    """The tables and image of HV of a made-up product."""
    product = Product(str(MadeUp(**changes).write(tmp_path)))
    files = product.files("HV")
    annotation = read_annotation(files.annotation)
    width = annotation.samples
    info = product.info
    noise = read_noise(files.noise, files.calibration, annotation, info.mode, info.ipf)
    calibration = read_calibration(files.calibration, width)
    return files.image, annotation, calibration, noise, info.ipf


def sigma0(tmp_path, subtract=True, **changes):
    files, annotation, calibration, noise, ipf = one(tmp_path, **changes)
    with CalibratedImage(
        files, annotation, calibration, noise, subtract=subtract, ipf=ipf
    ) as image:
        return image.rows(0, annotation.lines)


def test_sigma0_is_dn_squared_less_noise_over_a_squared(tmp_path):
    numbers = np.full((200, 240), 300)
    numbers[0, 0] = 0
    numbers[1, 1] = 10
    power, valid = sigma0(tmp_path, digital_numbers={"HV": numbers})
    assert power[5, 5] == pytest.approx((300**2 - 1e4) / 600**2)
    assert not valid[0, 0]
    assert valid.sum() == valid.size - 1
    # below the noise: negative and valid
    assert power[1, 1] == pytest.approx((10**2 - 1e4) / 600**2)


def test_without_noise_removal_sigma0_is_dn_squared_over_a_squared(tmp_path):
    power, _ = sigma0(tmp_path, subtract=False)
    assert power == pytest.approx((300 / 600) ** 2)


def test_azimuth_factors_act_in_their_block_and_one_value_is_constant(tmp_path):
    _, _, _, noise, _ = one(
        tmp_path,
        noise_azimuth=[
            (0, 99, 0, 119, [0, 99], [1, 2]),
            (0, 199, 120, 239, [50], [3]),
            (100, 199, 0, 119, [150, 100], [2, 4]),
        ],
    )
    rows = noise.rows(0, 200)
    assert rows[:, 0][[0, 33, 99]] == pytest.approx([1e4, 1e4 * 4 / 3, 2e4])
    assert rows[:, 200] == pytest.approx(3e4)
    assert rows[[100, 125, 150, 199], 119] == pytest.approx([4e4, 3e4, 2e4, 2e4])
    # the same rows whatever the strip they are read in
    assert noise.rows(90, 110) == pytest.approx(rows[90:110])
    assert noise.kind == "range and azimuth"


def test_zeros_and_missing_ends_of_noise_vectors_are_filled(tmp_path):
    _, _, _, noise, _ = one(
        tmp_path,
        noise_range=[
            (0, [0, 100, 101, 200, 230], [5, 5, 0, 0, 0]),
            (100, [0, 100, 101, 200, 230], [7, 7, 9, 9, 0]),
        ],
    )
    rows = noise.rows(0, 200)
    assert rows[[0, 50, 100, 199], 50] == pytest.approx([5, 6, 7, 7])
    assert rows[[0, 50, 100], 150] == pytest.approx(9)  # not started at line 0: no half values
    assert rows[:, 239] == pytest.approx(9)  # behind the table's end and its zeros


def test_a_noise_annotation_without_values_is_zero_and_reported_as_absent(tmp_path):
    _, _, _, noise, _ = one(tmp_path, noise_range=[(0, [0, 239], [0, 0])])
    assert noise.kind == "absent"
    assert not noise.rows(0, 10).any()


@pytest.mark.parametrize(
    ("ipf", "mode", "value", "factors"),
    [
        ("002.50", "EW", 1e-6, [k * 600**2 for k in (56066, 56560, 44956, 46324, 43506)]),
        ("002.36", "IW", 1e-6, [75088.7 * 600**2] * 3),
        ("002.20", "EW", 1e-4, [k * 600 for k in (56066, 56560, 44956, 46324, 43506)]),
        ("002.53", "EW", 0.5, []),
        ("002.84", "EW", 1e4, []),
        ("002.50", "EW", 1e4, []),  # scaled already
    ],
)
def test_noise_of_old_processors_is_range_only_and_scaled_by_subswath(
    tmp_path, ipf, mode, value, factors
):
    subswaths = {"EW": 5, "IW": 3}[mode]
    _, annotation, _, noise, _ = one(
        tmp_path,
        ipf=ipf,
        mode=mode,
        subswaths=subswaths,
        new_noise=False,
        noise_range=[(0, [0, 239], [value, value])],
    )
    assert noise.kind == "range"
    assert noise.factors == pytest.approx(factors, rel=1e-5)
    expected = np.repeat(factors or [1.0] * subswaths, 240 // subswaths)
    assert noise.rows(3, 4)[0] == pytest.approx(value * expected, rel=1e-5)
    assert [subswath.name for subswath in annotation.subswaths][-1] == f"{mode}{subswaths}"


def test_noise_is_scaled_and_shifted_in_its_subswath(tmp_path):
    """Five subswaths of 48 px, whose noise rises along range."""
    ramp = np.arange(240)
    _, annotation, _, noise, _ = one(
        tmp_path,
        noise_range=[(0, ramp, 1000.0 + ramp), (199, ramp, 2000.0 + ramp)],
        noise_azimuth=[(0, 199, 0, 239, [0, 199], [1, 2])],
    )
    scale, shift = np.array([1.5, 1, 1, 1, 0.5]), np.array([0, 10, 0, -3.5, 0])
    found = noise.corrected(annotation.subswaths, scale, shift).rows(0, 200)
    plain = noise.rows(0, 200)
    assert found[:, :48] == pytest.approx(1.5 * plain[:, :48])
    assert found[:, 58:96] == pytest.approx(plain[:, 48:86])
    assert found[:, 48:58] == pytest.approx(plain[:, [48]].repeat(10, axis=1))
    assert found[:, 96:144] == pytest.approx(plain[:, 96:144])
    assert found[:, 144:188] == pytest.approx((plain[:, 147:191] + plain[:, 148:192]) / 2)
    assert found[:, 192:] == pytest.approx(0.5 * plain[:, 192:])


def test_an_offset_is_subtracted_in_its_subswath(tmp_path):
    image, annotation, calibration, noise, ipf = one(tmp_path)
    offsets = [(subswath, 0.01 * n) for n, subswath in enumerate(annotation.subswaths)]
    with CalibratedImage(
        image, annotation, calibration, noise, subtract=True, ipf=ipf, offsets=offsets
    ) as opened:
        power, _ = opened.rows(50, 200)
    expected = (300**2 - 1e4) / 600**2 - 0.01 * np.repeat(np.arange(5), 48)
    assert power == pytest.approx(np.tile(expected, (150, 1)), abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        ("calibration", "<sigmaNought>600 ", "<sigmaNought>", r"7 pixels and 6 values of <sigmaN"),
        ("calibration", "<sigmaNought>600 ", "<sigmaNought>0 ", "holds 0; expected more than 0"),
        ("calibration", "calibrationVector>", "vector>", "holds no <calibrationVectorList/cal"),
        ("noise", "10000 10000", "1e4", "2 pixels and 1 values of <noiseRangeLut> at line 0"),
    ],
)
def test_malformed_tables_are_refused(tmp_path, kind, old, new, message):
    with pytest.raises(SeaIceError, match=message):
        one(tmp_path, more={kind: [(old, new)]})


def test_border_noise_of_old_processors_is_masked_and_calm_water_kept(tmp_path):
    generator = np.random.default_rng(0)
    noise = 1e4
    power = noise * generator.gamma(10, size=(200, 640)) / 10  # water without any echo
    power[:, 320:] *= 30
    numbers = np.sqrt(power)
    numbers[:100, :70] = generator.integers(0, 40, (100, 70))  # border noise at the left
    numbers[:, 600:] = 0
    numbers[:, 590:600] = 20
    changes = {"samples": 640, "digital_numbers": {"HV": numbers}}
    _, valid = sigma0(tmp_path, ipf="002.72", **changes)
    assert not valid[:96, :70].any()
    assert not valid[:, 590:].any()
    assert valid[:, 128:560].all()
    assert valid[110:, :64].all()
    assert valid[:100, :128].mean() < 0.3
    (tmp_path / "new").mkdir()
    _, valid = sigma0(tmp_path / "new", ipf="003.10", **changes)
    assert valid[:, 590:600].all()  # newer processors clean it themselves
    assert not valid[:, 600:].any()


def test_border_needs_a_known_noise():
    power = np.full((16, 96), 10, np.float32)
    assert not border(power, np.zeros_like(power)).any()
    assert border(power, np.full_like(power, 100)).all()
