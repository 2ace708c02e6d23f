"""The file names of NIfTI and MGH. Light: imports no format library."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from srkit.domain import Item

SUFFIXES = (".nii.gz", ".hdr.gz", ".img.gz", ".nii", ".hdr", ".img", ".mgz", ".mgh")

OTHER_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    ".nii.gz": (".nii",),
    ".nii": (".nii.gz",),
    ".hdr": (".nii.gz", ".nii"),
    ".mgz": (".mgh",),
    ".mgh": (".mgz",),
}
"""What an output may be named instead: packed or not, and of a pair as one file."""

AS_NIFTI = ("series as NIfTI", "Enhanced object as NIfTI")
"""How keys of DICOM items begin whose outputs are NIfTI files."""


def suffix_of(path: Path) -> str:
    """Return the format's suffix of a file name as it is spelt there, ``""`` if it has none."""
    lower = path.name.lower()
    return next((path.name[-len(suffix) :] for suffix in SUFFIXES if lower.endswith(suffix)), "")


def stem_of(path: Path) -> str:
    """Return the file name without the format's suffix."""
    return path.name.removesuffix(suffix_of(path))


def is_nifti_item(item: Item) -> bool:
    """Tell whether an item of this plugin is a NIfTI or MGH file; those of DICOM have other suffixes, or a key."""
    return item.suffix.lower() in SUFFIXES and not item.key.startswith(AS_NIFTI)
