"""Images and volumes of any channels as the RGB planes that a perceptual network takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from srkit.grid import Role

Bands = Literal["auto", "each"]
AXES: tuple[Role, ...] = ("slice", "row", "column")  # of a volume, in network axis order


def rgb(images: Tensor, bands: Bands = "auto") -> Tensor:
    """Return ``(M, 3, H, W)`` of ``(N, C, H, W)``.

    One channel is repeated three times. Three channels are taken as red, green, blue. Any other number, and three
    where `bands` is ``each``, becomes one grey image per channel: a network trained on photographs has no idea of
    infrared, but knows edges in every band alike.
    """
    if images.shape[1] == 3 and bands == "auto":
        return images
    return images.reshape(-1, 1, *images.shape[2:]).expand(-1, 3, -1, -1)


def planes(images: Tensor, normals: Sequence[Role]) -> list[Tensor]:
    """Return ``(M, C, H, W)`` stacks: the images themselves, or the planes of a volume ``(N, C, D, H, W)``.

    A volume gives one stack per axis in `normals`, with all its planes perpendicular to that axis.
    """
    if images.ndim == 4:
        return [images]
    return [images.movedim(2 + AXES.index(axis), 1).flatten(0, 1) for axis in normals]
