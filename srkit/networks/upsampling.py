"""The learned enlargement: stages of prime factors, in three kinds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest
from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn import functional as F

from srkit.errors import RecipeError, nearest_known
from srkit.networks.dimension import convolution, transposed_convolution
from srkit.networks.reach import Span, through_convolution, through_enlargement, through_transposed
from srkit.networks.shuffle import pixel_shuffle, start_like_nearest

Upsampling = Literal["subpixel", "resize", "transposed"]
KERNEL = 3


class SubPixelStage(nn.Module):
    """Convolution to ``prod(factors)`` times the features, pixel shuffle, PReLU (Ledig et al. 2017); ICNR start."""

    def __init__(self, features: int, factors: tuple[int, ...]) -> None:
        super().__init__()
        self.factors = factors
        self.convolution = convolution(features, features * math.prod(factors), (KERNEL,) * len(factors))
        self.activation = nn.PReLU()
        start_like_nearest(self.convolution, factors)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, features, *(spatial * factors))``."""
        result: Tensor = self.activation(pixel_shuffle(self.convolution(x), self.factors))
        return result

    def reach(self, span: Span, axis: int) -> Span:
        """Return the inputs of an output span on a spatial axis."""
        return through_convolution(through_enlargement(span, self.factors[axis]), KERNEL)


class ResizeStage(nn.Module):
    """Nearest-neighbour enlargement, convolution, PReLU (Odena et al. 2016): no checkerboard by construction."""

    def __init__(self, features: int, factors: tuple[int, ...]) -> None:
        super().__init__()
        self.factors = factors
        self.convolution = convolution(features, features, (KERNEL,) * len(factors))
        self.activation = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, features, *(spatial * factors))``."""
        enlarged = F.interpolate(x, scale_factor=[float(f) for f in self.factors], mode="nearest")
        result: Tensor = self.activation(self.convolution(enlarged))
        return result

    def reach(self, span: Span, axis: int) -> Span:
        """Return the inputs of an output span on a spatial axis."""
        return through_enlargement(through_convolution(span, KERNEL), self.factors[axis])


class TransposedStage(nn.Module):
    """Transposed convolution, PReLU.

    The kernel is twice the factor where that is even, three times where it is odd: a multiple of the factor, so that
    every output sums equally many inputs, and centred on the edge-aligned grid.
    """

    def __init__(self, features: int, factors: tuple[int, ...]) -> None:
        super().__init__()
        self.factors = factors
        self.kernel = tuple(f * (3 if f % 2 else 2) for f in factors)
        self.convolution = transposed_convolution(features, features, self.kernel, factors)
        self.activation = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, features, *(spatial * factors))``."""
        result: Tensor = self.activation(self.convolution(x))
        return result

    def reach(self, span: Span, axis: int) -> Span:
        """Return the inputs of an output span on a spatial axis."""
        return through_transposed(span, self.kernel[axis], self.factors[axis])


Stage = SubPixelStage | ResizeStage | TransposedStage
STAGES: dict[Upsampling, type[Stage]] = {
    "subpixel": SubPixelStage,
    "resize": ResizeStage,
    "transposed": TransposedStage,
}


def stages(kind: Upsampling, features: int, scale: Sequence[int]) -> list[Stage]:
    """Return the stages that enlarge by `scale` (network axis order). Raises RecipeError for an unknown kind."""
    if kind not in STAGES:
        known = get_args(Upsampling)
        raise RecipeError(f"no upsampling {kind!r} (known: {', '.join(known)}){nearest_known(str(kind), known)}")
    return [STAGES[kind](features, factors) for factors in stage_factors(scale)]


def stage_factors(scale: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the factors per stage: each axis gives one prime factor to each stage while it has some.

    ``(4, 4)`` becomes ``(2, 2), (2, 2)``, and ``(4, 2, 2)`` becomes ``(2, 2, 2), (2, 1, 1)``.
    """
    return list(zip_longest(*(_prime_factors(s) for s in scale), fillvalue=1))


def _prime_factors(number: int) -> list[int]:
    factors, candidate = [], 2
    while number > 1:
        while number % candidate == 0:
            factors.append(candidate)
            number //= candidate
        candidate += 1
    return factors
