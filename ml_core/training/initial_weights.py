"""Initial weights: those of an earlier network, which is fine-tuned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .. import checkpoint
from ..checkpoint import ModelCard
from ..datasets.normalisation import Normalisation
from ..datasets.provenance import KnownScenes
from ..datasets.scene_data import Scenes
from ..errors import SeaIceError
from ..events import Reporter
from ..networks import NetworkConfig
from ..raster.extra import ExpectedExtra
from .tasks import Task

_RESOLUTION_TOLERANCE = 0.05


@dataclass(frozen=True, eq=False)
class InitialWeights:
    """An earlier network to go on from.

    Attributes:
        name: Its file's name.
        card: Its model card.
        state: Its weights by name.
        frozen: How many of its first convolutions keep their weights.
    """

    name: str
    card: ModelCard
    state: dict[str, NDArray[Any]] = field(repr=False)
    frozen: int = 0

    @classmethod
    def load(cls, path: str, frozen: int) -> InitialWeights:
        """Return the weights in a model file.

        Raises:
            SeaIceError: The file is no model file.
        """
        card, tensors = checkpoint.load(path)
        return cls(Path(path).name, card, checkpoint.member(tensors, 0), frozen)

    @property
    def normalisation(self) -> Normalisation:
        """The normalisation that the weights were fitted with, and that is kept."""
        return Normalisation.of(self.card.mean, self.card.std)

    @property
    def extra(self) -> ExpectedExtra:
        """The extra channels that a scene must have."""
        whose = f"{self.name} was trained with"
        return ExpectedExtra.among(self.card.channels, whose, drops_others=False)

    def check(
        self,
        network: NetworkConfig,
        task: Task,
        channels: Sequence[str],
    ) -> None:
        """Check that the network to fit is the same, on the same channels.

        Args:
            network: The network that is asked for.
            task: What it is to give.
            channels: Names of the channels that there are.

        Raises:
            SeaIceError: Something differs.
        """
        asked, found = network.to_dict(), NetworkConfig.from_dict(self.card.network).to_dict()
        # dropout changes no weight
        free = ("dropout", "dropout_position", "out_channels")
        differing = [n for n in found if n not in free and asked.get(n) != found[n]]
        classes = task.classes.to_dict() if task.classes else None
        if (self.card.task, self.card.classes) != (task.id, classes):
            raise SeaIceError(
                f"{self.name}: was trained for the task {self.card.task} {self.card.classes or ''}"
                f", {task.id} {classes or ''} is asked for; give the same Task and Class"
                " bounds, or no initial model"
            )
        if tuple(channels) != self.card.channels:
            raise SeaIceError(
                f"{self.name}: was trained with {', '.join(self.card.channels)}, the data has"
                f" {', '.join(channels)}; give the same layers, or no initial model"
            )
        if differing:
            wanted = ", ".join(f"{name} {found[name]}" for name in differing)
            given = ", ".join(f"{name} {asked.get(name)}" for name in differing)
            raise SeaIceError(
                f"{self.name}: is another network ({wanted}) than the one asked for ({given});"
                f" give {wanted}, or no initial model"
            )

    def check_resolution(self, resolution_m: float) -> None:
        """Check that data have the resolution that the weights were fitted at.

        Raises:
            SeaIceError: They have not.
        """
        known = self.card.resolution_m
        if abs(resolution_m / known - 1) > _RESOLUTION_TOLERANCE:
            raise SeaIceError(
                f"{self.name}: works at {known:.4g} m, the data has pixels of {resolution_m:.4g} m;"
                " give data at its resolution, or no initial model"
            )

    def compare_noise(self, scenes: Scenes, report: Reporter) -> None:
        """Warn where the thermal noise of a scene was handled otherwise than before.

        It is no error: a network may be fine-tuned for that very reason.
        """
        known = KnownScenes.of_training(self.card.training, self.name)
        texts = (known.contradiction(data.acquisition, name) for name, data in scenes.items())
        text = next(filter(None, texts), "")
        if text:
            report.warning(text)

    def apply(self, network: nn.Module) -> None:
        """Give a network the weights, and freeze its first convolutions.

        A second output (`tasks.Regression`) that only one of the two has is left as it is drawn, or
        left out.

        Raises:
            SeaIceError: The weights are not those of the network, or it has fewer convolutions.
        """
        try:
            network.load_state_dict(
                {
                    name: _of_outputs(torch.from_numpy(array.copy()), name, network)
                    for name, array in self.state.items()
                }
            )
        except RuntimeError as error:
            raise SeaIceError(
                f"{self.name}: its weights are not those of its network ({error}); train it again"
            ) from error
        kinds = (nn.Conv2d, nn.ConvTranspose2d)
        modules = [m for m in network.modules() if not list(m.children())]
        convolutions = sum(isinstance(module, kinds) for module in modules)
        if self.frozen >= convolutions:
            raise SeaIceError(
                f"Frozen convolutions: {self.frozen} of the network's {convolutions} would leave"
                f" nothing to learn; give {convolutions - 1} or less"
            )
        seen = 0
        for module in modules:  # in the order of the network
            seen += isinstance(module, kinds)
            if seen > self.frozen:
                break
            for parameter in module.parameters():
                parameter.requires_grad_(False)

    def lineage(self) -> dict[str, object]:
        """Return what the new model's card says of the earlier one."""
        training = self.card.training
        return {
            "initial_model": self.name,
            "created": self.card.created,
            "steps": training.get("steps"),
            "inputs": training.get("inputs"),
            "frozen_convolutions": self.frozen,
            "lineage": training.get("lineage"),
        }


def _of_outputs(weights: Tensor, name: str, network: nn.Module) -> Tensor:
    """Return weights, those of the last convolution for as many outputs as a network has."""
    if name not in ("layers.output.weight", "layers.output.bias"):
        return weights
    found = network.get_parameter(name).detach().clone()
    if found.shape[1:] != weights.shape[1:]:
        return weights
    shared = min(len(found), len(weights))
    found[:shared] = weights[:shared]
    return found


def is_frozen(module: nn.Module) -> bool:
    """Say whether a batch norm belongs to the frozen part, so that its statistics stay too."""
    return isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad
