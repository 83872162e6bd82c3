"""OpenVINO, imported so that it reports its use to nobody.

By itself it sends a note of every import to Intel by way of Google Analytics, from a process of its
own, unless the user has found out and declined, and leaves a number for that in the home folder.
Where its package for that cannot be imported it does neither.
"""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402
from openvino import opset13 as ops  # noqa: E402
from openvino import properties  # noqa: E402

__all__ = ["ops", "ov", "properties"]
