"""Steps that work on planes of rows and columns: volumes are treated slice by slice."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from srkit.degrade.step import Factors, Margin


def on_planes(function: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """Return `function` of ``(N, C, rows, columns)``; of ``(N, C, slices, rows, columns)`` slice by slice."""
    if values.ndim == 4:
        return function(values)
    samples, channels, slices, rows, columns = values.shape
    flat = values.transpose(1, 2).reshape(samples * slices, channels, rows, columns)
    result = function(flat)
    return result.reshape(samples, slices, channels, *result.shape[-2:]).transpose(1, 2)


def plane_margin(factors: Factors, reach: int) -> Margin:
    """Return the margin of a step that reaches so far along rows and columns, the last two axes, and nowhere else."""
    return (*(0,) * (len(factors) - 2), reach, reach)
