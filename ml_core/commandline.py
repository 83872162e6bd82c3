"""The command line for people: one command per job, its options derived from the job's fields."""

from __future__ import annotations

import argparse
import sys
from typing import IO, Any, Dict, Iterator, Tuple, Type

from . import events
from .errors import JobError
from .jobs import JOBS, Job, Kind, Spec
from .jobs.fields import bounds_text, choices_text


def add_commands(commands: Any) -> None:
    """Add one command per job.

    Args:
        commands: What `argparse.ArgumentParser.add_subparsers` returned.
    """
    for job in JOBS.values():
        summary = (job.__doc__ or "").splitlines()[0]
        parser = commands.add_parser(job.NAME, help=summary, description=summary)
        for name, spec in job.specs():
            parser.add_argument(
                _option(name),
                help=_help(spec, job.default(name)).replace("%", "%%"),
                metavar=_metavar(spec),
                nargs="+" if spec.kind.is_sequence else None,
            )
            if spec.band:
                parser.add_argument(
                    _option(f"{name}_band"),
                    help=f"Band of {spec.label}, from 1 (default 1)",
                    metavar="N",
                )


def job_of(options: argparse.Namespace) -> Job:
    """Return the checked job that a command's options describe.

    Raises:
        JobError: A value is missing or wrong.
    """
    job = JOBS[options.command]
    return job.from_dict(dict(_values(job, vars(options))))


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _help(spec: Spec, default: Any) -> str:
    notes = [bounds_text(spec)]
    if spec.choices:
        notes.append(f"one of {choices_text(spec.choices)}")
    if default is not None:
        notes.append(f"default {default}")
    elif not spec.optional:
        notes.append("required")
    known = "; ".join(note for note in notes if note)
    return f"{spec.title}. {spec.help}" + (f" ({known})" if known else "")


def _metavar(spec: Spec) -> str:
    if spec.kind in (Kind.INTEGER, Kind.NUMBER, Kind.NUMBERS):
        return spec.unit.upper() if spec.unit.isalpha() else "N"
    if spec.kind is Kind.FLAG:
        return "YES|NO"
    return "ID" if spec.choices else "PATH" if spec.kind not in (Kind.TEXT, Kind.CRS) else "TEXT"


def _values(job: Type[Job], given: Dict[str, Any]) -> Iterator[Tuple[str, Any]]:
    for name, spec in job.specs():
        value = given[name]
        band = given.get(f"{name}_band")
        if value is None:
            if band is not None:
                raise JobError(f"{spec.label}: a band is given without a raster")
            continue
        if band is not None:
            value = {"path": value, "band": band}
        if spec.kind in (Kind.CHOICES, Kind.NUMBERS):
            value = ",".join(value)
        yield name, value


class Printer:
    """Prints events for a person: results on standard output, everything else on standard error."""

    def __init__(self, out: IO[str], err: IO[str] = sys.stderr) -> None:
        self._out = out
        self._err = err
        self._percent = -1

    def __call__(self, event: events.Event) -> None:
        """Print one event."""
        if isinstance(event, events.Progress):
            percent = int(event.fraction * 100)
            if percent > self._percent:
                self._percent = percent
                self._say(f"{percent} %", "\r" if self._err.isatty() else "\n")
        elif isinstance(event, events.Message):
            self._say(f"Warning: {event.text}" if event.level == "warning" else event.text)
        elif isinstance(event, events.Failed):
            self._say(f"Error: {event.text}")
            if event.details:
                self._say(event.details)
        elif isinstance(event, events.Done):
            for name, value in {**event.numbers, **event.outputs}.items():
                print(f"{name}={value}", file=self._out, flush=True)

    def _say(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=self._err, flush=True)
