"""Jobs run as the worker runs them, but in the tests' process."""

from importlib import import_module

from ml_core.events import Message, Reporter
from ml_core.files import OutputFiles


class Events(list):
    """What a job reports, event by event."""

    __call__ = list.append

    def texts(self, level=None):
        """The messages, of one level or all."""
        return [
            event.text
            for event in self
            if isinstance(event, Message) and level in (None, event.level)
        ]

    @property
    def text(self):
        return "\n".join(self.texts())

    @property
    def warnings(self):
        return "\n".join(self.texts("warning"))


def execute(job, cancelled=lambda: False, events=None):
    """Run a job; return what it gave and its events."""
    events = Events() if events is None else events
    run = import_module(f"ml_core.runs.{job.NAME}").run
    with OutputFiles() as files:
        done = run(job, files, Reporter(events, cancelled))
        files.commit()
    return done, events
