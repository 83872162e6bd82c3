"""The help of algorithms and parameters, from the jobs' own texts."""

from __future__ import annotations

from html import escape
from typing import Type

from .core import fields, jobs
from .values import parameter_name


def help_text(spec: fields.Spec) -> str:
    """Return a parameter's help with what it accepts."""
    if spec.choices:
        some = "One" if spec.kind is fields.Kind.CHOICE else "Any"
        named = "; ".join(f"{choice.id}: {choice.label}" for choice in spec.choices)
        return f"{spec.help} {some} of {named}."
    bounds = fields.bounds_text(spec)
    return f"{spec.help} {bounds.capitalize()}." if bounds else spec.help


def help_html(job: Type[jobs.Job]) -> str:
    """Return the help panel's text: what the job does, and each parameter."""
    inputs, advanced, outputs = [], [], []
    for field, spec in job.specs():
        item = f"<p><b>{escape(spec.title)}</b> ({parameter_name(field)}): {_html(spec)}</p>"
        group = outputs if spec.kind.is_output else advanced if spec.advanced else inputs
        group.append(item)
    outputs += [
        f"<p><b>{escape(number.label)}</b> ({number.name}): a number"
        f"{f', {escape(number.unit)}' if number.unit else ''}.</p>"
        for number in job.NUMBERS
    ]
    parts = [job.SUMMARY]
    for title, group in (("Inputs", inputs), ("Advanced", advanced), ("Outputs", outputs)):
        if group:
            parts.append(f"<h3>{title}</h3>{''.join(group)}")
    return "".join(parts)


def _html(spec: fields.Spec) -> str:
    if not spec.choices:
        return escape(help_text(spec))
    items = "".join(
        f"<li><code>{escape(choice.id)}</code>: {escape(choice.label)}</li>"
        for choice in spec.choices
    )
    return f"{escape(spec.help)}<ul>{items}</ul>"
