"""The OpenVINO runtime: the fastest on a processor."""

from __future__ import annotations

import os
import threading

import openvino as ov
from openvino import properties

from ..networks.plan import Plan
from . import openvino_graph
from .openvino_graph import Tensors
from .runtimes import Floats, activation_bytes_per_layers

_CORES_PER_STREAM = 8
"""Each stream needs the memory of a tile, and large tiles have little halo: better few streams."""


class OpenVinoRuntime:
    """A network on the processor by OpenVINO, in bfloat16 where the processor computes in it.

    Args:
        plan: The layers of the map.
        tensors: The weights.
        precision: ``bfloat16``, ``float32`` or empty for what the processor does best.
        threads: Cores to use; all when 0.
        masks: For K networks at a time, as `openvino_graph.build` takes them.
    """

    on_gpu = False

    def __init__(
        self,
        plan: Plan,
        tensors: Tensors,
        *,
        precision: str = "",
        threads: int = 0,
        masks: Tensors | None = None,
    ) -> None:
        core = ov.Core()
        able = "BF16" in core.get_property("CPU", properties.device.capabilities)
        self.precision = precision or ("bfloat16" if able else "float32")
        threads = threads or _cores()
        streams = -(-threads // _CORES_PER_STREAM)
        # a second caller would save the 1 % between two tiles and cost the memory of one
        self.parallel = streams
        self._model = core.compile_model(
            openvino_graph.build(plan, tensors, masks),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bfloat16" else "f32",
                "NUM_STREAMS": str(streams),
                "INFERENCE_NUM_THREADS": str(threads),
            },
        )
        self.name = f"OpenVINO {ov.__version__.split('-')[0]} on the processor"
        value = 2 if self.precision == "bfloat16" else 4
        networks = len(next(iter(masks.values()))) if masks else 1
        self.bytes_per_px = streams * networks * activation_bytes_per_layers(plan, value)
        self.fixed_bytes = 200 * 2**20
        self._requests = threading.local()

    def __call__(self, batch: Floats) -> Floats:
        """Return the network's output (B, O, H, W) for normalised input (B, C, H, W).

        With masks B is 1, and the outputs of the K networks come as channels, (1, K * O, H, W).
        """
        request = getattr(self._requests, "request", None)
        if request is None:
            request = self._requests.request = self._model.create_infer_request()
        request.infer([batch], share_inputs=True)
        result: Floats = request.get_output_tensor(0).data
        return result.reshape(batch.shape[0], -1, *result.shape[2:])


def _cores() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
