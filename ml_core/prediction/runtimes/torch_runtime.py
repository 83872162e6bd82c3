"""The torch runtime: on a GPU, and on processors without OpenVINO."""

from __future__ import annotations

import threading
from collections.abc import Sequence
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
from ...raster.radiometry import Floats
from .base import DeviceMemoryError

_OVERHEAD = 1.75
"""Memory over that of the activations: layers' inputs are reordered and padded."""


class TorchRuntime:
    """Networks by torch: convolutions fused with batch norm, channels last, bfloat16 where able.

    Args:
        config: The network.
        members: The weights of each network.
        device: ``cpu`` or ``cuda``.
        precision: ``bfloat16``, ``float16``, ``float32`` or empty for the fastest that is exact
            enough.
        masks: For K networks at a time that are made of one, as `networks.restore` takes them.
    """

    def __init__(
        self,
        config: NetworkConfig,
        members: Sequence[Tensors],
        device: str,
        *,
        precision: str = "",
        masks: Tensors | None = None,
    ) -> None:
        self.on_gpu = device == "cuda"
        self._device = torch.device(device)
        networks = [restore(config, tensors, masks) for tensors in members]
        self._networks = [self._prepared(network) for network in networks]
        self.precision = precision or _best_precision(self.on_gpu)
        self._dtype = getattr(torch, self.precision)
        # on a processor torch uses all cores in one call; a GPU is kept busy by a second caller
        # that copies while the first computes
        self.parallel = 2 if self.on_gpu else 1
        self._lock = threading.Lock()
        drawn = len(next(iter(masks.values()))) if masks else 1
        value_bytes = 4 if self.precision == "float32" else 2
        activations = drawn * value_bytes * values_at_once(networks[0].plan)
        # members run one after the other; their outputs are kept
        several = len(members) if len(members) > 1 else 0
        self.bytes_per_px = _OVERHEAD * activations + 16.0 * several
        self.fixed_bytes = (400 + 50 * several) * 2**20
        where = torch.cuda.get_device_name() if self.on_gpu else "the processor"
        self.name = f"PyTorch {torch.__version__} on {where}"
        if self.on_gpu:
            torch.backends.cudnn.benchmark = False  # tiles at the edges differ in size

    def _prepared(self, network: PlannedNetwork) -> nn.Module:
        layers: Any = network.layers
        for name, norm in network.plan.norms.items():
            layers[name] = fuse_conv_bn_eval(layers[name], layers[norm.name])
            layers[norm.name] = nn.Identity()
        last = network.plan.layers[-1]
        if last.kind is LayerKind.CONVOLUTION:
            layers[last.name] = _InFloat32(layers[last.name])
        # the stubs of Module.to lack memory_format
        network = cast(Any, network).to(self._device, memory_format=torch.channels_last)
        return network

    def prepare(self, shape: tuple[int, int, int, int]) -> None:
        """Do nothing: torch computes any shape alike."""

    def __call__(self, batch: Floats) -> Floats:
        """Return the network's output (B, O, H, W) for normalised input (B, C, H, W).

        The outputs of several members come as channels, (B, M * O, H, W); with masks, where B is 1,
        those of the K networks, too.

        Raises:
            DeviceMemoryError: The GPU's memory is too small for the batch.
        """
        x = torch.from_numpy(batch)
        try:
            if self.on_gpu:
                x = x.pin_memory().to(self._device, non_blocking=True)
            x = x.contiguous(memory_format=torch.channels_last)
            outputs = [self._output_of(network, x) for network in self._networks]
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise DeviceMemoryError(str(error)) from error
        return outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=1)

    @torch.inference_mode()
    def _output_of(self, network: nn.Module, x: torch.Tensor) -> Floats:
        reduced = self._dtype != torch.float32
        with self._lock, torch.autocast(self._device.type, self._dtype, enabled=reduced):
            y = network(x)
        return np.ascontiguousarray(y.float().cpu().numpy())


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
