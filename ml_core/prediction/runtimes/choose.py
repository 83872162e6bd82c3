"""Runtimes: what computes a network's forward pass, and which of them to take."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...checkpoint import ModelCard
from ...errors import SeaIceError
from ...events import Reporter
from ...networks import NetworkConfig, plan
from ...networks.fully_convolutional import as_map
from ...networks.plan import NetworkPlan

Floats = NDArray[np.float32]
_LONG = 1 << 20
"""A side of input so long that edges do not matter, px."""

Tensors = Mapping[str, np.ndarray[Any, Any]]


class DeviceMemoryError(Exception):
    """The device has too little memory for a batch; a smaller one may fit."""


class Runtime(Protocol):
    """A fitted network, ready to be called from several threads.

    Attributes:
        name: What the log and the output's metadata call it: library, version, device.
        precision: Of the arithmetic: ``float32``, ``bfloat16`` or ``float16``.
        parallel: How many calls at a time use the device fully.
        bytes_per_px: Memory that all calls together need per pixel of one batch, about.
        fixed_bytes: Memory that the process needs besides, about.
        on_gpu: Whether the memory is the GPU's.
    """

    name: str
    precision: str
    parallel: int
    bytes_per_px: float
    fixed_bytes: int
    on_gpu: bool

    def prepare(self, shape: tuple[int, int, int, int]) -> None:
        """Get ready for batches of one shape (B, C, H, W), of which this thread brings many.

        Other shapes remain possible.
        """

    def __call__(self, batch: Floats) -> Floats:
        """Return the network's output.

        Args:
            batch: Normalised input, (B, C, H, W).

        Returns:
            (B, O, H, W) float32; it holds until the same thread's next call.

        Raises:
            DeviceMemoryError: The device's memory is too small for the batch.
        """
        raise NotImplementedError


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


def activation_bytes_per_layers(layers: NetworkPlan, bytes_per_value: int) -> float:
    """Return the memory of the activations that a forward pass needs at a time, per input pixel.

    That is a layer's input and output and the outputs that skips keep, where they are largest.

    Args:
        layers: The layers of the map.
        bytes_per_value: Size of a number.
    """
    area, channels = 1.0, layers.in_channels
    kept: dict[str, float] = {}
    joined = {layer.joins for layer in layers.layers if layer.joins}
    most = 0.0
    for layer in layers.layers:
        before = channels * area
        area *= (layer.size_after(_LONG) / _LONG) ** 2
        channels = layer.channels
        most = max(most, before + channels * area + sum(kept.values()))
        kept.pop(layer.joins, None)
        if layer.name in joined:
            kept[layer.name] = channels * area
    return most * bytes_per_value
