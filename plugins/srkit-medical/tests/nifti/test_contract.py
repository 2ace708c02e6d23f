"""The contract of srkit.testing on items of every kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from srkit.grid import Scale
from srkit.testing import DomainContract, Example

Make = Callable[..., Path]
PERCENTILE = {"kind": "percentile"}
SHAPE = (16, 18, 12)


def ball(*shape: int) -> np.ndarray:
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape[:3]], indexing="ij")
    noise = np.random.default_rng(1).uniform(0, 30, shape)
    grey = 900 * np.exp(-3 * sum(a**2 for a in axes))
    return grey.reshape(*grey.shape, *[1] * (len(shape) - grey.ndim)) + noise


class TestPackedMriVolume(DomainContract):
    @pytest.fixture
    def example(self, make: Make) -> Example:
        path = make("one/volume.nii.gz", ball(*SHAPE).astype(np.int16))
        return Example("mri", path.parent, tolerance=1e-4, normalizer=PERCENTILE)


class TestPlainCtVolume(DomainContract):
    @pytest.fixture
    def example(self, make: Make) -> Example:
        data = (2 * ball(*SHAPE) - 1024).astype(np.int16)
        path = make("one/volume.nii", data)
        return Example("ct", path.parent, tolerance=1e-4, normalizer={"kind": "window"})


class TestTimeSeriesWithSlope(DomainContract):
    @pytest.fixture
    def example(self, make: Make) -> Example:
        def scaled(image: nibabel.Nifti1Image) -> None:
            image.header.set_slope_inter(0.25, -12)

        path = make("one/series.nii.gz", ball(10, 8, 6, 3).astype(np.uint16), edit=scaled)
        return Example("mri", path.parent, tolerance=1e-4, normalizer=PERCENTILE)


class TestFloatsWithHoles(DomainContract):
    @pytest.fixture
    def example(self, make: Make) -> Example:
        data = ball(*SHAPE).astype(np.float32)
        data[:3] = np.nan
        path = make("one/holes.nii.gz", data)
        return Example("mri", path.parent, tolerance=1e-4, normalizer=PERCENTILE)


class TestTwoAxes(DomainContract):
    @pytest.fixture
    def example(self, make: Make) -> Example:
        path = make("one/plane.nii.gz", ball(20, 24, 1)[..., 0].astype(np.int16))
        return Example("mri", path.parent, tolerance=1e-4, scale=Scale(2, 3), normalizer=PERCENTILE)


class TestPair(DomainContract):
    @pytest.fixture
    def example(self, make: Make) -> Example:
        path = make("one/pair.hdr", ball(*SHAPE).astype(np.int16), klass=nibabel.Nifti1Pair)
        return Example("mri", path.parent, tolerance=1e-4, by_content=False, normalizer=PERCENTILE)


class TestPackedMgh(DomainContract):
    @pytest.fixture
    def example(self, make: Make) -> Example:
        path = make("one/volume.mgz", ball(*SHAPE).astype(np.float32), klass=nibabel.MGHImage)
        return Example("mri", path.parent, tolerance=1e-4, by_content=False, normalizer=PERCENTILE)


class TestLabels(DomainContract):
    @pytest.fixture
    def example(self, make: Make) -> Example:
        path = make("one/brain_dseg.nii.gz", (ball(*SHAPE) // 100).astype(np.uint8))
        return Example("mri", path.parent, tolerance=1e-4, normalizer=PERCENTILE)
