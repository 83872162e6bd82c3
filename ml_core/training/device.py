"""What computes the fit: device, number format, repeatability."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from ..errors import SeaIceError


@dataclass(frozen=True)
class Device:
    """A processor or GPU and the number format it convolves in.

    Attributes:
        name: ``cpu`` or ``cuda``.
        low_precision: Whether convolutions run in bfloat16; sums, losses and weights stay float32.
    """

    name: str
    low_precision: bool

    @property
    def precision(self) -> str:
        """The number format of the convolutions."""
        return "bfloat16" if self.low_precision else "float32"

    def autocast(self) -> torch.autocast:
        """Return the context in which the network runs."""
        return torch.autocast(self.name, torch.bfloat16, enabled=self.low_precision)

    def peak_memory_mib(self) -> float | None:
        """Return the most memory that a GPU held so far; None on a processor."""
        return torch.cuda.max_memory_allocated() / 2**20 if self.name == "cuda" else None


def choose(device: str) -> Device:
    """Return the device asked for: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        SeaIceError: A GPU is asked for and there is none that torch can use.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise SeaIceError(
            "Device cuda: PyTorch finds no NVIDIA GPU here; choose auto or cpu, or install the"
            " CUDA build of PyTorch and NVIDIA's driver"
        )
    if device != "cpu" and torch.cuda.is_available():
        return Device("cuda", torch.cuda.is_bf16_supported())
    return Device("cpu", _processor_has_bfloat16())


def _processor_has_bfloat16() -> bool:
    """Say whether the processor multiplies bfloat16 by itself; emulated it is slower than float32.

    torch offers the test only under private names, which a later version may drop.
    """
    tests = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in tests)


@contextmanager
def seeded(seed: int, device: Device) -> Iterator[None]:
    """Make torch's random numbers and kernels repeatable inside; outside, nothing changes."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    benchmark = torch.backends.cudnn.benchmark
    devices = [torch.cuda.current_device()] if device.name == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic)
            torch.backends.cudnn.benchmark = benchmark
