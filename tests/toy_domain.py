"""A domain of ``.npy`` files for tests: ``SUBJECT_name.npy``, two axes an image, three a volume, four with channels."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from srkit import Channel, Domain, InputError, Item, Option, OutputPlan, Skipped, hookimpl
from srkit.arrays import ArraySink, ArraySource
from srkit.files import files_below
from srkit.grid import Grid

NODATA = 60000
TRAINING = {
    "network": {"name": "srresnet", "parameters": {"features": 8, "blocks": 1, "skip": "bicubic", "head_kernel": 3}},
    "data": {"batch": 2, "patch": 16, "workers": 0},
    "precision": "fp32",
}


@hookimpl
def srkit_domains() -> Sequence[Domain]:
    options = (Option("invert", bool, False, "a test option"),)
    return [Domain("toy", "Arrays", options, training=TRAINING)]


@hookimpl
def srkit_discover(root: Path, options: Mapping[str, object]) -> Iterator[Item | Skipped]:
    for path, folder in files_below(root):
        if path.suffix == ".npy":
            if path.stat().st_size == 0:
                yield Skipped(path, "is empty")
            else:
                group = path.stem.split("_")[0]
                yield Item((path,), "toy", group=group, folder=folder, stem=path.stem, suffix=".npy")


@hookimpl
def srkit_open(domain: str, item: Item) -> ArraySource | None:
    if domain != "toy":
        return None
    try:
        array = np.load(item.path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise InputError("is no array") from error
    bands = item.stem.endswith("bands")
    stored = array if bands else array[None]
    roles = {"row": 0, "column": 1} if stored.ndim == 3 else {"slice": 0, "row": 1, "column": 2}
    valid = (stored != NODATA).all(axis=0, keepdims=True) if (stored == NODATA).any() else None
    channels = [Channel(f"band {i}") for i in range(len(stored))]
    affine = np.diag([5.0, 1.0, 1.0, 1.0] if stored.ndim == 4 else [1.0, 1.0, 1.0])
    return ArraySource(stored, grid=Grid(stored.shape[1:], affine), channels=channels, roles=roles, valid=valid)


class ToySink(ArraySink):
    """Writes one channel as an array."""

    def save(self, target: Path, stored: np.ndarray) -> None:
        np.save(target, stored[0])


@hookimpl
def srkit_create(domain: str, target: Path, plan: OutputPlan) -> ToySink | None:
    return ToySink(target, plan) if domain == "toy" else None
