"""How an enlarger meets an item: which axes, which channels, how much halo; and what the output shall be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

import srkit
from srkit.channels import ChannelChoice, assigned
from srkit.data.view import chosen_channels
from srkit.errors import InputError, ModelError
from srkit.grid import ROLES, Grid, scale_between
from srkit.image import Channel, OutputPlan, Provenance, Source
from srkit.upscaling.planning.enlarger import Enlarger
from srkit.upscaling.planning.tiles import MAX_BORDER

INTERPOLATION_HALO = 2  # of the bicubic values that a normaliser sees beside the network's
FILL_ALL_STEPS = 1_000_000


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """An enlarger fitted to a source; all tuples per axis are in grid axis order.

    Parameters
    ----------
    network_axes
        Grid axes that the generator sees, in its order; the others are gone through in runs.
    factors
        Upscaling per axis.
    halo
        Input samples beyond a core that its result depends on; None for a generator of global reach.
    border
        Samples by which the image is continued by its mirror before the generator sees it.
    multiple
        Length of a tile must be a multiple of this.
    image_channels
        Channels that enter the generator, in its order.
    one_by_one
        Whether each of them enters it alone.
    interpolated
        Image channels that it does not take; they are interpolated.
    strength
        The generator's share in a mixture with bicubic interpolation.
    """

    generator: nn.Module
    network_axes: tuple[int, ...]
    factors: tuple[int, ...]
    halo: tuple[int, ...] | None
    border: tuple[int, ...]
    multiple: tuple[int, ...]
    image_channels: tuple[int, ...]
    one_by_one: bool
    interpolated: tuple[int, ...] = ()
    strength: float = 1.0

    @property
    def enlarged_channels(self) -> tuple[int, ...]:
        """Channels that are enlarged rather than repeated: those of the generator, then the interpolated ones."""
        return (*self.image_channels, *self.interpolated)

    @property
    def fill_steps(self) -> int:
        """How far invalid samples are filled: as far as a valid sample's result can see."""
        return FILL_ALL_STEPS if self.halo is None else max(self.halo, default=0)

    @property
    def fill_axes(self) -> tuple[int, ...]:
        """Grid axes along which samples are neighbours: those that the generator mixes."""
        return tuple(a for a in sorted(self.network_axes) if self.halo is None or self.halo[a] > 0)


def fit(enlarger: Enlarger, source: Source) -> Fit:
    """Return how `enlarger` is applied to `source`.

    Raises ModelError where axes or channels do not fit, InputError where an axis may not be scaled, UsageError where
    the scale asks for an axis that the image has not.
    """
    ndim = source.grid.ndim
    factors = enlarger.scale.per_axis(source.roles, ndim)
    for axis, reason in source.fixed_axes.items():
        if factors[axis] != 1:
            raise InputError(f"axis {_role_name(source, axis)} cannot be scaled: {reason}")
    generator = enlarger.generator_for(factors)
    axes = tuple(range(ndim)) if enlarger.generator is None else _network_axes(enlarger, source)
    _check_generator(enlarger, generator, tuple(factors[axis] for axis in axes))
    images, extra = channels_of(enlarger, source.channels)
    compared = enlarger.normalizer is not None or extra or enlarger.strength < 1
    least = INTERPOLATION_HALO if compared else 0
    halo = _halo(generator, axes, factors, least)
    return Fit(
        generator,
        axes,
        factors,
        halo,
        _border(generator, axes, halo, ndim),
        tuple(int(getattr(generator, "multiple_of", 1)) if axis in axes else 1 for axis in range(ndim)),
        images,
        one_by_one=enlarger.channels == 1,
        interpolated=extra,
        strength=enlarger.strength,
    )


def output_plan(
    source: Source, grid: Grid, fitted: Fit, provenance: Provenance, options: Mapping[str, Any]
) -> OutputPlan:
    """Return what the output shall be: same extent, same storage, the samples of `grid`."""
    route = {**provenance.route, "halo": fitted.halo}
    if grid.shape != source.grid.upscaled(fitted.factors).shape:
        route |= {"network_scale": provenance.scale, "rest": "resampled (Keys cubic)"}
        provenance = replace(provenance, scale=scale_words(source, grid.shape))
    return OutputPlan(
        grid=grid,
        channels=source.channels,
        encoding=source.encoding,
        frames=source.frames,
        scale=scale_between(source.grid.shape, grid.shape),
        provenance=replace(provenance, route=route, methods=_methods(fitted, len(source.channels), provenance.model)),
        options=options,
    )


def _methods(fitted: Fit, channels: int, model: str) -> tuple[str, ...]:
    how = {**dict.fromkeys(fitted.image_channels, model), **dict.fromkeys(fitted.interpolated, "bicubic")}
    return tuple(how.get(channel, "repeated") for channel in range(channels))


def provenance(enlarger: Enlarger, normalizer_spec: Mapping[str, Any], route: Mapping[str, Any]) -> Provenance:
    """Return how an output comes about."""
    return Provenance(
        version=srkit.__version__,
        model=enlarger.name,
        model_sha256=enlarger.sha256,
        scale=scale_text(enlarger),
        route=route,
        normalizer=normalizer_spec,
        degradation=enlarger.degradation,
        perceptual=enlarger.perceptual,
        strength=enlarger.strength,
    )


def scale_text(enlarger: Enlarger) -> str:
    """Return the scale as it appears in names and sentences: ``2``, or ``1x1x4`` (rows, columns, slices)."""
    return str(enlarger.scale).replace(",", "x")


def scale_words(source: Source, shape: tuple[int, ...]) -> str:
    """Return the same for an output of `shape`, to four digits: ``1.083x1.083x5``."""
    by_axis = scale_between(source.grid.shape, shape)
    return "x".join(f"{float(by_axis[source.roles[role]]):.4g}" for role in ROLES if role in source.roles)


def _role_name(source: Source, axis: int) -> str:
    return next((role for role, position in source.roles.items() if position == axis), str(axis))


def _network_axes(enlarger: Enlarger, source: Source) -> tuple[int, ...]:
    missing = [role for role in enlarger.roles if role not in source.roles]
    if missing:
        raise ModelError(
            f"model {enlarger.name!r} works along {', '.join(enlarger.roles)}, but the image has no {missing[0]} axis; "
            "name a model for images of its kind"
        )
    return tuple(source.roles[role] for role in enlarger.roles)


def _check_generator(enlarger: Enlarger, generator: nn.Module, factors: tuple[int, ...]) -> None:
    actual = tuple(int(s) for s in getattr(generator, "scale", factors))
    if actual != factors:
        raise ModelError(f"model {enlarger.name!r} says scale {enlarger.scale}, but its network enlarges by {actual}")


def channels_of(enlarger: Enlarger, channels: tuple[Channel, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return which channels of an item enter the generator, in its order, and which image channels are left over.

    Raises ModelError where they do not fit, and where some are left over that nobody chose for.
    """
    images = tuple(i for i, channel in enumerate(channels) if channel.role == "image")
    if enlarger.channels == 1 or not images:
        return images, ()
    wanted, choice = enlarger.inputs, enlarger.choice
    if not wanted:  # a model that does not say which channels it takes: as many as it has, in their order
        if choice == ChannelChoice() and len(images) != enlarger.channels:
            raise ModelError(
                f"model {enlarger.name!r} is for {enlarger.channels} channels, the image has {len(images)}; "
                "name a model for that many channels, or for one, which is applied to each channel alone"
            )
        wanted = tuple(Channel(f"channel {i}") for i in range(1, enlarger.channels + 1))
        choice = choice if choice.given else replace(choice, by_position=True)
    entering = assigned(wanted, channels, choice, enlarger.name)
    extra = tuple(i for i in images if i not in entering)
    if extra and enlarger.choice.extra == "refuse":
        raise ModelError(
            f"model {enlarger.name!r} does not take {', '.join(channels[i].name for i in extra)} of the image; "
            "interpolate them with --extra-bands bicubic, or leave them out with --extra-bands drop"
        )
    return entering, extra


def narrowed(enlarger: Enlarger, source: Source) -> tuple[Enlarger, Source]:
    """Return both without the channels that the user wants dropped; as they are where there are none.

    Raises ModelError as `fit` does.
    """
    if enlarger.choice.extra != "drop":
        return enlarger, source
    entering, extra = channels_of(enlarger, source.channels)
    kept = [i for i in range(len(source.channels)) if i not in extra]
    given = tuple(str(kept.index(place) + 1) for place in entering) if extra else enlarger.choice.given
    return replace(enlarger, choice=replace(enlarger.choice, given=given)), chosen_channels(source, kept)


def _halo(generator: nn.Module, axes: tuple[int, ...], factors: tuple[int, ...], least: int) -> tuple[int, ...] | None:
    given = getattr(generator, "halo", None)
    if given is None:
        return None
    halo = [0] * len(factors)
    for axis, number in zip(axes, given, strict=True):
        halo[axis] = max(int(number), least if factors[axis] > 1 else 0)
    return tuple(halo)


def _border(generator: nn.Module, axes: tuple[int, ...], halo: tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """Return the network's own `border` where it states one, else as much of its halo as is worth its cost."""
    own = getattr(generator, "border", None)
    border = [0] * ndim
    for axis in axes:
        border[axis] = int(own) if own is not None else MAX_BORDER if halo is None else min(halo[axis], MAX_BORDER)
    return tuple(border)
