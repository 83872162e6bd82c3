"""`make bench`: which lines of a benchmark are figures."""

import bench
import pytest


def test_a_figure_is_distinguished_from_other_lines():
    line = '{"metric": "worker_start_s", "value": 0.2, "unit": "s"}'
    assert bench.figure(line) == {"metric": "worker_start_s", "value": 0.2, "unit": "s"}
    for other in ("warming up", "3", '{"metric": "x", "value": 1}'):
        assert bench.figure(other) is None


def test_a_benchmark_that_prints_no_figure_fails(tmp_path):
    script = tmp_path / "bench_silent.py"
    script.write_text("print('nothing measured')")
    with pytest.raises(bench.subprocess.CalledProcessError):
        bench.measure(script)
