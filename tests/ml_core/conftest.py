"""Settings of the tests in the worker's Python."""

from hypothesis import settings

# No time limit on a single case: a busy machine is no failure. The same cases in every run: what
# passes here passes in CI.
settings.register_profile("seaice", deadline=None, derandomize=True)
settings.load_profile("seaice")
