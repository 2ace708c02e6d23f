"""Which output grid is wanted: a whole factor, a distance between samples, or the same distance on all axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from srkit.errors import InputError, UsageError
from srkit.grid import ROLES, Role, Scale
from srkit.image import Source

ScaleLike = Scale | str | int | Sequence[int]
SpacingLike = str | float | Sequence[float]
MOST = 64
"""Times the samples along an axis, at most: beyond it a factor or a spacing is a slip of the pen."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Which output grid a call wants; at most one of the three, none of them: what the model enlarges by.

    Parameters
    ----------
    scale
        Whole factor per role, by the network alone.
    spacing
        World units (mm, or those of a raster's CRS) between samples: one number for all axes, or one each for rows,
        columns and, where they shall change, slices.
    isotropic
        The finest spacing of the item on all its axes.
    """

    scale: Scale | None = None
    spacing: tuple[float, ...] = ()
    isotropic: bool = False

    def __post_init__(self) -> None:
        given = [("--scale", self.scale is not None), ("--spacing", self.spacing), ("--isotropic", self.isotropic)]
        names = [name for name, is_given in given if is_given]
        if len(names) > 1:
            raise UsageError(f"{' and '.join(names)} both say how large the output shall be; give one of them")

        if self.scale is not None and max(self.scale.factors) > MOST:
            raise UsageError(f"scale {self.scale} is more than {MOST} times along an axis; give a smaller one")

    @classmethod
    def of_call(
        cls, scale: ScaleLike | None = None, spacing: SpacingLike | None = None, *, isotropic: bool = False
    ) -> Aim:
        """Return the aim of a call's arguments. Raises UsageError where they cannot be meant."""
        asked = scale if scale is None or isinstance(scale, Scale) else Scale.parse(scale)
        return cls(asked, () if spacing is None else parse_spacing(spacing), isotropic)

    def shape(self, source: Source) -> tuple[int, ...] | None:
        """Return the samples per grid axis that are wanted; None where a factor decides, not a distance.

        An axis gets ``max(1, round(n·p / p'))`` samples, over the same extent: the spacing that comes of it is the
        nearest to `p'` that keeps the extent. Axes of a single sample, between which nothing lies, are left alone
        unless their distance is named. Raises InputError where the item has no spacing, or an axis may not change.
        """
        wanted = self._per_role(source)
        if wanted is None:
            return None
        shape = list(source.grid.shape)
        for role, spacing in wanted.items():
            axis = source.roles[role]
            shape[axis] = max(1, round(shape[axis] * source.grid.spacing[axis] / spacing))
            if shape[axis] != source.grid.shape[axis] and axis in source.fixed_axes:
                raise InputError(f"axis {role} cannot be scaled: {source.fixed_axes[axis]}")
            _check_finer(source.grid.spacing[axis], spacing, role)
        return tuple(shape)

    def _per_role(self, source: Source) -> dict[Role, float] | None:
        """Return the distance that is wanted along each role's axis."""
        if not self.spacing and not self.isotropic:
            return None
        if source.grid.is_pixel_space:
            raise InputError("the image does not say how far apart its samples lie; give --scale instead")
        if len(self.spacing) > 1:
            return self._named(source)
        open_to_change: list[Role] = [r for r in ROLES if r in source.roles and source.grid.shape[source.roles[r]] > 1]
        finest = min((source.grid.spacing[source.roles[role]] for role in open_to_change), default=1.0)
        return dict.fromkeys(open_to_change, self.spacing[0] if self.spacing else finest)

    def _named(self, source: Source) -> dict[Role, float]:
        named = dict(zip(ROLES, self.spacing, strict=False))
        for role in named:
            if role not in source.roles:
                raise UsageError(f"the spacing {self} asks for {role}s, but the image has no {role} axis")
            if source.grid.shape[source.roles[role]] == 1 and not math.isclose(
                source.grid.spacing[source.roles[role]], named[role], rel_tol=1e-3
            ):
                raise InputError(f"there is a single {role}, and nothing between {role}s to be found; leave it out")
        return named

    def __str__(self) -> str:
        """Return the form that a user gives."""
        if self.scale is not None:
            return str(self.scale)
        return "isotropic" if self.isotropic else ",".join(f"{number:g}" for number in self.spacing)


def parse_spacing(text: SpacingLike) -> tuple[float, ...]:
    """Read `1.0` (all axes), `1,1,1` (rows, columns, slices) or `0.5,0.5` (rows, columns).

    Raises UsageError for anything else.
    """
    parts = text.split(",") if isinstance(text, str) else [text] if isinstance(text, int | float) else list(text)
    try:
        numbers = tuple(float(part) for part in parts)
    except ValueError:
        numbers = ()
    if len(numbers) in (1, 2, 3) and all(math.isfinite(number) and number > 0 for number in numbers):
        return numbers
    raise UsageError(
        f"spacing {text!r} is not understood; give one distance for all axes (1.0), or one each for rows, columns "
        "and slices (1,1,1)"
    )


def _check_finer(spacing: float, wanted: float, role: Role) -> None:
    if spacing / wanted > MOST:
        raise UsageError(
            f"a spacing of {wanted:g} is more than {MOST} times finer than the {spacing:g} between {role}s; "
            "is it in the image's units?"
        )
