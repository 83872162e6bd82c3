"""Which runtime to take."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ...checkpoint import ModelCard
from ...errors import SeaIceError
from ...events import Reporter
from ...networks import NetworkConfig, plan
from ...networks.fully_convolutional import as_map
from ...networks.plan import Tensors
from .base import Floats, Runtime


class Members:
    """Several networks, each with its runtime, called as one.

    Args:
        runtimes: The networks.
    """

    def __init__(self, runtimes: Sequence[Runtime]) -> None:
        self._runtimes = runtimes
        first = runtimes[0]
        self.name, self.precision = first.name, first.precision
        self.parallel, self.on_gpu = first.parallel, first.on_gpu
        # they run one after the other; their outputs are kept
        self.bytes_per_px = first.bytes_per_px + 16.0 * len(runtimes)
        self.fixed_bytes = first.fixed_bytes + 50 * 2**20 * len(runtimes)

    def prepare(self, shape: tuple[int, int, int, int]) -> None:
        """Get ready for batches of one shape (B, C, H, W)."""
        for runtime in self._runtimes:
            runtime.prepare(shape)

    def __call__(self, batch: Floats) -> Floats:
        """Return all outputs (B, K * O, H, W) for normalised input (B, C, H, W)."""
        return np.concatenate([runtime(batch) for runtime in self._runtimes], axis=1)


def make_runtime(
    name: str,
    device: str,
    card: ModelCard,
    members: Sequence[Tensors],
    report: Reporter,
    masks: Tensors | None = None,
    precision: str = "",
) -> Runtime:
    """Return the runtime of a network or an ensemble that a job asks for.

    Args:
        name: ``auto``, ``torch`` or ``openvino``. Auto takes torch on a GPU, else OpenVINO where
            it is installed and knows the network's layers, else torch.
        device: ``auto``, ``cpu`` or ``cuda``.
        card: The network.
        members: The weights of each network, as `networks.build` names them. The outputs of
            several come as channels, (B, K * O, H, W).
        report: Gets a line that says what was chosen.
        masks: For several networks at a time that are made of one (`sampling.draw_masks`); their
            outputs then come as channels.
        precision: ``float32``, or empty for the fastest.

    Raises:
        SeaIceError: The runtime or the device is not there, or they do not go together.
    """
    config = NetworkConfig.from_dict(card.network)
    layers = as_map(plan(config))
    if name == "openvino" and device == "cuda":
        raise SeaIceError(
            "the OpenVINO runtime computes on the processor only; set Runtime to torch for a GPU,"
            " or Device to cpu"
        )
    use_cuda = device == "cuda" or (device == "auto" and name != "openvino" and gpu_may_be_there())
    if use_cuda or name == "torch":
        from .torch_runtime import cuda_is_available

        if cuda_is_available() and device != "cpu":
            return _told(_of_torch(config, "cuda", members, masks, precision), report)
        if device == "cuda":
            raise SeaIceError(
                "no NVIDIA GPU that PyTorch can use was found; set Device to auto or cpu, or"
                " install the CUDA build of PyTorch"
            )
    if name != "torch" and find_spec("openvino"):
        from . import openvino_graph
        from .openvino_runtime import OpenVinoRuntime

        if openvino_graph.supports(layers):
            return _told(OpenVinoRuntime(layers, members, masks=masks, precision=precision), report)
        if name == "openvino":
            raise SeaIceError(
                f"the OpenVINO runtime lacks a layer of this {config.architecture} network; set"
                " Runtime to auto or torch"
            )
    elif name == "openvino":
        raise SeaIceError(
            "OpenVINO is not installed in the worker's Python; run Install environment, or set"
            " Runtime to auto"
        )
    return _told(_of_torch(config, "cpu", members, masks, precision), report)


def _of_torch(
    config: NetworkConfig,
    device: str,
    members: Sequence[Tensors],
    masks: Tensors | None,
    precision: str,
) -> Runtime:
    from .torch_runtime import TorchRuntime

    made = [
        TorchRuntime(config, tensors, device, masks=masks, precision=precision)
        for tensors in members
    ]
    return made[0] if len(made) == 1 else Members(made)


def _told(runtime: Runtime, report: Reporter) -> Runtime:
    report.info(f"Runtime: {runtime.name}, {runtime.precision}")
    return runtime


def gpu_may_be_there() -> bool:
    """Say whether this machine may have an NVIDIA GPU, without the 2 s of importing torch."""
    if os.name == "nt":
        return Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32/nvcuda.dll").exists()
    return Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()
