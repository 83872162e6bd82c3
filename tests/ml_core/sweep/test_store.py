import pytest

from ml_core.errors import SeaIceError
from ml_core.sweep.store import ResultStore, key_of, store_path


def test_what_is_added_is_there_in_the_next_run(tmp_path):
    path = store_path(str(tmp_path / "report.html"))
    assert path == str(tmp_path / "report.runs.jsonl")
    store = ResultStore(path)
    assert store.get("a") is None
    store.add("a", {"rmse": 1.5})
    store.add("b", {"rmse": 2.5})
    assert ResultStore(path).get("a") == {"rmse": 1.5}
    assert ResultStore(path).get("b") == {"rmse": 2.5}


def test_a_line_that_was_cut_off_loses_only_itself(tmp_path):
    path = tmp_path / "x.runs.jsonl"
    store = ResultStore(str(path))
    for name in "abc":
        store.add(name, {"name": name})
    path.write_bytes(path.read_bytes()[:-9])
    again = ResultStore(str(path))
    assert [again.get(name) for name in "abc"] == [{"name": "a"}, {"name": "b"}, None]
    again.add("c", {"name": "again"})
    last = ResultStore(str(path))
    assert [last.get(name)["name"] for name in "abc"] == ["a", "b", "again"]


def test_a_key_knows_every_value_and_no_order():
    one = {"fit": {"l2": 1e-4, "seed": 1}, "data": [1.0, 2.0]}
    assert key_of(one) == key_of({"data": [1.0, 2.0], "fit": {"seed": 1, "l2": 1e-4}})
    assert key_of(one) != key_of({**one, "data": [1.0, 2.0000001]})
    assert key_of(one) != key_of({**one, "fit": {"l2": 1e-4, "seed": 2}})


def test_a_file_that_is_none_of_ours_is_an_error(tmp_path):
    path = tmp_path / "x.runs.jsonl"
    path.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(SeaIceError, match=r"x.runs.jsonl: .*remove the file to start again"):
        ResultStore(str(path))
    with pytest.raises(SeaIceError, match="choose another place for the report"):
        ResultStore(str(tmp_path / "missing" / "x.runs.jsonl")).add("a", {})
