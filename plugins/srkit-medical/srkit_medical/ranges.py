"""What PSNR and SSIM refer to: the same image has 40 dB or 46 dB by that alone, so it is fixed and told."""

from __future__ import annotations

import numpy as np

from srkit.image import Array, BoolArray
from srkit_medical.foreground import body_of

HOUNSFIELD = 4095.0
"""From -1024 to 3071: all values that 12 bits hold."""
PERCENTILE = 99.5


def data_range_of(domain: str, values: Array, valid: BoolArray | None) -> tuple[float, str] | None:
    """Return the range for figures of merit of an image ``(C, *spatial)``, and its name; None for others than CT, MRI.

    That of MRI is a percentile of the body: a bright vessel, or a spike, makes no image better.
    """
    if domain == "ct":
        return HOUNSFIELD, "4095 HU"
    if domain != "mri":
        return None
    body = values[:1][body_of(values, valid)]
    high = float(np.percentile(body, PERCENTILE)) if body.size else 0.0
    return (high, f"the {PERCENTILE}th percentile of the HR's body") if high > 0 else None
