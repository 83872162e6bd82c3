"""The opening of a scene that is known to hold no ice, to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..datasets.scene_data import resolution_m
from ..errors import SeaIceError
from ..jobs.inputs import ReferenceInputs
from ..observation.times import TimeDifference
from ..raster.extra import ExpectedExtra
from ..raster.ice_free import IceFree
from ..raster.scene import Scene
from .layers import OpenScene, layer_names


@contextmanager
def open_ice_free(
    job: ReferenceInputs,
    asked_m: float | None,
    chip_px: int,
    footprint_m: float | None,
    expected: ExpectedExtra | None = None,
) -> Iterator[OpenScene]:
    """Open the layers of a scene that holds no ice; see `layers.open_layers`.

    Args:
        footprint_m: Ground over which the network's map is averaged before it is compared; None:
            it is not known.

    Raises:
        SeaIceError: A layer cannot be used, or the footprint is not known.
    """
    if not footprint_m:
        raise SeaIceError(
            "Ice free: the set has no scene yet whose footprint could be taken; give the Footprint"
            " of the references to come, such as 12000 m, or add a scene with a reference first"
        )
    with Scene.open(job, resolution_m(asked_m, footprint_m, chip_px), expected) as scene:
        reference = IceFree(scene.acquisition)
        apart = TimeDifference(0.0, "")
        names = {**layer_names(job), **scene.extra, "reference": "none: ice free"}
        yield OpenScene(scene, reference, footprint_m, names, apart)
