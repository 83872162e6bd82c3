import json
import struct

import numpy as np
import pytest

from ml_core import checkpoint, networks
from ml_core.checkpoint import ModelCard
from ml_core.errors import SeaIceError


def make_card(**changes):
    values = {
        "network": networks.NetworkConfig(in_channels=3).to_dict(),
        "channels": ("HH", "HV", "incidence_angle"),
        "mean": (-15.0, -25.5, 33.0),
        "std": (4.0, 3.0, 7.0),
        "resolution_m": 160.0,
        "footprint_m": 12000.0,
        "training": {"inputs": {"hh": "σ0 – scène.tif"}, "seed": 3},
        "curves": {"validation": [1.5, float("nan"), np.float32(0.25)]},
        "created": "2024-02-03T04:05:06+00:00",
    }
    return ModelCard(**{**values, **changes})


TENSORS = {
    "member0.weight": np.arange(12, dtype=np.float32).reshape(3, 4).T,  # not contiguous
    "member0.bias": np.zeros(3, np.float32),
    "member0.count": np.array(7, np.int64),
}


def write(path, header, data=b"", length=None):
    content = json.dumps(header).encode() if not isinstance(header, bytes) else header
    path.write_bytes(struct.pack("<Q", len(content) if length is None else length) + content + data)
    return str(path)


def card_header(**changes):
    values = {**json.loads(json.dumps(make_card(curves={}).__dict__)), **changes}
    return {"__metadata__": {"seaice_model_card": json.dumps(values)}}


def test_what_is_saved_comes_back(tmp_path):
    path = str(tmp_path / "a.safetensors")
    checkpoint.save(path, TENSORS, make_card())
    card, tensors = checkpoint.load(path)
    assert card == make_card(curves={"validation": [1.5, None, 0.25]})
    assert card == checkpoint.read_card(path)
    assert set(tensors) == set(TENSORS)
    for name, array in TENSORS.items():
        assert (tensors[name].dtype, tensors[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(tensors[name], array)


def test_the_same_content_gives_the_same_bytes(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    checkpoint.save(str(first), TENSORS, make_card())
    checkpoint.save(str(second), dict(reversed(TENSORS.items())), make_card())
    assert first.read_bytes() == second.read_bytes()


def test_a_header_of_any_length_is_read(tmp_path):
    # the file starts with the header's length, which may look like the start of another format
    path = str(tmp_path / "m.safetensors")
    starts = set()
    for padding in range(0, 2048, 8):
        card = make_card(created="x" * padding)
        checkpoint.save(path, {"member0.w": np.zeros(1, np.float32)}, card)
        with open(path, "rb") as stream:
            starts.add(stream.read(1))
        assert checkpoint.read_card(path).created == card.created
    assert len(starts) == 32  # lengths are multiples of 8


def test_members_of_an_ensemble_are_distinguished():
    tensors = {"member0.a.b": np.zeros(1), "member1.a.b": np.ones(1), "member10.a.b": np.full(1, 2)}
    assert checkpoint.member_count(tensors) == 3
    assert list(checkpoint.member(tensors, 1)) == ["a.b"]
    assert checkpoint.member(tensors, 1)["a.b"] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no safetensors file"),
        (b"abc", "no safetensors file"),
        (b"PK\x03\x04" + b"\0" * 100, "no safetensors file, or damaged"),  # what torch.save writes
        (b"\x80\x04\x95\x10" + b"\0" * 100, "no safetensors file, or damaged"),  # a pickle
        (b"GIF89a" + b"\0" * 100, "no safetensors file, or damaged"),
        (struct.pack("<Q", 2**40) + b"{}", "no safetensors file, or damaged"),
        (struct.pack("<Q", 5000) + b"{}", "no safetensors file, or damaged"),
        (struct.pack("<Q", 4) + b"{{{{", "no safetensors file, or damaged"),
        (struct.pack("<Q", 2) + b"[]", "no safetensors file, or damaged"),
        (struct.pack("<Q", 15 * 2**20) + b"[" * (15 * 2**20), "no safetensors file, or damaged"),
    ],
)
def test_a_foreign_file_is_refused(tmp_path, content, message):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    for read in (checkpoint.read_card, checkpoint.load):
        with pytest.raises(SeaIceError, match=message) as caught:
            read(str(path))
        assert "m.safetensors" in str(caught.value)
        assert "Train SIC network" in str(caught.value)


def test_a_safetensors_file_of_another_program_is_refused(tmp_path):
    from safetensors.numpy import save_file

    path = str(tmp_path / "m.safetensors")
    save_file({"weight": np.zeros(3, np.float32)}, path, metadata={"format": "pt"})
    with pytest.raises(SeaIceError, match="no model card"):
        checkpoint.load(path)


def test_every_truncation_is_refused(tmp_path):
    whole = tmp_path / "whole.safetensors"
    checkpoint.save(str(whole), TENSORS, make_card())
    content = whole.read_bytes()
    cut = tmp_path / "cut.safetensors"
    for length in [*range(0, len(content) - 1, 97), len(content) - 1]:
        cut.write_bytes(content[:length])
        with pytest.raises(SeaIceError, match=r"cut\.safetensors"):
            checkpoint.read_card(str(cut))
    cut.write_bytes(content + b"\0")
    with pytest.raises(SeaIceError, match="damaged"):
        checkpoint.read_card(str(cut))


def test_tensors_that_overlap_or_lie_outside_are_refused(tmp_path):
    for offsets in ([4, 8], [0, 4], [2, 6], [4, 12], [0, 2**60], [-4, 8]):
        header = card_header()
        header["member0.a"] = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
        header["member0.b"] = {"dtype": "F32", "shape": [1], "data_offsets": offsets}
        path = write(tmp_path / "m.safetensors", header, b"\0" * 8)
        if offsets == [4, 8]:
            assert len(checkpoint.load(path)[1]) == 2
            continue
        with pytest.raises(SeaIceError, match="not a model file"):
            checkpoint.load(path)


def test_a_newer_format_asks_for_an_update(tmp_path):
    path = write(tmp_path / "m.safetensors", card_header(format_version=2))
    with pytest.raises(SeaIceError, match=r"format 2 by a newer version .* reads up to 1. Update"):
        checkpoint.read_card(path)


def test_an_unknown_field_of_a_card_is_ignored(tmp_path):
    path = write(tmp_path / "m.safetensors", card_header(added_later=1))
    assert checkpoint.read_card(path).resolution_m == 160


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": "1"}, "format version '1'"),
        ({"channels": ["HH", "HH", "HV"]}, "channels is .* different names"),
        ({"channels": ["HH", "RR", "HV"]}, "channels is .* two of HH, HV, VV, VH first"),
        ({"channels": ["HH", "HV", 3]}, "channels is .* different names"),
        ({"channels": ["HH", "HV", ""]}, "channels is .* different names"),
        ({"channels": "HH"}, "channels is 'HH', expected a list"),
        ({"channels": ["HH", "HV"], "mean": [1, 2], "std": [1, 2]}, "as many input channels"),
        ({"mean": [1, 2]}, "mean is .* for each of 3 channels"),
        ({"mean": [1, 2, None]}, "mean is"),
        ({"std": [1, 2, 0]}, "std is .* positive"),
        ({"resolution_m": 0}, "resolution_m is 0, expected a positive"),
        ({"resolution_m": "160"}, "resolution_m is '160'"),
        ({"footprint_m": -1}, "footprint_m is -1"),
        ({"task": "clustering"}, "task is 'clustering'"),
        ({"network": 5}, "network is 5"),
        ({"classes": []}, "classes is"),
        ({"training": None}, "training is None"),
    ],
)
def test_a_wrong_card_is_refused(tmp_path, changes, message):
    path = write(tmp_path / "m.safetensors", card_header(**changes))
    with pytest.raises(SeaIceError, match=message):
        checkpoint.read_card(path)


def test_a_file_without_weights_is_refused(tmp_path):
    path = str(tmp_path / "m.safetensors")
    checkpoint.save(path, {"other": np.zeros(1, np.float32)}, make_card())
    with pytest.raises(SeaIceError, match="holds no weights"):
        checkpoint.load(path)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    path = str(tmp_path / "m.safetensors")
    checkpoint.save(path, {"member0.w": np.array([1, np.nan], np.float32)}, make_card())
    with pytest.raises(SeaIceError, match=r"member0.w are not all finite.*lower learning rate"):
        checkpoint.load(path)


def test_a_missing_file_and_an_unwritable_place_are_errors(tmp_path):
    with pytest.raises(SeaIceError, match=r"no\.safetensors: cannot be read"):
        checkpoint.read_card(str(tmp_path / "no.safetensors"))
    with pytest.raises(SeaIceError, match="cannot be written"):
        checkpoint.save(str(tmp_path / "folder" / "m.safetensors"), TENSORS, make_card())
