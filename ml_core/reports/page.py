"""Pages: templates filled in and written as one HTML file that needs nothing else."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .. import __version__
from ..evaluation.extent import EDGE_PERCENT
from .tables import text


def resource_path(name: str) -> Path:
    """Return a file of the resources folder, which stands beside ml_core.

    That holds in a checkout and in the installed plugin alike.

    Args:
        name: Path below ``resources``, with slashes.
    """
    return Path(__file__).resolve().parents[2] / "resources" / name


def render(template: str, path: str, **context: Any) -> None:
    """Fill in a template and write the page.

    All values are escaped. The page forbids scripts and whatever lies outside the file by a
    content security policy of its own.

    Args:
        template: File name below ``resources/reports``; it extends ``base.html``.
        path: The HTML file to write.
        **context: What the template names. ``created`` is the time of writing unless given.
    """
    context.setdefault("created", datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"))
    page = _environment().get_template(template).render(version=__version__, **context)
    Path(path).write_text(page, encoding="utf-8", newline="\n")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(resource_path("reports")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = text
    environment.filters["zipped"] = partial(zip, strict=True)
    environment.globals["ice_from"] = f"{EDGE_PERCENT:.0f} %"
    return environment
