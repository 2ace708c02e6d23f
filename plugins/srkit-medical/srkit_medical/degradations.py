"""How a scanner would have made the low-resolution image: the defaults of the domains."""

from __future__ import annotations

from srkit.domain import Degradation, Step
from srkit.grid import Scale

PSF_SIGMA = 0.425
"""Of a point spread as wide at half maximum as one LR pixel."""


def default_degradation(domain: str, scale: Scale) -> Degradation:
    """Return the steps for the axes that `scale` scales, noise-free.

    MRI: a smaller matrix in k-space within the slice (Hamming window; values keep their sign), a Gaussian slice profile
    across. CT: a Gaussian point spread within the slice; across, thick slices are the mean of thin ones. PET: a
    Gaussian point spread along every axis, for it is the detectors that blur.
    """
    in_plane, across = _STEPS[domain]
    steps = (in_plane,) if max(scale.row, scale.column) > 1 or scale.slice == 1 else ()
    return Degradation((*steps, across) if scale.slice > 1 else steps)


_MRI = (
    Step("kspace", {"window": "hamming", "magnitude": False}),
    Step("profile", {"shape": "gaussian", "thickness": 1.0}),
)
_BLUR = Step("gaussian", {"sigma": PSF_SIGMA, "axes": ["row", "column"]})
_CT = (_BLUR, Step("profile", {"shape": "box", "thickness": 1.0}))
_PET = (_BLUR, Step("profile", {"shape": "gaussian", "thickness": 1.0}))
_STEPS = {"mri": _MRI, "ct": _CT, "pet": _PET}
