"""The OpenVINO runtime: the fastest on a processor."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

from ...networks.cost import values_at_once
from ...networks.plan import NetworkPlan, Tensors
from ...raster.radiometry import Floats
from . import openvino_graph
from .openvino_library import ov, properties

_CORES_PER_STREAM = 8
"""Each stream needs the memory of a tile, and large tiles overlap little: better few streams."""

_ONE_SHAPE, _ANY_SHAPE = 0.95, 1.75
"""Memory over that of the activations that must be kept at a time, where the shape is known
beforehand and where it is not: measured 0.7 and 1.5 for a U-Net, 0.95 and 1.75 with masks."""

_FURTHER_MEMBER = 0.25
"""What each further network of an ensemble adds to that."""

_PART = 0.29
"""Share of a large tile that a quarter of it has, overlap included: the largest part of one."""


class OpenVinoRuntime:
    """Networks on the processor by OpenVINO, in bfloat16 where the processor computes in it.

    Args:
        plan: The layers of the map.
        members: The weights of each network.
        precision: ``bfloat16``, ``float32`` or empty for what the processor does best.
        threads: Cores to use; all when 0.
        masks: For K networks at a time that are made of one, as `openvino_graph.build` takes
            them.
    """

    on_gpu = False

    def __init__(
        self,
        plan: NetworkPlan,
        members: Sequence[Tensors],
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
        self._core = core
        self._graph = openvino_graph.build(plan, members, masks)
        self._settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bfloat16" else "f32",
            "NUM_STREAMS": str(streams),
            "INFERENCE_NUM_THREADS": str(threads),
        }
        self._any_shape = core.compile_model(self._graph, "CPU", self._settings)
        self._one_shape: tuple[tuple[int, ...], ov.CompiledModel] | None = None
        self._lock = threading.Lock()
        self.name = f"OpenVINO {ov.__version__.split('-')[0]} on the processor"
        value_bytes = 2 if self.precision == "bfloat16" else 4
        networks: float = len(next(iter(masks.values()))) if masks else 1
        networks += _FURTHER_MEMBER * (len(members) - 1)
        activations = networks * value_bytes * values_at_once(plan)
        self.bytes_per_px = streams * (_ONE_SHAPE + _ANY_SHAPE * _PART) * activations
        self.fixed_bytes = 200 * 2**20
        self._requests = threading.local()

    def prepare(self, shape: tuple[int, int, int, int]) -> None:
        """Compile the network for batches of one shape, which takes half of the memory."""
        with self._lock:
            if self._one_shape is None or self._one_shape[0] != shape:
                graph = self._graph.clone()
                graph.reshape(list(shape))
                compiled = self._core.compile_model(graph, "CPU", self._settings)
                self._one_shape = shape, compiled

    def __call__(self, batch: Floats) -> Floats:
        """Return the network's output (B, O, H, W) for normalised input (B, C, H, W).

        The outputs of several members come as channels, (B, M * O, H, W); with masks, where B is 1,
        those of the K networks, too.
        """
        request = self._request(batch.shape)
        request.infer([batch], share_inputs=True, share_outputs=True)
        result: Floats = request.get_output_tensor(0).data
        return result.reshape(batch.shape[0], -1, *result.shape[2:])

    def _request(self, shape: tuple[int, ...]) -> ov.InferRequest:
        """Return this thread's request for a shape."""
        prepared = self._one_shape is not None and self._one_shape[0] == shape
        key = str(shape) if prepared else "any"
        requests = vars(self._requests)
        if key not in requests:
            compiled = self._one_shape[1] if prepared and self._one_shape else self._any_shape
            requests[key] = compiled.create_infer_request()
        return requests[key]


def _cores() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
