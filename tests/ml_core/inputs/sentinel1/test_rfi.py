import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_core.errors import SeaIceError
from ml_core.events import Reporter
from ml_core.inputs.sentinel1.product import Product
from ml_core.inputs.sentinel1.rfi import polarisation_tags, read_rfi
from ml_core.inputs.sentinel1.xml import parse
from tests.builders.safe import MadeUp, real_annotation, zipped


def time_domain(percent):
    return (
        f"<timeDomainRfiReport><percentageAffectedLines>{percent}</percentageAffectedLines>"
        "<avgPercentageAffectedSamples>1</avgPercentageAffectedSamples>"
        "<maxPercentageAffectedSamples>2</maxPercentageAffectedSamples></timeDomainRfiReport>"
    )


def frequency_domain(isolated, persistent):
    return (
        "<frequencyDomainRfiBurstReport><numSubBlocks>5</numSubBlocks>"
        "<subBlockSize>200</subBlockSize><isolatedRfiReport>"
        f"<percentageAffectedLines>{isolated}</percentageAffectedLines>"
        "<maxPercentageAffectedBW>3</maxPercentageAffectedBW></isolatedRfiReport>"
        f"<percentageBlocksPersistentRfi>{persistent}</percentageBlocksPersistentRfi>"
        "<maxPercentageBWAffectedPersistentRfi>7</maxPercentageBWAffectedPersistentRfi>"
        "</frequencyDomainRfiBurstReport>"
    )


def annotation(*bursts, noise=("false",), applied="None", polarisation="HV"):
    reports = "".join(
        f"<rfiBurstReport><swath>EW1</swath><azimuthTime>2024-03-01T12:00:00.0</azimuthTime>"
        f"<inBandOutBandPowerRatio>7.1</inBandOutBandPowerRatio>{burst}</rfiBurstReport>"
        for burst in bursts
    )
    noises = "".join(
        f"<rfiDetectionFromNoiseReport><swath>EW1</swath><rfiDetected>{one}</rfiDetected>"
        "</rfiDetectionFromNoiseReport>"
        for one in noise
    )
    return (
        f"<rfi><adsHeader><polarisation>{polarisation}</polarisation></adsHeader>"
        f"<rfiMitigationApplied>{applied}</rfiMitigationApplied>"
        f"<rfiDetectionFromNoiseReportList>{noises}</rfiDetectionFromNoiseReportList>"
        f"<rfiBurstReportList>{reports}</rfiBurstReportList></rfi>"
    )


def read(text):
    return read_rfi(parse(text.encode(), "rfi.xml"))


def test_the_share_of_lines_is_a_mean_over_bursts_of_the_largest_of_each():
    found = read(
        annotation(
            "",
            time_domain(10),
            time_domain(4) + frequency_domain(12, 8),
            frequency_domain(0, 20),
            noise=("true", "false", "true"),
            applied="TimeAndFrequency",
        )
    )
    assert found.lines_percent == (0 + 10 + 12 + 20) / 4
    assert found.text == (
        "10.5 % of the lines (3 of 4 bursts), 2 of 3 noise measurements, mitigated by the processor"
    )


def test_interference_in_noise_alone_and_in_hardly_any_line_is_reported():
    assert read(annotation("", noise=("true",))).text == "1 of 1 noise measurements"
    assert read(annotation(time_domain(0.1), "", "")).text == "<0.1 % of the lines (1 of 3 bursts)"


@pytest.mark.parametrize("bursts", [(), ("", ""), (time_domain(0) + frequency_domain(0, 0),)])
@pytest.mark.parametrize("applied", ["None", "TimeAndFrequency"])
def test_without_interference_nothing_is_said(bursts, applied):
    assert read(annotation(*bursts, applied=applied)).text == ""


@given(st.lists(st.tuples(*[st.floats(0, 100)] * 3), min_size=1, max_size=8))
def test_the_share_lies_between_each_way_of_detection_and_their_sum(percents):
    bursts = [time_domain(a) + frequency_domain(b, c) for a, b, c in percents]
    share = read(annotation(*bursts)).lines_percent
    means = [sum(column) / len(percents) for column in zip(*percents, strict=True)]
    assert max(means) - 1e-9 <= share <= min(100, sum(means)) + 1e-9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (annotation(time_domain("many")), r"rfi\.xml: <\S+> holds 'many'; expected numbers"),
        (annotation(time_domain(101)), r"rfi\.xml: 101 % of a burst's lines have interference"),
        (annotation(time_domain(-1)), "expected 0 to 100. Download the product again"),
        ("<rfi/>", "<rfi> has no <rfiMitigationApplied>"),
    ],
)
def test_an_annotation_that_makes_no_sense_is_an_error(text, message):
    with pytest.raises(SeaIceError, match=message):
        read(text)


@pytest.fixture
def tags_of(tmp_path, recorder):
    """The tags and warnings of a product with the texts as its RFI annotations."""

    def tags_of(*texts, archive=False):
        safe = MadeUp(lines=60, samples=80).write(tmp_path)
        (safe / "annotation" / "rfi").mkdir()
        for number, text in enumerate(texts):
            (safe / "annotation" / "rfi" / f"rfi-{number}.xml").write_text(text)
        path = zipped(safe, tmp_path / "p.zip") if archive else safe
        return polarisation_tags(Product(str(path)), ("HH", "HV"), Reporter(recorder))

    return tags_of


@pytest.mark.parametrize("archive", [False, True])
def test_the_polarisation_with_interference_is_tagged_and_warned_of(tags_of, recorder, archive):
    clean = annotation("", "", polarisation="HH")
    found = tags_of(clean, annotation("", time_domain(50)), archive=archive)
    assert found == [
        {"SEAICE_POLARISATION": "HH"},
        {"SEAICE_POLARISATION": "HV", "SEAICE_RFI": "25.0 % of the lines (1 of 2 bursts)"},
    ]
    (warning,) = recorder.texts("warning")
    assert "radio interference in HV: 25.0 % of the lines (1 of 2 bursts). Look for" in warning


def test_a_product_without_the_annotation_says_nothing(tags_of, recorder):
    assert tags_of() == [{"SEAICE_POLARISATION": "HH"}, {"SEAICE_POLARISATION": "HV"}]
    assert not recorder.texts()


def test_an_annotation_that_is_cut_short_is_warned_of_and_not_fatal(tags_of, recorder):
    found = tags_of(annotation("", time_domain(50))[:300])
    assert found[1] == {"SEAICE_POLARISATION": "HV"}
    (warning,) = recorder.texts("warning")
    assert "Whether there is radio interference is unknown" in warning
    assert "rfi-0.xml: is not XML" in warning


@pytest.mark.skipif(real_annotation() is None, reason="SEAICE_TEST_DATA is not set")
def test_a_real_annotation_without_interference(recorder):
    product = Product(str(real_annotation()))
    for polarisation in ("HH", "HV"):
        found = read_rfi(product.optional("rfi", polarisation))
        assert (found.all_bursts, found.all_from_noise) == (110, 118)
        assert found.text == ""
    polarisation_tags(product, ("HH", "HV"), Reporter(recorder))
    assert not recorder.texts()
