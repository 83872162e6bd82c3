"""The enumerations that several jobs share: ids for scripts, labels for dialogs."""

from __future__ import annotations

from .fields import Choice

UNITS = (
    Choice("db", "sigma0 in dB"),
    Choice("linear", "sigma0 as linear power"),
)

ARCHITECTURES = (Choice("unet", "U-Net (Ronneberger et al. 2015)"),)
"""The networks; ``networks/<id>.py`` holds each."""

DROPOUT_POSITIONS = (
    Choice("bottleneck", "Once, where the features are coarsest or before the dense layers"),
    Choice("blocks", "After every block of convolutions"),
)

UPSAMPLINGS = (
    Choice("transposed", "Transposed convolution"),
    Choice("resize", "Resize to the nearest pixel, then convolution"),
)

TASKS = (Choice("regression", "SIC in percent (squared error)"),)

DEVICES = (
    Choice("auto", "Automatic: a GPU where there is one"),
    Choice("cpu", "Processor"),
    Choice("cuda", "NVIDIA GPU (CUDA)"),
)

RUNTIMES = (
    Choice("auto", "Automatic: the fastest that is installed"),
    Choice("torch", "PyTorch"),
    Choice("openvino", "OpenVINO"),
)
