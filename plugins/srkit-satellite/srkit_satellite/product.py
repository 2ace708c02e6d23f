"""Products of several files as their makers deliver them: a Sentinel-2 SAFE, a Landsat bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from srkit_satellite.stack import BandFile

MTD_MARK = "MTD_MSIL"
MTL_MARK = "_MTL.txt"


@dataclass(frozen=True, slots=True)
class Product:
    """What a product holds.

    Parameters
    ----------
    path
        The file that stands for it: its metadata, or its archive.
    name
        Its own name, without suffix.
    kind
        In words.
    groups
        Bands by the name of their group; those of a group share one grid, and become one output.
    tags
        What its metadata says of all bands.
    files
        All files that belong to it, so that they are not taken for images of their own.
    notes
        Files that are left out, with the reason.
    """

    path: Path
    name: str
    kind: str
    groups: Mapping[str, tuple[BandFile, ...]]
    tags: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    notes: Mapping[Path, str] = field(default_factory=dict)


def is_product(path: Path) -> bool:
    """Tell whether a file is the metadata of a product, or an archive with one."""
    from srkit_satellite import landsat, sentinel2

    name = path.name
    if name.lower().endswith((".tar", ".tar.gz", ".tgz")):
        return landsat.is_archive(path)
    if name.startswith(MTD_MARK) and name.endswith(".xml"):
        return True
    return name.upper().endswith(MTL_MARK.upper()) or (name.lower().endswith(".zip") and sentinel2.is_archive(path))


def read_product(path: Path) -> Product:
    """Return the product that `path` stands for. Raises InputError where its metadata is broken."""
    from srkit_satellite import landsat, sentinel2

    if path.name.upper().endswith((MTL_MARK.upper(), ".TAR", ".TAR.GZ", ".TGZ")):
        return landsat.read(path)
    return sentinel2.read(path)
