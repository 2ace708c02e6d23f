"""The contract of srkit.testing on series of every kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset

from srkit.testing import DomainContract, Example

Make = Callable[..., Path]
OBLIQUE = (0.9396926, 0.3420201, 0.0, -0.3213938, 0.8830222, 0.3420201)


class TestObliqueMr(DomainContract):
    @pytest.fixture
    def example(self, make: Make) -> Example:
        return Example("mri", make(orientation=OBLIQUE))


class TestCtWithPadding(DomainContract):
    @pytest.fixture
    def example(self, make: Make) -> Example:
        return Example("ct", make(kind="CT"), normalizer={"kind": "window"})


class TestTiltedCt(DomainContract):
    @pytest.fixture
    def example(self, make: Make) -> Example:
        return Example("ct", make(kind="CT", step=(0, 1.5, 5.0)), normalizer={"kind": "window"})


class TestTimeSeries(DomainContract):
    @pytest.fixture
    def example(self, make: Make) -> Example:
        def timed(dataset: Dataset, k: int) -> None:
            dataset.TemporalPositionIdentifier = 1 + k // 5
            dataset.ImagePositionPatient = [0, 0, 4 * (k % 5)]

        return Example("mri", make(count=10, edit=timed))


class TestSingleSlice(DomainContract):
    @pytest.fixture
    def example(self, make: Make) -> Example:
        return Example("mri", make(count=1))
