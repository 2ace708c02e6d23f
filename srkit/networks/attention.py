"""A generator of windowed self-attention, after TM-SRGAN and the shifted windows of Liu et al. 2021 (Swin)."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srkit.errors import RecipeError
from srkit.networks.dimension import Sizes, check_count, check_ndim, convolution
from srkit.networks.generator import KERNEL, ResidualGenerator, Skip
from srkit.networks.reach import Span, through_convolution
from srkit.networks.upsampling import Upsampling

FAR = -1e4  # added to the score of what lies outside of the image; finite in float16 too


class WindowAttention(nn.Module):
    """Self-attention among the pixels of each window of a raster, with a learned bias by relative position.

    The raster starts at sample 0, or half a window before it where `shifted`. Windows that reach beyond the image
    attend to their pixels inside.
    """

    def __init__(self, features: int, ndim: int, window: int, heads: int, *, shifted: bool) -> None:
        super().__init__()
        self.ndim, self.window, self.heads = ndim, window, heads
        self.shift = window // 2 if shifted else 0
        self.qkv = nn.Linear(features, 3 * features)
        self.projection = nn.Linear(features, features)
        self.bias = nn.Parameter(torch.zeros(heads, (2 * window - 1) ** ndim))
        self.register_buffer("_index", _relative_index(window, ndim), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, *spatial, features)``, the size of the input."""
        spatial = x.shape[1:-1]
        padding = [(self.shift, -(n + self.shift) % self.window) for n in spatial]
        flat = [number for pair in reversed(padding) for number in pair]
        windows = self._parted(F.pad(x, (0, 0, *flat)))
        inside = self._parted(F.pad(x.new_ones(1, *spatial, 1), (0, 0, *flat)))
        attended = self._attend(windows, inside)
        sizes = [n + before + after for n, (before, after) in zip(spatial, padding, strict=True)]
        whole = self._joined(attended, (x.shape[0], *sizes))
        for axis, n in enumerate(spatial, start=1):
            whole = whole.narrow(axis, self.shift, n)
        return whole

    def _attend(self, windows: Tensor, inside: Tensor) -> Tensor:
        """Return the attention of ``(N, windows, tokens, features)`` among each window's tokens."""
        n, count, tokens, features = windows.shape
        parts = self.qkv(windows).reshape(n, count, tokens, 3, self.heads, features // self.heads)
        query, key, value = parts.permute(3, 0, 1, 4, 2, 5).flatten(1, 2)
        index: Tensor = self.get_buffer("_index")
        bias = self.bias[:, index].reshape(1, self.heads, tokens, tokens)
        mask = bias + FAR * (1 - inside).reshape(count, 1, 1, tokens)
        mask = mask.to(query.dtype).repeat(n, 1, 1, 1)
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        result: Tensor = self.projection(found.transpose(1, 2).reshape(n, count, tokens, features))
        return result

    def _parted(self, x: Tensor) -> Tensor:
        """Return ``(N, windows, tokens, features)`` from ``(N, *spatial, features)``."""
        split = [number for size in x.shape[1:-1] for number in (size // self.window, self.window)]
        axes = range(self.ndim)
        order = [0, *(1 + 2 * a for a in axes), *(2 + 2 * a for a in axes), 1 + 2 * self.ndim]
        parted = x.reshape(x.shape[0], *split, x.shape[-1]).permute(order)
        return parted.reshape(x.shape[0], -1, self.window**self.ndim, x.shape[-1])

    def _joined(self, windows: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Return ``(N, *spatial, features)`` of the given shape from windows."""
        counts = [size // self.window for size in shape[1:]]
        parted = windows.reshape(shape[0], *counts, *(self.window,) * self.ndim, windows.shape[-1])
        order = [0, *(place for a in range(self.ndim) for place in (1 + a, 1 + self.ndim + a)), 1 + 2 * self.ndim]
        return parted.permute(order).reshape(*shape, windows.shape[-1])

    def reach(self, span: Span) -> Span:
        """Return the inputs of an output span: whole windows."""
        low = (span[0] + self.shift) // self.window * self.window - self.shift
        high = (span[1] + self.shift) // self.window * self.window - self.shift + self.window - 1
        return low, high


class AttentionBlock(nn.Module):
    """Attention in windows, then convolution and a small perceptron per pixel, each added to its input."""

    def __init__(self, features: int, ndim: int, window: int, heads: int, *, shifted: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features)
        self.attention = WindowAttention(features, ndim, window, heads, shifted=shifted)
        self.mixing = convolution(features, features, (KERNEL,) * ndim)
        self.second_norm = nn.LayerNorm(features)
        self.perceptron = nn.Sequential(nn.Linear(features, 2 * features), nn.GELU(), nn.Linear(2 * features, features))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, features, *spatial)``, the size of the input."""
        last = x.ndim - 1  # ONNX has no axis -1 to move to
        rows = x.movedim(1, last)
        rows = rows + self.attention(self.norm(rows))
        rows = rows + self.perceptron(self.second_norm(rows))
        x = rows.movedim(last, 1)
        mixed: Tensor = x + self.mixing(x)
        return mixed

    def reach(self, span: Span) -> Span:
        """Return the inputs of an output span, on any axis."""
        return self.attention.reach(through_convolution(span, KERNEL))


class WindowedTransformer(ResidualGenerator):
    """SRResNet's frame around blocks of attention in windows, every second one shifted by half a window.

    Windows lie on a raster that starts at the image's first pixel: tiles begin at multiples of the window, and with
    their halo give exactly the whole image's result. A head of attention has ``features / heads`` features.
    """

    def __init__(  # noqa: PLR0913  one keyword for each key of a recipe's network section
        self,
        *,
        ndim: int = 2,
        channels: int = 3,
        scale: Sizes = 4,
        features: int = 60,
        blocks: int = 6,
        window: int = 8,
        heads: int = 6,
        upsampling: Upsampling = "subpixel",
        skip: Skip = "none",
        head_kernel: int = 3,
    ) -> None:
        check_ndim(ndim)
        check_count(features, "features")
        check_count(blocks, "blocks", least=1)
        check_count(window, "window", least=2)
        if features % check_count(heads, "heads"):
            raise RecipeError(f"features {features} cannot be shared among {heads} heads; make them a multiple")
        self.multiple_of = window
        super().__init__(
            (AttentionBlock(features, ndim, window, heads, shifted=bool(i % 2)) for i in range(blocks)),
            ndim=ndim,
            channels=channels,
            scale=scale,
            features=features,
            upsampling=upsampling,
            skip=skip,
            head_kernel=head_kernel,
            norm=False,
        )


def _relative_index(window: int, ndim: int) -> Tensor:
    """Return for each pair of tokens, flattened, which bias is theirs."""
    places = torch.tensor(list(itertools.product(range(window), repeat=ndim)))
    difference = places[:, None] - places[None] + window - 1
    strides = torch.tensor([(2 * window - 1) ** (ndim - 1 - axis) for axis in range(ndim)])
    return (difference * strides).sum(dim=-1).reshape(math.prod([window**ndim] * 2))
