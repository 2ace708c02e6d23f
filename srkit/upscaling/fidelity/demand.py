"""What is asked of an output's fidelity to its input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from srkit.errors import UsageError


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How near an output must stay to its input, and what is shown of it.

    Parameters
    ----------
    enforced
        Whether an output is made to agree with its input, degraded as the model declares.
    limit
        An output that disagrees by more than this share of the input's spread is not kept; None keeps all.
    strength
        The model's share, 0 to 1, in a mixture with bicubic interpolation.
    maps
        Whether maps of residual, departure and spread lie beside an output.
    """

    enforced: bool = False
    limit: float | None = None
    strength: float = 1.0
    maps: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise UsageError(f"a strength of {self.strength:g} is none; give 0 (interpolation) to 1 (the model alone)")
        if self.limit is not None and not self.limit > 0:
            raise UsageError(f"a limit of {self.limit:g} keeps no output; give a share such as 0.2")

    @classmethod
    def of_call(
        cls,
        *,
        consistency: bool = False,
        consistency_limit: float | None = None,
        strength: float = 1.0,
        maps: bool = False,
    ) -> Self:
        """Return what a call asks for. Raises UsageError for numbers that cannot be meant."""
        return cls(consistency, consistency_limit, strength, maps)
