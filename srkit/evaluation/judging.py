"""Figures of outputs of one item: by every metric, in the foreground, channel by channel, and beyond the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srkit.domain import Metric
from srkit.evaluation.correctness import FIGURES as CORRECTNESS
from srkit.evaluation.correctness import correctness
from srkit.evaluation.detail import FIGURES as DETAIL
from srkit.evaluation.detail import Detail
from srkit.evaluation.linear import Linear
from srkit.evaluation.reference import Reference
from srkit.evaluation.table import EvaluationRow
from srkit.grid import Scale
from srkit.image import Array, BoolArray

IN_FOREGROUND, FOREGROUND = ("psnr", "ssim"), "_foreground"
"""Figures that are told for the foreground as well, and what their names then end in."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms models are compared: scale, degradation (None: the domain's own), metrics.

    `linear` is what ``wiener`` knows; `in_detail` adds the figures of `srkit.evaluation.detail`, `between` those of
    `srkit.evaluation.correctness`.
    """

    scale: Scale
    degradation: Sequence[Mapping[str, Any]] | None
    metrics: Mapping[str, Metric]
    linear: Linear = field(default_factory=Linear)
    in_detail: bool = False
    between: bool = False

    def figures(self, sr: Array, hr: Array, valid: BoolArray | None, data_range: float) -> dict[str, float]:
        """Return every figure of merit by its name."""
        scale = max(self.scale.factors)
        return {name: metric.of(sr, hr, valid, data_range, scale) for name, metric in self.metrics.items()}

    def foreground_figures(
        self, sr: Array, hr: Array, valid: BoolArray | None, mask: BoolArray, data_range: float
    ) -> dict[str, float]:
        """Return the figures that tell more where `mask` shows the subject: the empty ground flatters them."""
        seen = mask if valid is None else np.asarray(mask & valid)
        scale = max(self.scale.factors)
        return {
            f"{name}{FOREGROUND}": self.metrics[name].of(sr, hr, seen, data_range, scale)
            for name in IN_FOREGROUND
            if name in self.metrics
        }

    def higher_is_better(self, rows: Sequence[EvaluationRow]) -> dict[str, bool]:
        """Return the direction of each figure that `rows` may have, in their order."""
        there = {name for row in rows for name in row.metrics}
        shown = [name for name in (f"{name}{FOREGROUND}" for name in IN_FOREGROUND) if name in there]
        own = {name: metric.higher_is_better for name, metric in self.metrics.items()}
        own |= {name: better for name, better in (DETAIL | CORRECTNESS).items() if name in there}
        return own | {name: own[name.removesuffix(FOREGROUND)] for name in shown}


@dataclass(frozen=True, eq=False, slots=True)
class Judge:
    """Compares outputs with one item's HR; `mask` is its foreground, `detail` what it has beyond its LR."""

    reference: Reference
    mask: BoolArray | None
    detail: Detail | None
    terms: Terms

    def figures(self, sr: Array, valid: BoolArray | None) -> dict[str, float]:
        """Return the figures of all channels together of an output ``(C, *grid axes)`` with its validity."""
        reference, counted = self.reference, self._counted(valid)
        pair, known = (reference.oriented(sr), reference.oriented(reference.hr)), self._oriented(counted)
        found = self.terms.figures(*pair, known, reference.data_range)
        if self.mask is not None:
            mask = reference.oriented(self.mask)
            found |= self.terms.foreground_figures(*pair, known, mask, reference.data_range)
        if self.terms.between:
            found |= correctness(reference, sr, counted)
        return found | (self.detail.figures(sr) if self.detail else {})

    def channel_figures(self, sr: Array, valid: BoolArray | None) -> dict[str, dict[str, float]]:
        """Return the figures of each channel by its name, where there are several."""
        reference, known = self.reference, self._oriented(self._counted(valid))
        names = [channel.name for channel in reference.lr.channels] if len(sr) > 1 else []
        sr, hr = reference.oriented(sr), reference.oriented(reference.hr)
        return {
            name: self.terms.figures(sr[i : i + 1], hr[i : i + 1], _one(known, i), reference.data_range)
            for i, name in enumerate(names)
        }

    def _oriented(self, valid: BoolArray | None) -> BoolArray | None:
        return None if valid is None else self.reference.oriented(valid)

    def _counted(self, valid: BoolArray | None) -> BoolArray | None:
        known = self.reference.valid
        return known if valid is None else valid if known is None else np.asarray(valid & known)


def _one(valid: BoolArray | None, channel: int) -> BoolArray | None:
    """Return the validity of one channel."""
    return valid if valid is None or valid.shape[0] == 1 else valid[channel : channel + 1]
