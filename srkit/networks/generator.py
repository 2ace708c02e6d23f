"""What all families of generators share: their axes, and a halo found by walking back from output to input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol, cast, get_args

import torch
from torch import Tensor, nn

from srkit.errors import RecipeError, nearest_known
from srkit.networks.dimension import Sizes, batch_norm, check_count, check_ndim, convolution, per_axis
from srkit.networks.interpolation import Interpolation
from srkit.networks.reach import Span, through_convolution
from srkit.networks.upsampling import Stage, Upsampling, stages

KERNEL = 3
Skip = Literal["none", "bicubic"]


class Generator(nn.Module):
    """Map LR to SR, both in network range, ``(N, C, *spatial)`` to ``(N, C, *(spatial * scale))``.

    Parameters
    ----------
    ndim
        2 for images ``(row, column)``, 3 for volumes ``(slice, row, column)``.
    channels
        Channels of LR and SR.
    scale
        Factor for all axes, or one per axis in network axis order.

    Attributes
    ----------
    halo
        LR pixels per axis on whose values a tile's SR depends beyond the tile; None where it is the whole image.
    multiple_of
        Tiles start at multiples of this many LR pixels.
    """

    multiple_of: int = 1
    halo: tuple[int, ...] | None = None

    def __init__(self, *, ndim: int, channels: int, scale: Sizes) -> None:
        super().__init__()
        self.ndim = check_ndim(ndim)
        self.channels = check_count(channels, "channels")
        self.scale = per_axis(scale, ndim, "scale")

    def reach(self, span: Span, axis: int) -> Span | None:
        """Return the LR samples behind a span of SR samples of an axis; None where that is the whole image."""
        raise NotImplementedError

    def measured_halo(self) -> tuple[int, ...] | None:
        """Return the farthest that any LR pixel's SR samples look, per axis."""
        found = [self._farthest(axis) for axis in range(self.ndim)]
        known = tuple(number for number in found if number is not None)
        return known if len(known) == len(found) else None

    def _farthest(self, axis: int) -> int | None:
        factor, farthest = self.scale[axis], 0
        for place in range(self.multiple_of):  # windows on a raster: places differ
            span = self.reach((place * factor, (place + 1) * factor - 1), axis)
            if span is None:
                return None
            farthest = max(farthest, place - span[0], span[1] - place)
        return farthest


class Reaching(Protocol):
    """A block that knows what it looks at, the same on every axis."""

    def reach(self, span: Span) -> Span | None:
        """Return the inputs of an output span; None for the whole image."""
        ...


class ResidualGenerator(Generator):
    """SRResNet's frame (Ledig et al. 2017) around other blocks.

    Head, blocks, a convolution and the sum with the head's features, enlargement, last convolution; with `skip`
    the result is added to the interpolated LR in float32, and starts at zero.
    """

    def __init__(  # noqa: PLR0913  one keyword for each key of a recipe's network section
        self,
        body: Iterable[nn.Module],
        *,
        ndim: int,
        channels: int,
        scale: Sizes,
        features: int,
        upsampling: Upsampling,
        skip: Skip,
        head_kernel: int,
        norm: bool = True,
    ) -> None:
        super().__init__(ndim=ndim, channels=channels, scale=scale)
        if check_count(head_kernel, "head_kernel") % 2 == 0:
            raise RecipeError(f"head_kernel {head_kernel} must be odd, so that it has a centre")
        kernel, middle = (head_kernel,) * ndim, (KERNEL,) * ndim
        self.head = nn.Sequential(convolution(channels, features, kernel), nn.PReLU())
        self.blocks = nn.Sequential(*body)
        normal = [batch_norm(features, ndim)] if norm else []
        self.middle = nn.Sequential(convolution(features, features, middle), *normal)
        self.stages = nn.Sequential(*stages(upsampling, features, self.scale))
        self.last = convolution(features, channels, kernel)
        self.skip = bicubic_or_none(skip, self.scale)
        if self.skip is not None:
            start_at_zero(self.last)
        self._kernel = head_kernel
        self.halo = self.measured_halo()

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range."""
        shallow = self.head(lr)
        deep = shallow + self.middle(self.blocks(shallow))
        sr: Tensor = self.last(self.stages(deep))
        return sr if self.skip is None else add_skip(sr, self.skip, lr)

    def reach(self, span: Span, axis: int) -> Span | None:
        """Return the LR samples behind a span of SR samples."""
        wanted = through_convolution(span, self._kernel)
        for stage in reversed(self.stages):
            wanted = as_stage(stage).reach(wanted, axis)
        wanted = through_convolution(wanted, KERNEL)
        found: Span | None = through_blocks(self.blocks, wanted)
        if found is None:
            return None
        found = through_convolution(found, self._kernel)
        return found if self.skip is None else union(found, self.skip.reach(span, axis))


def through_blocks(blocks: nn.Sequential, span: Span) -> Span | None:
    """Return the inputs of an output span of blocks one after the other; None where one sees the whole image."""
    for block in reversed(blocks):
        found = cast(Reaching, block).reach(span)
        if found is None:
            return None
        span = found
    return span


def union(a: Span, b: Span) -> Span:
    """Return the span from the first to the last sample of both."""
    return min(a[0], b[0]), max(a[1], b[1])


def as_stage(module: nn.Module) -> Stage:
    """Return `module` as the stage of enlargement that it is."""
    if not isinstance(module, Stage):
        raise TypeError(f"{type(module).__name__} is no stage of enlargement")
    return module


def bicubic_or_none(skip: str, scale: Sequence[int]) -> Interpolation | None:
    """Return the interpolation that a skip adds. Raises RecipeError for an unknown kind of skip."""
    known = get_args(Skip)
    if skip not in known:
        raise RecipeError(f"no skip {skip!r} (known: {', '.join(known)}){nearest_known(str(skip), known)}")
    return Interpolation("bicubic", scale) if skip == "bicubic" else None


def add_skip(residual: Tensor, skip: nn.Module, lr: Tensor) -> Tensor:
    """Return residual plus enlarged LR, in float32 at least: low precision only ever touches the residual."""
    precise = torch.promote_types(lr.dtype, torch.float32)
    enlarged: Tensor = skip(lr.to(precise))
    return residual.to(precise) + enlarged


@torch.no_grad()
def start_at_zero(layer: nn.Module) -> None:
    """Make a layer answer 0, so that a residual starts at nothing."""
    for parameter in layer.parameters():
        parameter.zero_()
