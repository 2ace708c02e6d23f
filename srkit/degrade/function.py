"""A plugin's own step: a numpy function, wrapped so that it works on torch batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from srkit.degrade.step import Factors, Margin
from srkit.domain import Step
from srkit.errors import PluginError
from srkit.grid import Role


@dataclass(frozen=True, slots=True)
class FunctionStep:
    """Calls `step.function` sample by sample.

    `grid_axes` holds the grid axis of each network axis; grid axes that the network does not have are passed with
    length 1.
    """

    step: Step
    grid_axes: tuple[int, ...]

    @property
    def usual_axes(self) -> tuple[Role, ...]:
        """None: it takes what the other steps leave over."""
        return ()

    def margin(self, factors: Factors) -> Margin:
        """Return the step's own margin, in network axis order."""
        if not self.step.margin:
            return (0,) * len(factors)
        return tuple(self.step.margin[axis] for axis in self.grid_axes)

    def apply(self, values: Tensor, factors: Factors, generator: torch.Generator | None) -> Tensor:
        """Return the function's result. Raises PluginError if its size is not ``spatial / factors``."""
        if generator is None and self.step.random:
            return values
        seed = 0 if generator is None else int(torch.randint(2**62, (1,), generator=generator, device=generator.device))
        rng = np.random.default_rng(seed)
        samples = [self._one(sample, rng) for sample in values.detach().cpu().numpy()]
        result = torch.from_numpy(np.stack(samples)).to(values)
        wanted = [n // f for n, f in zip(values.shape[2:], factors, strict=True)]
        if list(result.shape) != [*values.shape[:2], *wanted]:
            raise PluginError(
                f"degradation step {self.step.name!r} of a plugin returned {list(result.shape[2:])} samples, "
                f"expected {wanted}"
            )
        return result

    def _one(self, sample: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self.step.function is None:
            raise ValueError("a step without a function")
        ndim = max(len(self.step.margin), max(self.grid_axes) + 1)
        missing = [axis for axis in range(ndim) if axis not in self.grid_axes]
        sources: Sequence[int] = [*self.grid_axes, *missing]
        full = sample.reshape(*sample.shape, *([1] * len(missing)))
        order = [0, *(1 + sources.index(axis) for axis in range(ndim))]
        degraded = np.asarray(self.step.function(full.transpose(order).copy(), rng, **self.step.parameters))
        back = degraded.transpose([0, *(1 + axis for axis in sources)])
        return back.reshape(back.shape[: 1 + len(self.grid_axes)])
