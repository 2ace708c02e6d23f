"""Detail beyond the input: how much of it an output has right, and how much it made up.

If A is the degradation and W its best linear reconstruction, an image x has the part x - W(A x) of which its LR says
nothing to a linear eye. There a network guesses, and it is there that the guess is compared with HR.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from srkit.data.filling import fill_invalid
from srkit.errors import ModelError
from srkit.evaluation.linear import reconstructed
from srkit.evaluation.reference import Reference
from srkit.grid import Scale
from srkit.image import Array, BoolArray
from srkit.plugins import Plugins
from srkit.upscaling.planning.linear import wiener

FIGURES = {"unsupported": False, "added": False}
"""Figures by name, and whether more is better."""
WINDOW = 2
"""LR samples across which energies are compared along scaled axes: finer places are not told apart."""
ROUNDING = 1e-10
"""Share of an image's power that arithmetic in float32 alone makes."""


@dataclass(frozen=True, eq=False, slots=True)
class Detail:
    """What HR has beyond its LR, and how to see the same of an output of its shape."""

    reference: Reference
    linear: torch.nn.Module
    factors: tuple[int, ...]
    hr: Array

    @classmethod
    def of(
        cls,
        plugins: Plugins,
        domain: str,
        reference: Reference,
        scale: Scale,
        degradation: Sequence[Mapping[str, Any]] | None,
    ) -> Detail | None:
        """Return the detail of a pair; None where no linear reconstruction of its degradation can be made."""
        steps = reference.drawn or degradation
        try:
            enlarger = wiener(plugins, domain, reference.lr, scale, steps)
        except ModelError:
            return None
        factors = scale.per_axis(reference.lr.roles, reference.lr.grid.ndim)
        linear = enlarger.generator_for(factors)
        return cls(reference, linear, factors, _beyond(reference, linear, reference.hr))

    def figures(self, sr: Array) -> dict[str, float]:
        """Return ``unsupported`` and ``added`` of an output ``(C, *grid axes)`` in stored units; lower is better.

        ``unsupported`` is the RMS error of the detail beyond LR, in shares of HR's own: 1 for an output that has none
        of it, below 1 where it is guessed right, above 1 where leaving it out would have been nearer to the truth.
        ``added`` is the energy of such detail at places where HR has less of it, in shares of HR's energy. NaN where
        HR has no detail.
        """
        beyond = _beyond(self.reference, self.linear, sr)
        valid = self.reference.valid
        known = np.broadcast_to(True if valid is None else valid, sr.shape)
        wanted = self._energy(np.where(known, self.hr, 0))
        found = self._energy(np.where(known, beyond, 0))
        energy, whole = (_power(values, known) for values in (self.hr, self.reference.hr))
        if energy <= ROUNDING * whole:
            return dict.fromkeys(FIGURES, math.nan)
        error = _power(beyond - self.hr, known)
        added = float(np.maximum(found - wanted, 0).sum(dtype=np.float64) / wanted.sum(dtype=np.float64))
        return {"unsupported": math.sqrt(error / energy), "added": added}

    def _energy(self, values: Array) -> Array:
        """Return the mean energy in windows of two LR samples."""
        squares = torch.from_numpy(np.square(values, dtype=np.float64))[None]
        size = [
            min(WINDOW * factor if factor > 1 else 1, n)
            for factor, n in zip(self.factors, values.shape[1:], strict=True)
        ]
        pooled = (F.avg_pool2d if len(size) == 2 else F.avg_pool3d)(squares, size, stride=size)
        result: Array = pooled[0].numpy()
        return result


def _power(values: Array, known: BoolArray) -> float:
    return float((values[known] ** 2).mean(dtype=np.float64)) if known.any() else 0.0


def _beyond(reference: Reference, linear: torch.nn.Module, values: Array) -> Array:
    """Return what of `values` its LR says nothing of, by a linear eye."""
    filled = values if reference.valid is None else fill_invalid(values, reference.valid)
    result: Array = filled - reconstructed(linear, reference.seen(filled))
    return result
