"""The command line for people, in the real process."""

import io
import subprocess
import sys

import pytest

from ml_core.commandline import Printer
from ml_core.events import Done, Failed, Message, Progress
from ml_core.jobs import JOBS


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "ml_core", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_every_job_has_a_command_with_all_its_options(job):
    result = run(job.NAME, "--help")
    assert result.returncode == 0, result.stderr
    for name, _ in job.specs():
        assert f"--{name.replace('_', '-')} " in result.stdout


def test_a_wrong_value_is_an_error_for_a_person_and_exit_code_2():
    result = run("train", "--hh", "a.tif", "--dropout", "2")
    assert result.returncode == 2
    assert result.stdout == ""
    assert "Error: Dropout rate: 2 is out of bounds" in result.stderr


def test_a_band_goes_with_its_raster():
    result = run("predict", "--hh-band", "2")
    assert result.returncode == 2
    assert "HH backscatter: a band is given without a raster" in result.stderr


def test_the_environment_is_checked_from_a_shell_without_standard_input():
    result = run("checkenvironment")
    assert result.returncode == 0, result.stderr
    assert "torch" in result.stderr


def test_results_are_printed_apart_from_progress():
    out, err = io.StringIO(), io.StringIO()
    show = Printer(out, err)
    for event in (
        Progress(0.101),
        Progress(0.102),
        Message("careful", "warning"),
        Failed("no", "why"),
    ):
        show(event)
    show(Done({"OUTPUT": "sic.tif"}, {"MEAN_SIC": 31.5}))
    assert out.getvalue() == "MEAN_SIC=31.5\nOUTPUT=sic.tif\n"
    assert err.getvalue() == "10 %\nWarning: careful\nError: no\nwhy\n"
