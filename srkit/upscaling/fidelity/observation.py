"""How an input is seen from its output: the degradation D that a model declares, noise-free, and the way back U.

Both work on valid samples alone, by normalised convolution (Knutsson and Westin 1993): the operator on the values of
valid samples, divided by the operator on their validity. What lies under invalid samples has no influence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from srkit.degrade import apply, margin
from srkit.degrade.alike import is_alike
from srkit.degrade.decibel import decibels_of, power_of
from srkit.domain import Degradation
from srkit.grid import Grid, Role, Scale, Window
from srkit.image import Array, BoolArray, Source
from srkit.networks.interpolation import Interpolation
from srkit.plugins import Plugins, degradation
from srkit.upscaling.planning.enlarger import Enlarger

LEAST_SHARE = 0.25
"""Of an operator's weight that must lie on valid samples. What D sees always has its own samples, about half of it."""
WHOLE_SHARE = 1e-5
"""A share that is this near to 1 is 1, so that no rounding tells a block without a mask from one that is all valid."""

IMPULSE_LENGTH = 16


@dataclass(frozen=True, eq=False, slots=True)
class Observation:
    """Degrades the output of an item, and carries differences back to the output's grid.

    Parameters
    ----------
    degradation
        The steps of D, in stored units; taken in their noise-free form.
    factors
        Upscaling per grid axis.
    roles
        What each grid axis is to the eye; None for an axis that is nothing of a picture and has the factor 1.
    origin
        Who says so: ``model``, ``domain``, or ``box mean`` where nobody does.
    """

    degradation: Degradation
    factors: tuple[int, ...]
    roles: tuple[Role | None, ...]
    origin: str = "model"
    _back: Interpolation = field(init=False)
    _margin: tuple[int | None, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_back", Interpolation("bicubic", self.factors))
        object.__setattr__(self, "_margin", self._needed())

    @property
    def steps(self) -> tuple[Mapping[str, Any], ...]:
        """The steps of D as plain values."""
        return tuple({"name": step.name, **step.parameters} for step in self.degradation.steps)

    @property
    def margin(self) -> tuple[int | None, ...]:
        """LR samples beyond a window that D's result there depends on, per grid axis; None for a whole axis."""
        return self._margin

    def _needed(self) -> tuple[int | None, ...]:
        axes, names = self._network_axes()
        scale = tuple(self.factors[axis] for axis in axes)
        found = dict(zip(axes, margin(self.degradation, scale, roles=names, grid_axes=axes), strict=True))
        needs = [found.get(axis, 0) for axis in range(len(self.factors))]
        return tuple(None if n is None else n // f for n, f in zip(needs, self.factors, strict=True))

    @property
    def halo(self) -> tuple[int, ...]:
        """LR samples beyond a window that U's result there depends on, per grid axis."""
        return tuple(self._back.halo)

    def reach(self, rounds: int) -> tuple[int | None, ...]:
        """Return the LR samples beyond a window on which `rounds` of D and U in turn depend, per grid axis."""
        return tuple(None if m is None else rounds * (m + h) for m, h in zip(self.margin, self.halo, strict=True))

    def around(self, lr: Window, extra: tuple[int | None, ...], grid: Grid) -> Window:
        """Return `lr` grown by `extra` samples, to the whole axis where that is None, cut to `grid`."""
        whole = Window.whole(grid.shape)
        return lr.padded([n if e is None else e for e, n in zip(extra, grid.shape, strict=True)]).intersection(whole)

    def degraded(self, sr: Array, valid: BoolArray | None) -> tuple[Array, BoolArray | None]:
        """Return D of `sr` ``(C, *spatial)``, and where it is known; sizes are multiples of the factors."""
        alike = is_alike(self.degradation)
        if not self.degradation.decibel:
            return _normalised(self._down, sr, valid, alike=alike)
        power, known = _normalised(
            self._down, power_of(torch.from_numpy(np.ascontiguousarray(sr))).numpy(), valid, alike=alike
        )
        return decibels_of(torch.from_numpy(power)).numpy(), known

    def interpolated(self, lr: Array, valid: BoolArray | None = None) -> tuple[Array, BoolArray | None]:
        """Return U of `lr` ``(C, *spatial)``, bicubic interpolation, and where it is known."""
        return _normalised(self._up, lr, valid, alike=True)

    def least_gain(self, channels: int) -> float:
        """Return what DU leaves of the detail that it weakens most, 0 to 1: measured on an impulse."""
        shape = [IMPULSE_LENGTH if factor > 1 else 1 for factor in self.factors]
        impulse = np.zeros((channels, *shape))
        centre: tuple[slice | int, ...] = (slice(None), *[n // 2 for n in shape])
        impulse[centre] = 1
        response = self._down(self._up(impulse))
        axes = tuple(range(1, impulse.ndim))
        gains = np.fft.fftn(np.fft.ifftshift(response, axes=axes), axes=axes).real
        return float(np.clip(gains.min(), 0, 1))

    def _down(self, sr: Array) -> Array:
        axes, names = self._network_axes()
        others = [a for a in range(len(self.factors)) if a not in axes]
        order = [*(a + 1 for a in others), 0, *(a + 1 for a in axes)]
        arranged = np.ascontiguousarray(sr.transpose(order))
        outer, inner = arranged.shape[: len(others)], arranged.shape[len(others) :]
        scale = tuple(self.factors[a] for a in axes)
        batch = torch.from_numpy(arranged.reshape(-1, *inner))
        steps = replace(self.degradation, decibel=False)  # values are power here
        lr = apply(batch, steps, scale, roles=names, grid_axes=axes).numpy()
        back: Array = lr.reshape(*outer, *lr.shape[1:]).transpose(np.argsort(order))
        return back

    def _up(self, lr: Array) -> Array:
        with torch.inference_mode():
            enlarged: Array = self._back(torch.from_numpy(np.ascontiguousarray(lr))[None])[0].numpy()
        return enlarged

    def _network_axes(self) -> tuple[tuple[int, ...], tuple[Role, ...]]:
        found = [(axis, role) for axis, role in enumerate(self.roles) if role is not None]
        return tuple(axis for axis, _ in found), tuple(role for _, role in found)


def _normalised(
    operator: Callable[[Array], Array], values: Array, valid: BoolArray | None, *, alike: bool
) -> tuple[Array, BoolArray | None]:
    """Return the operator's result on valid samples, and where it is known; `alike` if it does the same to channels."""
    if valid is None or valid.all():
        seen = operator(values)
        return seen, None if valid is None else np.ones((len(valid), *seen.shape[1:]), np.bool_)
    known = valid if alike else np.broadcast_to(valid, values.shape)
    share = operator(known.astype(values.dtype))
    share = np.where(np.abs(share - 1) < WHOLE_SHARE, share.dtype.type(1), share)
    seen = operator(np.where(known, values, values.dtype.type(0)))
    trusted = share >= LEAST_SHARE
    return np.divide(seen, share, out=np.zeros_like(seen), where=trusted), trusted


def observation_of(plugins: Plugins, domain: str, source: Source, enlarger: Enlarger) -> Observation:
    """Return how `source` is seen from an output of `enlarger`; see `observed_by`."""
    network = enlarger.generator is not None
    return observed_by(plugins, domain, source, enlarger.scale, enlarger.degradation, network=network)


def observed_by(
    plugins: Plugins,
    domain: str,
    source: Source,
    scale: Scale,
    declared: Sequence[Mapping[str, Any]],
    *,
    network: bool,
) -> Observation:
    """Return how `source` is seen from an output that is larger by `scale`.

    By the degradation that its model has `declared`; the domain's where a network declares none; the box mean for
    interpolations, which were never taught one. Raises RecipeError or PluginError where the steps do not fit the image.
    """
    ndim = source.grid.ndim
    factors = scale.per_axis(source.roles, ndim)
    by_axis = {axis: role for role, axis in source.roles.items()}
    roles = tuple(by_axis.get(axis) for axis in range(ndim))
    spec: list[dict[str, Any]] | None = [dict(step) for step in declared] or None
    origin = "model" if spec else "domain"
    if spec is None and not network:
        spec, origin = [{"name": "area"}], "box mean"
    return Observation(degradation(plugins, domain, spec, source, scale), factors, roles, origin)
