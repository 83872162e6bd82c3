"""Which runtime to take."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ...checkpoint import ModelCard
from ...errors import SeaIceError
from ...events import Reporter
from ...networks import NetworkConfig, plan
from ...networks.fully_convolutional import as_map
from ...networks.plan import NetworkPlan, Tensors
from .base import Runtime


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
        members: The weights of each network, as `networks.build` names them. The outputs of
            several come as channels, (B, K * O, H, W).
        masks: For several networks at a time that are made of one (`sampling.draw_masks`); their
            outputs then come as channels.
        precision: ``float32``, or empty for the fastest.

    Raises:
        SeaIceError: The runtime or the device is not there, or they do not go together.
    """
    config = NetworkConfig.from_dict(card.network)
    layers = as_map(plan(config))
    chosen = _chosen(name, device, layers)
    runtime: Runtime
    if chosen == "openvino":
        from .openvino_runtime import OpenVinoRuntime

        runtime = OpenVinoRuntime(layers, members, masks=masks, precision=precision)
    else:
        from .torch_runtime import TorchRuntime

        runtime = TorchRuntime(config, members, chosen, masks=masks, precision=precision)
    report.info(f"Runtime: {runtime.name}, {runtime.precision}")
    return runtime


def _chosen(name: str, device: str, layers: NetworkPlan) -> str:
    """Return ``openvino``, or the device that torch computes on.

    Raises:
        SeaIceError: The runtime or the device is not there, or they do not go together.
    """
    if name == "openvino" and device == "cuda":
        raise SeaIceError(
            "the OpenVINO runtime computes on the processor only; set Runtime to torch for a GPU,"
            " or Device to cpu"
        )
    use_cuda = device == "cuda" or (device == "auto" and name != "openvino" and gpu_may_be_there())
    if use_cuda or name == "torch":
        from .torch_runtime import cuda_is_available

        if cuda_is_available() and device != "cpu":
            return "cuda"
        if device == "cuda":
            raise SeaIceError(
                "no NVIDIA GPU that PyTorch can use was found; set Device to auto or cpu, or"
                " install the CUDA build of PyTorch"
            )
    if name != "torch" and find_spec("openvino"):
        from . import openvino_graph

        if openvino_graph.supports(layers):
            return "openvino"
        if name == "openvino":
            raise SeaIceError(
                f"the OpenVINO runtime lacks a layer of this {layers.architecture} network; set"
                " Runtime to auto or torch"
            )
    elif name == "openvino":
        raise SeaIceError(
            "OpenVINO is not installed in the worker's Python; run Install environment, or set"
            " Runtime to auto"
        )
    return "cpu"


def gpu_may_be_there() -> bool:
    """Say whether this machine may have an NVIDIA GPU, without the 2 s of importing torch."""
    if os.name == "nt":
        return Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32/nvcuda.dll").exists()
    return Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()
