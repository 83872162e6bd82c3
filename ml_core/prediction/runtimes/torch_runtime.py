"""The torch runtime: on a GPU, and on processors without OpenVINO."""

from __future__ import annotations

import threading
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ...networks import NetworkConfig, restore
from ...networks.cost import values_at_once
from ...networks.layer import LayerKind
from ...networks.module import PlannedNetwork
from ...networks.plan import Tensors
from .base import DeviceMemoryError, Floats

_OVERHEAD = 1.75
"""Memory over that of the activations: layers' inputs are reordered and padded."""


class TorchRuntime:
    """A network by torch: convolutions fused with batch norm, channels last, bfloat16 where able.

    Args:
        config: The network.
        tensors: The weights.
        device: ``cpu`` or ``cuda``.
        precision: ``bfloat16``, ``float16``, ``float32`` or empty for the fastest that is exact
            enough.
        masks: Factors (K, C) of each dropout layer's channels, for K networks at a time
            (`sampling.draw_masks`).
    """

    def __init__(
        self,
        config: NetworkConfig,
        tensors: Tensors,
        device: str,
        *,
        precision: str = "",
        masks: Tensors | None = None,
    ) -> None:
        network = restore(config, tensors, masks)
        _fuse(network)
        last = network.plan.layers[-1]
        if last.kind is LayerKind.CONVOLUTION:
            network.layers[last.name] = _InFloat32(network.layers[last.name])
        self.on_gpu = device == "cuda"
        self._device = torch.device(device)
        # the stubs of Module.to lack memory_format
        self._network = cast(Any, network).to(self._device, memory_format=torch.channels_last)
        self.precision = precision or _best_precision(self.on_gpu)
        self._dtype = getattr(torch, self.precision)
        # on a processor torch uses all cores in one call; a GPU is kept busy by a second caller
        # that copies while the first computes
        self.parallel = 2 if self.on_gpu else 1
        self._lock = threading.Lock()
        networks = len(next(iter(masks.values()))) if masks else 1
        value_bytes = 4 if self.precision == "float32" else 2
        activations = networks * value_bytes * values_at_once(network.plan)
        self.bytes_per_px = _OVERHEAD * activations
        self.fixed_bytes = 400 * 2**20
        where = torch.cuda.get_device_name() if self.on_gpu else "the processor"
        self.name = f"PyTorch {torch.__version__} on {where}"
        if self.on_gpu:
            torch.backends.cudnn.benchmark = False  # tiles at the edges differ in size

    def prepare(self, shape: tuple[int, int, int, int]) -> None:
        """Do nothing: torch computes any shape alike."""

    def __call__(self, batch: Floats) -> Floats:
        """Return the network's output (B, O, H, W) for normalised input (B, C, H, W).

        With masks B is 1, and the outputs of the K networks come as channels, (1, K * O, H, W).

        Raises:
            DeviceMemoryError: The GPU's memory is too small for the batch.
        """
        x = torch.from_numpy(batch)
        try:
            if self.on_gpu:
                x = x.pin_memory().to(self._device, non_blocking=True)
            with self._lock:
                y = self._forward(x.contiguous(memory_format=torch.channels_last))
            result: Floats = y.float().cpu().numpy()
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise DeviceMemoryError(str(error)) from error
        return np.ascontiguousarray(result)

    @torch.inference_mode()
    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        if self._dtype == torch.float32:
            return self._run(x)
        with torch.autocast(self._device.type, self._dtype):
            return self._run(x)

    def _run(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self._network(x)
        return y


class _InFloat32(nn.Module):
    """A layer that autocast leaves alone: bfloat16 would round the SIC to 0.4 %."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self._layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(x.device.type, enabled=False):
            y: torch.Tensor = self._layer(x.float())
            return y


def cuda_is_available() -> bool:
    """Say whether torch has a GPU to compute on."""
    return torch.cuda.is_available()


def _best_precision(on_gpu: bool) -> str:
    if on_gpu:
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    # without the instructions bfloat16 is emulated, and slower than float32
    able = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bfloat16" if able else "float32"


def _fuse(network: PlannedNetwork) -> None:
    """Fold each batch norm into the convolution before it, in place."""
    layers: Any = network.layers
    for name, norm in network.plan.norms.items():
        layers[name] = fuse_conv_bn_eval(layers[name], layers[norm.name])
        layers[norm.name] = nn.Identity()
