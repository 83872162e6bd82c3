"""Networks and scenes for the tests of prediction."""

import dataclasses

import numpy as np
import torch

from ml_core import networks
from ml_core.checkpoint import ModelCard


def card_of(config, **more):
    """A model card for a network; its scene has about zero mean and unit variance."""
    channels = ("HH", "HV", "incidence_angle")[: config.in_channels]
    values = {
        "network": config.to_dict(),
        "channels": channels,
        "mean": (-15.0, -24.0, 35.0)[: config.in_channels],
        "std": (5.0, 5.0, 8.0)[: config.in_channels],
        "resolution_m": 40.0,
        "footprint_m": 12_000.0,
        "created": "2026-01-01T00:00:00Z",
    }
    return ModelCard(**{**values, **more})


def random_state(config, seed=0):
    """A network's state with every tensor random, batch norm's statistics too."""
    generator = torch.Generator().manual_seed(seed)
    network = networks.build(config, generator)
    state = {}
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor = 0.5 + torch.rand(tensor.shape, generator=generator)
        elif tensor.ndim == 4:
            # signals of unit variance through all layers, whatever the first weights of a fit are
            scale = (2 / tensor[0].numel()) ** 0.5
            tensor = scale * torch.randn(tensor.shape, generator=generator)
        elif name.endswith("running_mean") or name.endswith("bias"):
            tensor = 0.1 * torch.randn(tensor.shape, generator=generator)
        state[name] = tensor.numpy()
    return state


def sea_ice(shape, seed=0):
    """HH and HV (2, H, W) in dB of ice and water in patches, and the ice fraction (H, W)."""
    generator = np.random.default_rng(seed)
    coarse = generator.random((shape[0] // 40 + 2, shape[1] // 40 + 2)).astype(np.float32)
    x = torch.nn.functional.interpolate(
        torch.from_numpy(coarse)[None, None], size=shape, mode="bicubic", align_corners=False
    )
    ice = torch.clamp(4 * (x[0, 0] - 0.35), 0, 1).numpy()
    speckle = generator.gamma(8, 1 / 8, (2, *shape))
    power = np.stack([0.01 + 0.07 * ice, 0.001 + 0.007 * ice]) * speckle
    return (10 * np.log10(power)).astype(np.float32), ice


def replace(card, **more):
    return dataclasses.replace(card, **more)
