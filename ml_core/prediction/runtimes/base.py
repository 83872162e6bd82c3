"""What a runtime is: it computes a fitted network's forward pass."""

from __future__ import annotations

from typing import Protocol

from ...raster.radiometry import Floats


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
        """Get ready for batches of one shape (B, C, H, W), of which many come; others may, too."""

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
