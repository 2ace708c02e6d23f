"""What the machine can do at most: the rates of matrix products and convolutions, 2 operations a multiplication."""

from __future__ import annotations

from collections.abc import Callable

import torch
from timing import interleaved
from torch import nn

FEATURES, SIDES, ROUNDS = 64, (64, 128, 256), 20
SIZE = 2048
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def convolutions() -> dict[str, float]:
    """Return the best rate of a 3x3 convolution of 64 features, images channels last, in GFLOP/s."""
    return _best(lambda dtype: {f"{side}": _convolution(side, dtype) for side in SIDES})


def products() -> dict[str, float]:
    """Return the rate of a product of two square matrices, in GFLOP/s."""
    return _best(lambda dtype: {"product": _product(dtype)})


def _best(calls_of: Callable[[torch.dtype], dict[str, tuple[Callable[[], object], int]]]) -> dict[str, float]:
    found = {}
    for name, dtype in TYPES.items():
        calls = calls_of(dtype)
        with torch.inference_mode():
            times = interleaved({key: call for key, (call, _) in calls.items()}, ROUNDS)
        found[name] = round(max(operations / times[key]["minimum"] for key, (_, operations) in calls.items()) / 1e9, 1)
    return found


def _convolution(side: int, dtype: torch.dtype) -> tuple[Callable[[], object], int]:
    x = torch.rand(1, FEATURES, side, side, dtype=dtype).contiguous(memory_format=torch.channels_last)
    layer = nn.Conv2d(FEATURES, FEATURES, 3, padding=1).to(dtype).to(memory_format=torch.channels_last)
    return lambda: layer(x), 2 * FEATURES * FEATURES * 9 * side * side


def _product(dtype: torch.dtype) -> tuple[Callable[[], object], int]:
    a, b = torch.rand(SIZE, SIZE).to(dtype), torch.rand(SIZE, SIZE).to(dtype)
    return lambda: a @ b, 2 * SIZE**3
