"""Which enlargements a raster takes: whole factors, so that every output pixel lies inside of one input pixel."""

from __future__ import annotations

import math
from fractions import Fraction

from srkit import OutputPlan, UsageError
from srkit_satellite.source import RasterSource

AXES = ("row", "column")


def whole_factors(source: RasterSource, plan: OutputPlan) -> tuple[int, int]:
    """Return the factors of rows and columns.

    Raises UsageError, with the whole factors next to it, for any other: of a raster of n pixels there can be no other
    of the same bounds whose pixels have just the size that was asked for.
    """
    for axis, factor in enumerate(plan.scale):
        if factor.denominator != 1:
            raise UsageError(f"{source.path.name}: {_refusal(source, axis, Fraction(factor))}")
    rows, columns = plan.factors
    return rows, columns


def _refusal(source: RasterSource, axis: int, factor: Fraction) -> str:
    spacing = source.grid.spacing[axis]
    near = sorted({max(1, math.floor(factor)), math.ceil(factor)})
    choices = " or ".join(f"--spacing {spacing / whole:.10g} (x{whole})" for whole in near)
    return (
        f"{float(factor):.6g} times the {AXES[axis]}s are no whole factor, and only with one a raster keeps both its "
        f"bounds and the size of pixels that was asked for; give {choices}"
    )
