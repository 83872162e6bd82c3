import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data():
    """The folder with real data, which is not part of the project."""
    folder = os.environ.get("SEAICE_TEST_DATA")
    if not folder:
        pytest.skip("SEAICE_TEST_DATA is not set")
    return Path(folder)


@pytest.fixture
def messages():
    """Collects what a job reports; `.text` is all of it."""

    class Messages(list):
        def __call__(self, event):
            self.append(event)

        @property
        def text(self):
            return "\n".join(event.text for event in self if hasattr(event, "text"))

        @property
        def warnings(self):
            return "\n".join(e.text for e in self if getattr(e, "level", "") == "warning")

    return Messages()
