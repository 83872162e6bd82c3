"""Events that a worker reports while it runs a job, and their JSON-lines codec."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Dict, Optional, Type, Union

from .errors import CancelledError


@dataclass(frozen=True)
class Started:
    """The worker understood the job and runs it."""

    job: str
    version: str


@dataclass(frozen=True)
class Progress:
    """Share of the whole job that is done, 0-1."""

    fraction: float


@dataclass(frozen=True)
class Message:
    """A line for the analyst; level is ``info`` or ``warning``."""

    text: str
    level: str = "info"


@dataclass(frozen=True)
class Metric:
    """One point of a curve, such as the validation loss after an epoch."""

    name: str
    step: int
    value: float
    unit: str = ""


@dataclass(frozen=True)
class Done:
    """The job succeeded: its output files (parameter name to path) and numbers (name to value).

    A number that is undefined is absent, never 0.
    """

    outputs: Dict[str, str] = field(default_factory=dict)
    numbers: Dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """The job failed; ``details`` is a traceback when the cause is a bug."""

    text: str
    details: str = ""


Event = Union[Started, Progress, Message, Metric, Done, Failed]
Emit = Callable[[Event], None]

_KINDS: Dict[str, Type[Any]] = {
    "started": Started,
    "progress": Progress,
    "message": Message,
    "metric": Metric,
    "done": Done,
    "failed": Failed,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def encode(event: Event) -> str:
    """Return the event as one line of JSON (ASCII, no newline)."""
    return json.dumps({"event": _NAMES[type(event)], **asdict(event)})


def decode(line: str) -> Optional[Event]:
    """Return the event on a line, or None where the line is no event of a known kind.

    Fields that this version does not know are dropped, so that a newer worker can add some.
    """
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    kind = _KINDS.get(str(record.pop("event", "")))
    if kind is None:
        return None
    known = {name: record[name] for name in kind.__dataclass_fields__ if name in record}
    try:
        event: Event = kind(**known)
    except TypeError:
        return None
    return event


class Reporter:
    """What a running job reports to: progress, messages and metrics out, cancellation in.

    Args:
        emit: Receives every event.
        cancelled: Returns whether the run was cancelled; called by `check_cancelled`.
    """

    def __init__(
        self,
        emit: Emit,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._emit = emit
        self._cancelled = cancelled

    def progress(self, fraction: float) -> None:
        """Report the share of the job that is done, 0-1, and stop here if it was cancelled."""
        self.check_cancelled()
        self._emit(Progress(min(max(float(fraction), 0.0), 1.0)))

    def info(self, text: str) -> None:
        """Report a line for the log."""
        self._emit(Message(text, "info"))

    def warning(self, text: str) -> None:
        """Report something that the analyst should look at."""
        self._emit(Message(text, "warning"))

    def metric(self, name: str, step: int, value: float, unit: str = "") -> None:
        """Report one point of a curve."""
        self._emit(Metric(name, int(step), float(value), unit))

    def check_cancelled(self) -> None:
        """Stop here if the run was cancelled.

        Raises:
            CancelledError: The run was cancelled.
        """
        if self._cancelled():
            raise CancelledError

    def part(self, start: float, stop: float) -> Reporter:
        """Return a reporter whose progress 0-1 is the span start-stop of this one's."""

        def emit(event: Event) -> None:
            if isinstance(event, Progress):
                event = Progress(start + (stop - start) * event.fraction)
            self._emit(event)

        return Reporter(emit, self._cancelled)
