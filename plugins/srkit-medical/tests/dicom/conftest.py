"""Series made in code from two slices that pydicom brings, and outputs made by repeating every sample."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.config import disable_value_validation
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian
from srkit_medical.dicom.discover import discover_series
from srkit_medical.dicom.sink import create_series
from srkit_medical.dicom.source import DicomSource, open_series
from srkit_medical.dicom.uids import uid_of

from srkit.domain import Item, Skipped
from srkit.grid import Scale, Slab, Window
from srkit.image import OutputPlan, Provenance
from srkit.testing.outputs import write_repeated

DATA = Path(os.environ.get("SRKIT_DATA", Path(__file__).parents[4].parent / "shared" / "data")) / "medical"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
DOUBLY_OBLIQUE = (0.9396926, 0.3420201, 0.0, -0.3213938, 0.8830222, 0.3420201)


@dataclass
class Recipe:
    """A series to be made: `edit(dataset, k)` has the last word on slice `k`."""

    kind: str = "MR"
    count: int = 6
    orientation: Sequence[float] = AXIAL
    spacing: tuple[float, float] = (0.9, 0.7)
    step: Sequence[float] | None = None
    step_mm: float = 5.0
    origin: Sequence[float] = (-31.5, 12.25, 40.125)
    edit: Callable[[Dataset, int], None] | None = None
    names: Callable[[int], str] = field(default=lambda k: f"{k:03d}.dcm")
    series: str = "one"


def slice_of(recipe: Recipe, k: int) -> Dataset:
    """Return slice `k` of the series that `recipe` describes."""
    dataset = dcmread(str(get_testdata_file(f"{recipe.kind}_small.dcm")))
    orientation = np.array(recipe.orientation)
    normal = np.cross(orientation[:3], orientation[3:])
    step = np.array(recipe.step) if recipe.step is not None else normal * recipe.step_mm
    dataset.ImagePositionPatient = [f"{x:.10g}" for x in np.array(recipe.origin) + k * step]
    dataset.ImageOrientationPatient = [f"{x:.10g}" for x in orientation]
    dataset.PixelSpacing = list(recipe.spacing)
    dataset.InstanceNumber = k + 1
    dataset.SOPInstanceUID = uid_of("test", recipe.series, str(k))
    dataset.SeriesInstanceUID = uid_of("test", recipe.series)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.PixelData = np.roll(dataset.pixel_array, 3 * k, axis=0).tobytes()
    if "SliceLocation" in dataset:
        dataset.SliceLocation = f"{10 + 5 * k}"
    if recipe.edit is not None:
        recipe.edit(dataset, k)
    return dataset


def write_series(folder: Path, recipe: Recipe) -> Path:
    """Write all slices into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(recipe.count):
        slice_of(recipe, k).save_as(folder / recipe.names(k))
    return folder


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a series (fields of `Recipe`) into a folder and returns the folder."""

    def _make(folder: str = "in", **fields: Any) -> Path:
        return write_series(tmp_path / folder, Recipe(**fields))

    return _make


@pytest.fixture
def converted(make: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a folder with a classic CT series that highdicom turned into one Enhanced object."""
    highdicom = pytest.importorskip("highdicom", reason="highdicom is not installed")

    def in_space(dataset: Dataset, k: int) -> None:
        dataset.FrameOfReferenceUID = uid_of("frame")

    classic = make("classic", kind="CT", orientation=DOUBLY_OBLIQUE, edit=in_space)
    datasets = [dcmread(path) for path in sorted(classic.iterdir())]
    enhanced = highdicom.legacy.LegacyConvertedEnhancedCTImage(
        legacy_datasets=datasets,
        series_instance_uid=uid_of("enhanced series"),
        series_number=5,
        sop_instance_uid=uid_of("enhanced"),
        instance_number=1,
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    folder = tmp_path / "enhanced"
    folder.mkdir()
    enhanced.save_as(folder / "volume.dcm", enforce_file_format=True)
    return folder


def items_in(root: Path) -> list[Item]:
    """Return the items at `root`."""
    return [entry for entry in discover_series(root, {}) if isinstance(entry, Item)]


def skipped_in(root: Path) -> list[Skipped]:
    """Return what is passed over at `root`."""
    return [entry for entry in discover_series(root, {}) if isinstance(entry, Skipped)]


@pytest.fixture
def items() -> Callable[[Path], list[Item]]:
    """Return `items_in`."""
    return items_in


@pytest.fixture
def skipped() -> Callable[[Path], list[Skipped]]:
    """Return `skipped_in`."""
    return skipped_in


@pytest.fixture
def opened() -> Callable[..., DicomSource]:
    """Return a function that opens the only series of a folder."""

    def _opened(root: Path, **options: Any) -> DicomSource:
        (item,) = items_in(root)
        return open_series(item, options)

    return _opened


@dataclass
class Output:
    """An output, and what it was made from."""

    source: DicomSource
    plan: OutputPlan
    folder: Path

    @property
    def files(self) -> list[Path]:
        """Its files in the order of their names."""
        return sorted(self.folder.iterdir())

    def plan_windows(self) -> list[Window]:
        """Its slices, as windows of its grid."""
        return list(Slab(0, 1).windows(self.plan.grid.shape))

    @property
    def datasets(self) -> list[Dataset]:
        """Its data sets in the order of their names."""
        with disable_value_validation():
            datasets = [dcmread(path) for path in self.files]
            for dataset in datasets:
                dataset.decode()
        return datasets


def plan_of(
    source: DicomSource, scale: str = "2", options: Mapping[str, Any] | None = None, sha256: str | None = "ab" * 32
) -> OutputPlan:
    """Return the plan of an output; axes that may not be scaled are left alone."""
    factors = Scale.parse(scale).per_axis(source.roles, 3)
    factors = tuple(1 if axis in source.fixed_axes else factor for axis, factor in enumerate(factors))
    return OutputPlan(
        grid=source.grid.upscaled(factors),
        channels=source.channels,
        encoding=source.encoding,
        frames=source.frames,
        scale=factors,
        provenance=Provenance("0.1.0", "test", sha256, scale),
        options=dict(options or {}),
    )


def enlarged(item: Item, folder: Path, scale: str = "2", sha256: str | None = "ab" * 32, **options: Any) -> Output:
    """Write the output of `item`, every sample repeated, into `folder`."""
    source = open_series(item, options)
    plan = plan_of(source, scale, options, sha256)
    write_repeated(create_series(folder, source, plan), source, plan)
    return Output(source, plan, folder)


@pytest.fixture
def enlarge(tmp_path: Path) -> Callable[..., Output]:
    """Return a function that writes the output of the only series in a folder."""

    def _enlarge(root: Path, scale: str = "2", folder: str = "out", **options: Any) -> Output:
        (item,) = items_in(root)
        return enlarged(item, tmp_path / folder, scale, **options)

    return _enlarge


@pytest.fixture
def enlarge_item() -> Callable[..., Output]:
    """Return `enlarged`."""
    return enlarged


@pytest.fixture
def run_judge() -> Callable[..., str]:
    """Return a function that runs an outside program and returns all that it says; skips where it is missing."""

    def _run(*command: str | Path) -> str:
        if shutil.which(str(command[0])) is None:
            pytest.skip(f"{command[0]} is not installed; `make judges` installs it")
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    return _run


@pytest.fixture(scope="session")
def real() -> Path:
    """Return the folder of real series; skips where it is absent."""
    folder = DATA / "dicom"
    if not folder.is_dir():
        pytest.skip("no real data; set SRKIT_DATA")
    return folder
