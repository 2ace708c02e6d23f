"""How much finer an item must become along each axis, and which whole factor a network is to do of that."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from srkit.grid import ROLES, Role, Scale, scale_between
from srkit.image import Source

LEAST = Fraction(21, 20)
"""Times the samples below which there is nothing for a network to find: resampling does what little is to be done."""


@dataclass(frozen=True, slots=True)
class Need:
    """How many samples there shall be for each that there is, per role; below 1 where they shall be fewer."""

    times: Mapping[Role, int | Fraction]

    @classmethod
    def of(cls, source: Source, shape: tuple[int, ...]) -> Need:
        """Return what it takes to bring `source` to `shape`."""
        times = scale_between(source.grid.shape, shape)
        return cls({role: times[axis] for role, axis in source.roles.items()})

    @property
    def refines(self) -> bool:
        """Whether there is anything for a network to do."""
        return any(times >= LEAST for times in self.times.values())

    def is_served_by(self, scale: Scale) -> bool:
        """Tell whether a network of `scale` enlarges axes that need it, and no others."""
        return scale != Scale() and all(scale.of(role) == 1 or self.times.get(role, 1) >= LEAST for role in ROLES)

    def nearest(self, scales: Iterable[Scale]) -> Scale | None:
        """Return the scale after which the least is left to resampling; None where none serves."""
        return min(filter(self.is_served_by, scales), key=self._rest, default=None)

    def nearest_whole(self) -> Scale:
        """Return the nearest whole factors of all axes, in ratio, for interpolations, which can do any."""
        return Scale(**{role: _nearest_whole(times) for role, times in self.times.items()})

    def _rest(self, scale: Scale) -> float:
        return sum(abs(math.log(scale.of(role) / times)) for role, times in self.times.items())

    def __str__(self) -> str:
        """Return the times in words: ``1.083 times the rows, 5 times the slices``."""
        return ", ".join(f"{float(self.times[role]):.4g} times the {role}s" for role in ROLES if role in self.times)


def _nearest_whole(times: int | Fraction) -> int:
    return min({max(1, math.floor(times)), max(1, math.ceil(times))}, key=lambda whole: abs(math.log(whole / times)))
