"""A plugin with the networks of public weights for photographs, at whose ends they are as their own tools run them.

They see colours in 0..1, as 8-bit pictures have them, and what they give is cut off there; a domain of one channel is
grey to them, the mean of the three its result. Without the cuts SPAN is not usable: a few values beyond 0..1 in its
input, and it answers hundreds. Beyond an image's edge there is nothing for them, where our own networks see its mirror.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from srkit import hookimpl
from srkit.domain import NetworkFactory
from srkit.errors import RecipeError
from srkit.networks.dimension import Sizes
from srkit.networks.rrdb import RRDBNet
from srkit.networks.span import SPAN

SRKIT_CONTRACT = 1
COLOURS = 3
WHITE = 255.0


class PublicSPAN(SPAN):
    """SPAN behind what its weights expect: colours in 0..255, less the `mean` of their training, which is in 0..1."""

    border = 0

    def __init__(
        self,
        *,
        mean: Sequence[float],
        features: int,
        blocks: int,
        channels: int = COLOURS,
        scale: Sizes = 4,
        ndim: int = 2,
    ) -> None:
        super().__init__(ndim=ndim, channels=COLOURS, scale=scale, features=features, blocks=blocks)
        self.mean, self.channels = tuple(mean), one_or_three(channels)

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range."""
        mean = lr.new_tensor(self.mean).reshape(1, COLOURS, 1, 1)
        return from_colours(super().forward((as_colours(lr) - mean) * WHITE), self.channels)


class PublicRRDB(RRDBNet):
    """RRDBNet, whose weights expect colours in 0..1."""

    border = 0

    def __init__(
        self, *, features: int, blocks: int, growth: int, channels: int = COLOURS, scale: Sizes = 4, ndim: int = 2
    ) -> None:
        shape = {"features": features, "blocks": blocks, "growth": growth}
        super().__init__(ndim=ndim, channels=COLOURS, scale=scale, input_range=(0.0, 1.0), **shape)
        self.channels = one_or_three(channels)

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range."""
        return from_colours((super().forward(as_colours(lr) * 2 - 1) + 1) / 2, self.channels)


def as_colours(lr: Tensor) -> Tensor:
    """Return ``(N, 3, row, column)`` in 0..1 of one or three channels in network range."""
    return ((lr.clamp(-1, 1) + 1) / 2).expand(-1, COLOURS, -1, -1)


def from_colours(sr: Tensor, channels: int) -> Tensor:
    """Return one or three channels in network range of colours in 0..1."""
    colours = sr.clamp(0, 1) * 2 - 1
    return colours if channels == COLOURS else colours.mean(dim=1, keepdim=True)


def one_or_three(channels: int) -> int:
    """Return `channels`. Raises RecipeError for others than one or three."""
    if channels not in (1, COLOURS):
        raise RecipeError(f"networks for photographs have one channel or three, not {channels}")
    return channels


@hookimpl
def srkit_networks() -> Sequence[NetworkFactory]:
    """Return both networks."""
    return [
        NetworkFactory("public-span", "generator", PublicSPAN),
        NetworkFactory("public-rrdb", "generator", PublicRRDB),
    ]
