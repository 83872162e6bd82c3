"""Memory of polygons: means of what a network gave in chips before, so that large ones add up."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

_LASTING: Final = 25.0
"""Steps after which what was seen counts by 1/e: the network has changed since."""


class PolygonMemory:
    """Running means of a map over polygons that no chip holds as a whole.

    A chart gives a polygon's mean. In a chip that holds a part of it, the map may well lie
    outside of what the chart says, so the part is taken together with what was seen of the rest.
    """

    def __init__(self) -> None:
        self._step = 0
        self._means = torch.empty(0)
        self._seen_px = torch.empty(0)
        self._last = torch.empty(0)

    def together(
        self, number: Tensor, mean: Tensor, seen_px: Tensor, area_px: Tensor, total: int
    ) -> Tensor:
        """Return the means over what is seen and what was seen of the rest, and remember them.

        Args:
            number: (P,) numbers of polygons, each once.
            mean: (P,) the map's means over what is seen now.
            seen_px: (P,) pixels of that.
            area_px: (P,) pixels of each polygon in all.
            total: Polygons among which they are numbered.

        Returns:
            (P,) means, without a gradient.
        """
        mean = mean.detach()
        if self._means.numel() != total:
            self._means, self._seen_px, self._last = mean.new_zeros(3, total)
        self._step += 1
        kept = torch.exp((self._last[number] - self._step) / _LASTING)
        # what is seen again is seen once
        rest_px = torch.minimum(kept * self._seen_px[number], (area_px - seen_px).clamp(min=0))
        both_px = seen_px + rest_px
        found = (seen_px * mean + rest_px * self._means[number]) / both_px
        self._means[number], self._seen_px[number] = found, both_px
        self._last[number] = float(self._step)
        return found
