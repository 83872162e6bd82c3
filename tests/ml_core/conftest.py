"""Settings of the tests in the worker's Python."""

import pytest
from hypothesis import settings

from tests.builders.workplace import Workplace

# No time limit on a single case: a busy machine is no failure. The same cases in every run: what
# passes here passes in CI.
settings.register_profile("seaice", deadline=None, derandomize=True)
settings.load_profile("seaice")


@pytest.fixture
def place(tmp_path):
    """Where train and predict have good inputs, to be made bad."""
    return Workplace(tmp_path)
