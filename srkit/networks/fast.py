"""SRResNet for inference: the same function, rewritten until the processor likes it.

Batch norms are folded, activations and sums are part of their convolutions, the last convolution is done before the
last pixel shuffle, images lie channels last. Interpolation, sums with it and what comes out are float32 throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard, cast

import torch
from torch import Tensor, nn

from srkit.networks.dimension import weights_of
from srkit.networks.folding import folded, has_batch_norm
from srkit.networks.post_ops import Convolution, make_convolution
from srkit.networks.reach import Span, overhang, through_convolution
from srkit.networks.shuffle import pixel_shuffle
from srkit.networks.srresnet import SRResNet, as_stage
from srkit.networks.subpixel import rewriting_pays, rewritten_bias, rewritten_weight
from srkit.networks.upsampling import SubPixelStage


class FastSRResNet(nn.Module):
    """What `network` computes in evaluation mode, from float32 to float32; its weights are copied.

    Parameters
    ----------
    network
        Left as it is.
    dtype
        Of weights and features: float32 or bfloat16.
    fused
        Whether activations and sums are done by `FusedConvolution`.

    Attributes
    ----------
    tail_halo
        LR pixels per axis on whose features `tail` depends beyond a tile, exactly.
    layout
        How images lie in memory: channels last.
    """

    def __init__(self, network: SRResNet, dtype: torch.dtype = torch.float32, *, fused: bool = False) -> None:
        super().__init__()
        self.ndim, self.scale, self.channels, self.halo = network.ndim, network.scale, network.channels, network.halo
        self.multiple_of = network.multiple_of
        self.tail_halo = tuple(_tail_reach(network, axis) for axis in range(network.ndim))
        self.input_range = network.input_range
        self.dtype = dtype
        self.layout = torch.channels_last if network.ndim == 2 else torch.channels_last_3d
        plain = cast(SRResNet, folded(network))
        self._fused = fused
        self.head = self._layer(plain.head[0], _slope(plain.head[1]))
        blocks: list[Any] = [block.body for block in plain.blocks]
        self.first = nn.ModuleList(self._layer(body[0], _slope(body[2])) for body in blocks)
        self.second = nn.ModuleList(self._layer(body[3]) for body in blocks)
        self.middle = self._layer(plain.middle[0])
        self.stages = nn.ModuleList(self._stage(stage) for stage in plain.stages)
        self.last, self.last_factors = self._last(plain)
        self.output, self.skip = plain.output, plain.skip

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range, float32."""
        return self.finished(lr, self.tail(self.trunk(lr)))

    def trunk(self, lr: Tensor) -> Tensor:
        """Return the features at LR size, in the network's own type."""
        low, high = self.input_range
        if (low, high) != (-1.0, 1.0):
            lr = (lr + 1) * ((high - low) / 2) + low
        shallow: Tensor = self.head(lr.to(self.dtype).contiguous(memory_format=self.layout))
        features = shallow.clone(memory_format=torch.preserve_format)
        for first, second in zip(self.first, self.second, strict=True):
            features = _adding(second)(features, first(features))
        return _adding(self.middle)(shallow, features)

    def tail(self, features: Tensor) -> Tensor:
        """Return SR, or its residual where there is a skip, float32."""
        for stage in self.stages:
            features = stage(features)
        sr = pixel_shuffle(self.last(features), self.last_factors) if self.last_factors else self.last(features)
        result: Tensor = self.output(sr.float())
        return result

    def finished(self, lr: Tensor, sr: Tensor) -> Tensor:
        """Return SR of what `tail` gave: with the interpolated LR where the network has a skip."""
        return sr if self.skip is None else sr + self.skip(lr)

    def _layer(self, layer: Any, slope: float | None = None) -> Convolution:
        return self._convolution(*weights_of(layer), slope)

    def _convolution(self, weight: Tensor, bias: Tensor | None, slope: float | None = None) -> Convolution:
        bias = None if bias is None else bias.to(self.dtype)
        return make_convolution(weight.to(self.dtype), bias, slope, fused=self._fused)

    def _stage(self, stage: nn.Module) -> nn.Module:
        if isinstance(stage, SubPixelStage):
            return _Shuffled(self._layer(stage.convolution, _slope(stage.activation)), stage.factors)
        return stage.to(self.dtype)

    def _last(self, plain: SRResNet) -> tuple[Convolution, tuple[int, ...]]:
        """Return the last convolution; before the shuffle of the last stage, which then leaves it out, if that pays."""
        weight, bias = weights_of(plain.last)
        stage = self.stages[-1] if len(self.stages) else None
        if not isinstance(stage, _Shuffled) or not rewriting_pays(weight.shape, stage.factors):
            return self._convolution(weight, bias), ()
        factors, stage.factors = stage.factors, ()
        return self._convolution(rewritten_weight(weight, factors), rewritten_bias(bias, factors)), factors


class _Shuffled(nn.Module):
    """A convolution with its activation, whose one slope commutes with the shuffle that follows; none if () factors."""

    def __init__(self, convolution: Convolution, factors: tuple[int, ...]) -> None:
        super().__init__()
        self.convolution, self.factors = convolution, factors

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, features, *(spatial * factors))``."""
        y: Tensor = self.convolution(x)
        return pixel_shuffle(y, self.factors) if self.factors else y


class _Autocast(nn.Module):
    """Any network with its convolutions in bfloat16; what leaves it is float32."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range."""
        with torch.autocast(lr.device.type, torch.bfloat16):
            sr: Tensor = self.network(lr)
        return sr.float()


def accelerated(network: nn.Module, dtype: torch.dtype = torch.float32, *, fused: bool = False) -> nn.Module:
    """Return what computes `network` in evaluation mode fast; `network` itself where nothing is known to help.

    Never changes `network`. In float32 the result differs by rounding alone.
    """
    if can_be_rewritten(network):
        return FastSRResNet(network, dtype, fused=fused)
    plain = folded(network) if has_batch_norm(network) else network
    return _Autocast(plain) if dtype == torch.bfloat16 else plain


def can_be_rewritten(network: nn.Module) -> TypeGuard[SRResNet]:
    """Tell whether `accelerated` knows this very network; a subclass may compute anything else."""
    return type(network) is SRResNet


def _adding(layer: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    if not isinstance(layer, Convolution):
        raise TypeError(f"{type(layer).__name__} is no convolution that adds")
    return layer.add_to


def _slope(activation: Any) -> float:
    if not isinstance(activation, nn.PReLU):
        raise TypeError(f"{type(activation).__name__} is no PReLU")
    return float(activation.weight)


def _tail_reach(network: SRResNet, axis: int) -> int:
    span: Span = (0, network.scale[axis] - 1)
    span = through_convolution(span, weights_of(network.last)[0].shape[2 + axis])
    for stage in reversed(network.stages):
        span = as_stage(stage).reach(span, axis)
    return overhang(span)
