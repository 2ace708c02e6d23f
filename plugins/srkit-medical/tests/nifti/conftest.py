"""Volumes made in code, and outputs made by repeating every sample."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from srkit_medical.nifti.names import stem_of, suffix_of
from srkit_medical.nifti.sink import create_file
from srkit_medical.nifti.source import NiftiSource, open_file

from srkit.domain import Item
from srkit.image import OutputPlan, Provenance
from srkit.testing.outputs import write_repeated

DATA = Path(os.environ.get("SRKIT_DATA", Path(__file__).parents[4].parent / "shared" / "data")) / "medical"


def oblique(spacing: tuple[float, float, float] = (0.9, 0.8, 4.0), degrees: float = 17.0) -> np.ndarray:
    """Return an affine that is rotated about two axes and far from the origin."""
    a, b = np.radians(degrees), np.radians(degrees / 2)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ np.diag(spacing)
    affine[:3, 3] = (-91.3, 120.7, -64.2)
    return affine


def voxels(shape: tuple[int, ...], dtype: Any = np.int16) -> np.ndarray:
    """Return a bright ball in noise, which any type can hold."""
    rng = np.random.default_rng(7)
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape[:3]], indexing="ij")
    ball = np.exp(-2 * sum(a**2 for a in axes))
    ball = ball.reshape(*ball.shape, *[1] * (len(shape) - ball.ndim))
    return (100 * ball + rng.uniform(0, 20, shape)).astype(dtype)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a volume and returns its path; `edit` changes its header first."""

    def _make(
        name: str = "volume.nii.gz",
        data: np.ndarray | None = None,
        affine: np.ndarray | None = None,
        codes: tuple[int, int] = (1, 1),
        edit: Callable[[Any], None] | None = None,
        klass: Any = nibabel.Nifti1Image,
    ) -> Path:
        affine = oblique() if affine is None else affine
        image = klass(voxels((6, 7, 5)) if data is None else data, affine)
        if hasattr(image, "set_sform"):
            image.set_sform(affine, codes[0])
            image.set_qform(affine, codes[1])
            image.header.set_xyzt_units("mm", "sec")
        if edit:
            edit(image)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(image, path)
        return path

    return _make


def item_of(path: Path, domain: str = "mri") -> Item:
    """Return the item that a volume is."""
    return Item((path,), domain, stem=stem_of(path), suffix=suffix_of(path))


@pytest.fixture
def opened() -> Callable[..., NiftiSource]:
    """Return a function that opens a volume with the given options."""

    def _opened(path: Path, **options: Any) -> NiftiSource:
        return open_file(item_of(path), options)

    return _opened


def plan_of(source: NiftiSource, factors: tuple[int, ...], options: Mapping[str, Any] | None = None) -> OutputPlan:
    """Return the plan of an output made by a model."""
    return OutputPlan(
        grid=source.grid.upscaled(factors),
        channels=source.channels,
        encoding=source.encoding,
        frames=source.frames,
        scale=factors,
        provenance=Provenance("0.1.0", "test", "ab" * 32, ",".join(map(str, factors))),
        options=dict(options or {}),
    )


@pytest.fixture
def planned() -> Callable[..., OutputPlan]:
    """Return `plan_of`."""
    return plan_of


@pytest.fixture
def enlarge(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the output of a volume and returns where it is."""

    def _enlarge(path: Path, factors: tuple[int, ...] = (2, 2, 3), name: str = "", **options: Any) -> Path:
        source = open_file(item_of(path), options)
        plan = plan_of(source, factors, options)
        target = tmp_path / "out" / (name or path.name)
        target.parent.mkdir(exist_ok=True)
        write_repeated(create_file(target, source, plan), source, plan)
        source.close()
        return target

    return _enlarge


def corners(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the two outermost corners of the physical box, and those along each axis, in world units."""
    ends = [np.full(3, -0.5), np.array(shape[:3]) - 0.5]
    ends += [np.where(np.arange(3) == axis, shape[axis] - 0.5, -0.5) for axis in range(3)]
    return np.array([affine[:3, :3] @ end + affine[:3, 3] for end in ends])


@pytest.fixture
def box() -> Callable[[np.ndarray, tuple[int, ...]], np.ndarray]:
    """Return `corners`."""
    return corners


@pytest.fixture
def data_folder() -> Path:
    """Return the folder of real medical files."""
    if not DATA.is_dir():
        pytest.skip(f"no real files at {DATA}; name their folder in SRKIT_DATA")
    return DATA
