"""Ratios of channels that users go by, and which channels of an image they are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from srkit.image import Channel


@dataclass(frozen=True, slots=True)
class Part:
    """One side of a ratio: a colour, and where it lies in nanometres."""

    colour: str
    least_nm: float
    usual_nm: float
    most_nm: float

    def found(self, channels: Sequence[Channel]) -> int | None:
        """Return the place of the channel nearest to the usual wavelength; where none is known, of that colour."""
        measured = [(abs(c.wavelength_nm - self.usual_nm), i) for i, c in enumerate(channels) if c.wavelength_nm]
        if measured:
            near = [
                (off, i) for off, i in measured if self.least_nm <= (channels[i].wavelength_nm or 0) <= self.most_nm
            ]
            return min(near)[1] if near else None
        named = [i for i, c in enumerate(channels) if self.colour in (c.name.casefold(), *c.aliases)]
        return named[0] if len(named) == 1 else None


RATIOS: Mapping[str, tuple[Part, Part]] = {
    "NDVI": (Part("nir", 760, 842, 900), Part("red", 620, 660, 690)),  # Tucker 1979
}


def ratios_of(channels: Sequence[Channel]) -> dict[str, tuple[int, int]]:
    """Return the places of both channels of every ratio ``(a - b) / (a + b)`` that an image has."""
    found = {name: tuple(part.found(channels) for part in parts) for name, parts in RATIOS.items()}
    return {name: (a, b) for name, (a, b) in found.items() if a is not None and b is not None}
