"""SRResNet, the generator of SRGAN (Ledig et al. 2017), for images and volumes, any channels, a scale per axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srkit.errors import RecipeError, nearest_known
from srkit.networks.dimension import Sizes, batch_norm, check_count, check_ndim, convolution, per_axis, weights_of
from srkit.networks.interpolation import Interpolation
from srkit.networks.reach import Span, overhang, through_convolution
from srkit.networks.residual import ResidualBlock
from srkit.networks.shuffle import pixel_shuffle
from srkit.networks.subpixel import rewriting_pays, rewritten_bias, rewritten_weight
from srkit.networks.upsampling import Stage, SubPixelStage, Upsampling, stages

Output = Literal["linear", "tanh"]
Skip = Literal["none", "bicubic"]
MIDDLE_KERNEL = 3


class SRResNet(nn.Module):
    """Map LR to SR, both in network range, ``(N, C, *spatial)`` to ``(N, C, *(spatial * scale))``.

    The defaults are the paper's network for RGB at ×4: 1,549,462 parameters, which needs a bias in every convolution
    and one slope in every PReLU.

    Parameters
    ----------
    ndim
        2 for images ``(row, column)``, 3 for volumes ``(slice, row, column)``.
    channels
        Channels of LR and SR.
    scale
        Factor for all axes, or one per axis in network axis order; ``(4, 1, 1)`` acts along slices alone.
    features, blocks
        Width, and number of residual blocks.
    upsampling
        ``subpixel`` (the paper's; ICNR start), ``resize`` or ``transposed``.
    output
        ``linear``, or ``tanh`` to bound SR (with a skip: its residual) to -1..1.
    skip
        ``bicubic``: the network predicts the residual over the interpolated LR, which is added in float32. It starts
        as that interpolation (the last convolution starts at zero), and low precision only ever touches the residual.
    input_range
        Numbers that LR's -1..1 becomes before the first convolution. The paper gives its network LR in 0..1 and asks
        for SR in -1..1; srkit has one normaliser for both, and ``(0, 1)`` restores the paper's input.
    head_kernel
        Kernel of the first and last convolution, odd, for all axes or one per axis. The paper's 9 has 729 taps in
        3-D: 3 or 5 is the better bargain there, and along few thick slices.

    Attributes
    ----------
    halo
        LR pixels per axis on whose values a tile's SR depends beyond the tile, exactly.
    multiple_of
        1: any size of LR will do.
    """

    multiple_of = 1

    def __init__(  # noqa: PLR0913  one keyword for each key of a recipe's network section
        self,
        *,
        ndim: int = 2,
        channels: int = 3,
        scale: Sizes = 4,
        features: int = 64,
        blocks: int = 16,
        upsampling: Upsampling = "subpixel",
        output: Output = "linear",
        skip: Skip = "none",
        input_range: Sequence[float] = (-1.0, 1.0),
        head_kernel: Sizes = 9,
    ) -> None:
        super().__init__()
        self.ndim = check_ndim(ndim)
        self.scale = per_axis(scale, ndim, "scale")
        self.channels = check_count(channels, "channels")
        check_count(features, "features")
        check_count(blocks, "blocks", least=0)
        self.input_range = _checked_range(input_range)
        kernel = _odd(per_axis(head_kernel, ndim, "head_kernel"))
        middle = (MIDDLE_KERNEL,) * ndim

        self.head = nn.Sequential(convolution(channels, features, kernel), nn.PReLU())
        self.blocks = nn.Sequential(*(ResidualBlock(features, ndim) for _ in range(blocks)))
        self.middle = nn.Sequential(convolution(features, features, middle), batch_norm(features, ndim))
        self.stages = nn.Sequential(*stages(upsampling, features, self.scale))
        self.last = convolution(features, channels, kernel)
        self.output = nn.Tanh() if _known(output, Output, "output") == "tanh" else nn.Identity()
        self.skip = Interpolation("bicubic", self.scale) if _known(skip, Skip, "skip") == "bicubic" else None
        if self.skip is not None:
            _start_at_zero(self.last)
        self.halo = tuple(self._halo(axis, kernel[axis]) for axis in range(ndim))
        self._rewritten_factors = _rewritable(self.stages, (channels, features, *kernel))

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range."""
        sr = self.tail(self.trunk(lr))
        if self.skip is None:
            return sr
        precise = torch.promote_types(lr.dtype, torch.float32)
        interpolated: Tensor = self.skip(lr.to(precise))
        return sr.to(precise) + interpolated

    def trunk(self, lr: Tensor) -> Tensor:
        """Return the features ``(N, features, *spatial)`` at LR size: nearly all of the receptive field."""
        low, high = self.input_range
        if (low, high) != (-1.0, 1.0):
            lr = (lr + 1) * ((high - low) / 2) + low
        shallow = self.head(lr)
        features: Tensor = shallow + self.middle(self.blocks(shallow))
        return features

    def tail(self, features: Tensor) -> Tensor:
        """Return SR, or its residual where there is a skip, of `trunk`'s features."""
        if self.training and self._rewritten_factors is not None:
            return self._rewritten_tail(features, self._rewritten_factors)
        sr: Tensor = self.output(self.last(self.stages(features)))
        return sr

    def _rewritten_tail(self, features: Tensor, factors: tuple[int, ...]) -> Tensor:
        """Return what `tail` does, a third faster to train: the last convolution before the last shuffle.

        The one slope of a PReLU commutes with the shuffle.
        """
        *earlier, final = self.stages
        for stage in earlier:
            features = stage(features)
        if isinstance(final, SubPixelStage):
            features = final.activation(final.convolution(features))
        weight, bias = weights_of(self.last)
        weight, bias = rewritten_weight(weight, factors), rewritten_bias(bias, factors)
        convolve = F.conv2d if self.ndim == 2 else F.conv3d
        sr: Tensor = convolve(features, weight, bias, padding=tuple(k // 2 for k in weight.shape[2:]))
        result: Tensor = self.output(pixel_shuffle(sr, factors))
        return result

    def _halo(self, axis: int, kernel: int) -> int:
        span: Span = (0, self.scale[axis] - 1)
        span = through_convolution(span, kernel)
        for stage in reversed(self.stages):
            span = as_stage(stage).reach(span, axis)
        span = through_convolution(span, MIDDLE_KERNEL)
        for _ in self.blocks:
            span = ResidualBlock.reach(span)
        span = through_convolution(span, kernel)
        return max(overhang(span), self.skip.halo[axis] if self.skip is not None else 0)


def as_stage(module: nn.Module) -> Stage:
    """Return `module`, known to be a stage."""
    if not isinstance(module, Stage):
        raise TypeError(f"{type(module).__name__} is no stage of enlargement")
    return module


def _rewritable(stages: nn.Sequential, last: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the factors of the last stage if the last convolution, its weight of shape `last`, is faster before it."""
    stage = stages[-1] if len(stages) else None
    if not isinstance(stage, SubPixelStage) or not rewriting_pays(last, stage.factors):
        return None
    return stage.factors


@torch.no_grad()
def _start_at_zero(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        parameter.zero_()


def _checked_range(numbers: Sequence[float]) -> tuple[float, float]:
    values = tuple(float(n) for n in numbers)
    if len(values) != 2 or not values[0] < values[1]:
        raise RecipeError(f"input_range {list(numbers)} is not two rising numbers")
    return values[0], values[1]


def _odd(kernel: tuple[int, ...]) -> tuple[int, ...]:
    if not all(k % 2 for k in kernel):
        raise RecipeError(f"head_kernel {kernel} must be odd on every axis, so that it has a centre")
    return kernel


def _known(value: str, choices: object, what: str) -> str:
    known = get_args(choices)
    if value not in known:
        raise RecipeError(f"no {what} {value!r} (known: {', '.join(known)}){nearest_known(str(value), known)}")
    return value
